"""Simulated supervisors: ``python -m benchmarks.scale.fleet SOCKET MODE PAUSE``.

Each speaks the runner protocol over a connection of its own, as a real one does, and runs nothing. MODE is ``finish``: every job
ends as soon as it has begun; or ``hold``: every job runs on, with heartbeats and ten lines of log every PAUSE
seconds. For each line on standard input it prints as JSON what was done so far.
"""

import asyncio
import json
import sys
import time
from dataclasses import asdict, dataclass, field

from benchmarks.scale.http import Connection
from treadle.domain.launch import HEARTBEAT_SECONDS, Launch
from treadle.domain.outcome import Ending, Outcome

_LINES = b"".join(b"step %d of the optimiser: energy -1.136189\n" % number for number in range(10))
_DONE = json.dumps(asdict(Outcome(Ending.EXITED, exit_code=0))).encode()


@dataclass
class Fleet:
    """All supervisors of a platform.

    Attributes:
        hold: Whether their jobs run on.
        pause: Seconds between two parts of a log.
        finished: Jobs that have ended.
        running: Jobs that run.
        parts: Parts of logs that were sent.
        heartbeats: Heartbeats that were answered.
        slowest: Longest time that a call took, in seconds.
    """

    hold: bool
    pause: float
    finished: int = 0
    running: int = 0
    parts: int = 0
    heartbeats: int = 0
    slowest: float = 0.0
    _supervisors: set["asyncio.Task[None]"] = field(default_factory=set, repr=False)

    async def listen(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Take the launches of an engine."""
        while line := await reader.readline():
            supervisor = asyncio.create_task(self._supervise(Launch.from_json(line.decode())))
            self._supervisors.add(supervisor)
            supervisor.add_done_callback(self._left)
        writer.close()

    def _left(self, supervisor: "asyncio.Task[None]") -> None:
        self._supervisors.discard(supervisor)
        if not supervisor.cancelled():
            supervisor.result()

    async def _supervise(self, launch: Launch) -> None:
        connection = Connection(launch.gateway_url, launch.token)
        path = f"/api/runner/v1/jobs/{launch.job_id}/attempts/{launch.attempt}"
        await self._call(connection, "POST", f"{path}/started/")
        if self.hold:
            await self._run(connection, path)
        await self._call(connection, "POST", f"{path}/finished/", _DONE)
        self.finished += 1
        connection.close()

    async def _run(self, connection: Connection, path: str) -> None:
        self.running += 1
        offset, beat_due = 0, time.perf_counter() + HEARTBEAT_SECONDS
        while True:
            offset = (await self._call(connection, "PUT", f"{path}/logs/?offset={offset}", _LINES))["length"]
            self.parts += 1
            if time.perf_counter() >= beat_due:
                await self._call(connection, "POST", f"{path}/heartbeat/")
                beat_due += HEARTBEAT_SECONDS
                self.heartbeats += 1
            await asyncio.sleep(self.pause)

    async def _call(self, connection: Connection, method: str, target: str, body: bytes = b"") -> dict[str, int]:
        began = time.perf_counter()
        answer: dict[str, int] = await connection.call(method, target, body)
        self.slowest = max(self.slowest, time.perf_counter() - began)
        return answer

    def told(self) -> str:
        """Return what was done, as JSON."""
        return json.dumps({name: value for name, value in vars(self).items() if not name.startswith("_")})


async def main() -> None:
    """Play supervisors until standard input is closed."""
    fleet = Fleet(hold=sys.argv[2] == "hold", pause=float(sys.argv[3]))
    server = await asyncio.start_unix_server(fleet.listen, sys.argv[1], limit=2**20)
    print("ready", flush=True)
    async with server:
        while await asyncio.to_thread(sys.stdin.readline):
            print(fleet.told(), flush=True)


if __name__ == "__main__":
    asyncio.run(main())
