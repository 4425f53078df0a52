"""Watching a job: its stream of events where the gateway has one, else asking again and again."""

import json
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from qiskit_serverless.aio.transport import AsyncTransport
from qiskit_serverless.connections import Patience
from qiskit_serverless.exceptions import GatewayConnectionError, GatewayError, NotFoundError, WaitTimeoutError
from qiskit_serverless.records import JobUpdate
from qiskit_serverless.statuses import TERMINAL, shown

_QUIET_SECONDS = 45.0  # the gateway sends a sign of life every 15 s
_QUIET_SECONDS_BEFORE_DEADLINE = 10.0  # shorter than that, so that a sign of life does not hide that time is up
_LATE_SECONDS = 1.0  # by which a timeout may be late when events come until the end
_INSTANT = 0.001
_SERVER_ERROR = 500
_PATIENCE = Patience(first_pause=0.05, longest_pause=2.0, in_all=120.0)
_FIRST_QUESTION = 0.1
_MORE_SECONDS = 1.2


@dataclass(slots=True)
class AsyncJobWatch:
    """One watch over one job.

    Attributes:
        transport: The way to the gateway.
        path: Path of the job on the gateway.
        read_log: Returns the log so far; None to do without.
        cadence: Longest pause between two questions to a gateway that cannot stream, in seconds.
        timeout: Seconds after which to give up, None for never.
        patience: How long to go on while the gateway is away.
        log_name: What the stream calls the log that is wanted: ``logs``, or ``provider_logs``.
    """

    transport: AsyncTransport
    path: str
    read_log: Callable[[], Awaitable[str]] | None
    cadence: float
    timeout: float | None
    patience: Patience = _PATIENCE
    log_name: str = "logs"
    _deadline: float | None = field(init=False)
    _last_event_id: str = field(init=False, default="")
    _ended: bool = field(init=False, default=False)

    def __post_init__(self) -> None:
        self._deadline = None if self.timeout is None else time.monotonic() + self.timeout

    async def updates(self) -> AsyncIterator[JobUpdate]:
        """Yield what happens until the job has ended.

        Raises:
            NotFoundError: There is no such job.
            GatewayConnectionError: The gateway stays away.
            WaitTimeoutError: The job has not ended in time.
        """
        try:
            async for update in self._streamed():
                yield update
        except NotFoundError:  # of the stream or of the job: that shows when the job is asked for
            async for update in self._asked_for():
                yield update

    async def _streamed(self) -> AsyncIterator[JobUpdate]:
        """Yield the events of the stream, resuming it whenever it breaks off before its end."""
        pauses = self.patience.pauses()
        while not self._ended:
            opened = time.monotonic()
            broken: GatewayConnectionError | GatewayError = GatewayConnectionError(
                f"{self.transport.url} ended the stream."
            )
            try:
                async for update in self._stream_once():
                    pauses = self.patience.pauses()
                    yield update
            except GatewayConnectionError as error:
                broken = error
            except GatewayError as error:
                if error.status_code < _SERVER_ERROR:
                    raise
                broken = error
            if time.monotonic() - opened > self.patience.longest_pause:
                pauses = self.patience.pauses()
            if not self._ended:
                pause = next(pauses, None)
                if pause is None:
                    raise broken
                await self._pause(pause)

    async def _stream_once(self) -> AsyncIterator[JobUpdate]:
        quiet = min(_QUIET_SECONDS if self._deadline is None else _QUIET_SECONDS_BEFORE_DEADLINE, self._seconds_left())
        query = {self.log_name: "true" if self.read_log else "false"}
        async with self.transport.events(
            f"{self.path}stream/", query, self._last_event_id, max(quiet, _INSTANT)
        ) as events:
            async for event in events:
                if event.event == "end":
                    self._ended = True
                    return
                yield JobUpdate.from_event(event.event, json.loads(event.data))
                self._last_event_id = event.id
                if self._seconds_left() < quiet - _LATE_SECONDS:  # listen on, but no longer than there is time
                    return

    async def _asked_for(self) -> AsyncIterator[JobUpdate]:
        """Yield what two answers of a gateway that cannot stream tell apart."""
        status, log, pause = "", "", _FIRST_QUESTION
        while status not in TERMINAL:
            if status:
                await self._pause(min(pause, self.cadence))
                pause *= _MORE_SECONDS
            before, status = status, await self._status()
            if status != before and status not in TERMINAL:
                yield JobUpdate(status=status)
            printed = await self.read_log() if self.read_log else ""
            if printed != log:
                yield JobUpdate(log=printed.removeprefix(log))
                log = printed
        yield JobUpdate(status=status)

    async def _status(self) -> str:
        answer = await self.transport.request("GET", self.path, params={"with_result": "false"})
        record = answer.json()
        return shown(record["status"], record.get("sub_status"))

    async def _pause(self, seconds: float) -> None:
        left = self._seconds_left()
        if left <= 0:
            raise WaitTimeoutError(
                f"The job has not ended within {self.timeout} s. It goes on; ask for its result again later."
            )
        await anyio.sleep(min(seconds, left))

    def _seconds_left(self) -> float:
        return float("inf") if self._deadline is None else self._deadline - time.monotonic()
