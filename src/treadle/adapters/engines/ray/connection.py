"""The dispatcher's side of a driver process."""

import asyncio
import json
import os
import socket
import sys
from collections.abc import Callable, Mapping
from itertools import count
from pathlib import Path
from typing import Any

from treadle.adapters.engines.ray.messages import LONGEST_LINE, error_of, line
from treadle.adapters.engines.ray.terms import RayTerms
from treadle.domain.errors import EngineUnavailableError

_MODULE = "treadle.adapters.engines.ray.driver"
_TAIL = 2_000
_LOG_KEPT = 1_000_000
_CLOSE_PATIENCE = 10.0


class DriverConnection:
    """A running driver and what it is asked.

    Attributes:
        ended: Done when it has died, with the reason.
    """

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        stream: tuple[asyncio.StreamReader, asyncio.StreamWriter],
        log: Path,
        start: int,
    ) -> None:
        self._process = process
        self._reader, self._writer = stream
        self._log = log
        self._log_start = start
        self._numbers = count()
        self._answers: dict[int, asyncio.Future[Any]] = {}
        self.ended: asyncio.Future[EngineUnavailableError] = asyncio.get_running_loop().create_future()

    @classmethod
    async def open(cls, address: str, terms: RayTerms, log: Path, variables: Mapping[str, str]) -> "DriverConnection":
        """Start a driver and wait until it is connected.

        Args:
            address: ``host:port`` of the cluster's head.
            terms: Who is to use it, and how.
            log: File that gets what driver and Ray have to say.
            variables: The environment variables it is to have.

        Raises:
            EngineUnavailableError: It cannot connect.
        """
        ours, theirs = socket.socketpair()
        start = _shortened(log)
        with theirs, log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-P", "-m", _MODULE, str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=[theirs.fileno()],
                env=driver_environment(variables), start_new_session=True,
            )  # fmt: skip
        stream = await asyncio.open_connection(sock=ours, limit=LONGEST_LINE)
        connection = cls(process, stream, log, start)
        connection._writer.write(line({"address": address, "terms": terms.to_dict()}))
        await connection._wait_until_connected()
        return connection

    def listen(self, exited: Callable[[str, int], None]) -> None:
        """Let answers and news arrive. `exited` is called with job id and attempt."""
        self._listening = asyncio.create_task(self._listen(exited))

    async def call(self, name: str, *arguments: object) -> object:
        """Ask the driver for something and return its answer.

        Raises:
            EngineUnavailableError: The cluster cannot do it now, or is gone.
            EnvironmentUnusableError: The fault lies in the environment of a launch.
        """
        if self.ended.done():
            raise self.ended.result()
        number = next(self._numbers)
        answer = self._answers[number] = asyncio.get_running_loop().create_future()
        self._writer.write(line({"id": number, "call": name, "arguments": arguments}))
        try:
            return await answer
        finally:
            del self._answers[number]

    async def close(self) -> None:
        """Hang up, and wait until the driver has left."""
        self._listening.cancel()
        self._writer.close()
        try:
            await asyncio.wait_for(self._process.wait(), _CLOSE_PATIENCE)
        except TimeoutError:
            self._process.kill()
            await self._process.wait()

    async def _wait_until_connected(self) -> None:
        first = json.loads(await self._next_line() or b"{}")
        if "connected" in first:
            return
        status = await self._process.wait()
        self._writer.close()
        if "failed" in first:
            raise error_of(first["failed"])
        raise self._death(status)

    async def _listen(self, exited: Callable[[str, int], None]) -> None:
        error = None
        while text := await self._next_line():
            message = json.loads(text)
            if "exited" in message:
                exited(*message["exited"])
            elif "failed" in message:
                error = error_of(message["failed"])
            else:
                self._settle(message)
        status = await self._process.wait()
        self._writer.close()
        self.ended.set_result(error if isinstance(error, EngineUnavailableError) else self._death(status))
        for answer in self._answers.values():
            answer.set_exception(self.ended.result())

    async def _next_line(self) -> bytes:
        """Return the driver's next line, nothing if it has gone."""
        try:
            return await self._reader.readline()
        except ConnectionError:  # it went without having read all
            return b""

    def _settle(self, message: dict[str, Any]) -> None:
        answer = self._answers.get(message["id"])
        if answer is None or answer.done():
            return  # nobody waits for it any more
        if "error" in message:
            answer.set_exception(error_of(message["error"]))
        else:
            answer.set_result(message["value"])

    def _death(self, status: int) -> EngineUnavailableError:
        with self._log.open("rb") as file:
            file.seek(max(self._log_start, self._log.stat().st_size - _TAIL))
            words = file.read().decode(errors="replace").strip() or "none"
        return EngineUnavailableError(
            f"The process that is connected to Ray has ended with status {status}. Its last words: {words}",
            hint=f"More is in {self._log}.",
        )


def _shortened(log: Path) -> int:
    """Empty a log that has become long. Returns where the next line goes."""
    if log.exists() and log.stat().st_size > _LOG_KEPT:
        os.truncate(log, 0)
    return log.stat().st_size if log.exists() else 0


def driver_environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a driver, with Ray's authentication told explicitly.

    Without that, Ray would turn it on when it finds a file in the home directory, and write such a file.
    """
    has_token = "RAY_AUTH_TOKEN" in variables or "RAY_AUTH_TOKEN_PATH" in variables
    return {
        "RAY_AUTH_MODE": "token" if has_token else "disabled",
        "RAY_USAGE_STATS_ENABLED": "0",
        **variables,
    }
