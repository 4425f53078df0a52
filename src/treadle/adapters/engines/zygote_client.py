"""Gets supervisors from a zygote, and another zygote when it has died."""

import asyncio
import logging
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from treadle.adapters.engines.zygote_process import Listener, ZygoteProcess, zygote_environment
from treadle.domain.errors import EngineUnavailableError
from treadle.domain.launch import Launch

logger = logging.getLogger(__name__)

_FAILURES_BEFORE_DESPAIR = 3
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 30.0
_MOST_UNANSWERED = 64  # what is in flight must fit into the socket's buffer
_LOG_KEPT = 1_000_000
_TAIL = 2_000


@dataclass(frozen=True, slots=True)
class _Request:
    launch: Launch
    answer: "asyncio.Future[int]"


class ZygoteClient:
    """Keeps one zygote running from `open` to `close`.

    Attributes:
        warm: Set while there is a zygote that has imported everything.
    """

    def __init__(
        self, home: Path, interpreter: str, variables: Mapping[str, str], environment: Path | None = None
    ) -> None:
        """Make a client; `open` starts the zygote.

        Args:
            home: The platform's home folder.
            interpreter: The Python that runs the zygote.
            variables: Environment variables of the zygote, besides those it may see of this process.
            environment: Folder of the environment whose Python that is, None for the platform's own.
        """
        self.warm = asyncio.Event()
        self._home = home
        self._interpreter = interpreter
        self._variables = variables
        self._environment = environment
        self._log = environment.with_suffix(".runner.log") if environment else home / "runner.log"
        self._log_start = 0
        self._zygote: ZygoteProcess | None = None
        self._requests: dict[int, _Request] = {}
        self._last_number = 0
        self._room = asyncio.Semaphore(_MOST_UNANSWERED)
        self._failures = 0
        self._trouble: EngineUnavailableError | None = None
        self._restart: asyncio.TimerHandle | None = None
        self._closed = False

    @property
    def pid(self) -> int | None:
        """Return the process id of the zygote, None while there is none."""
        return self._zygote.pid if self._zygote else None

    @property
    def closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    @property
    def busy(self) -> bool:
        """Whether somebody waits for a supervisor."""
        return bool(self._requests)

    def spawn(self) -> None:
        """Start a zygote. This needs no event loop yet, so that it can import while the gateway does.

        Raises:
            EngineUnavailableError: The interpreter cannot be started.
        """
        if self._log.exists() and self._log.stat().st_size > _LOG_KEPT:
            os.truncate(self._log, 0)
        self._log_start = self._log.stat().st_size if self._log.exists() else 0
        variables = {**zygote_environment(os.environ, self._environment), **self._variables}
        self._zygote = ZygoteProcess(self._interpreter, self._home, self._log, variables)

    def open(self) -> None:
        """Begin to serve, with the zygote that was spawned or a new one, without waiting until it is warm.

        Raises:
            EngineUnavailableError: The interpreter cannot be started.
        """
        if self._zygote is None:
            self.spawn()
        self._attend()

    async def supervisor(self, launch: Launch) -> int:
        """Have a supervisor forked and return its pidfd, which belongs to the caller.

        Raises:
            EngineUnavailableError: There is no zygote and none can be started, or it cannot fork.
        """
        async with self._room:
            if self._trouble is not None:
                raise self._trouble
            self._last_number += 1
            number = self._last_number
            request = _Request(launch, asyncio.get_running_loop().create_future())
            self._requests[number] = request
            try:
                if self._zygote is not None:
                    self._zygote.request_supervisor(number, launch)
                return await request.answer
            finally:
                del self._requests[number]

    async def close(self, *, wait: bool) -> None:
        """Hang up. The zygote then leaves, as soon as its last supervisor has left.

        Args:
            wait: Whether to wait for that; it should not have supervisors then.
        """
        self._closed = True
        if self._restart is not None:
            self._restart.cancel()
        zygote, self._zygote = self._zygote, None
        if zygote is not None:
            zygote.hang_up()
            if not self.warm.is_set():
                zygote.kill()  # it has forked nobody yet, and would go on importing for seconds
            if wait or not self.warm.is_set():
                await zygote.ended.wait()
        self._trouble = EngineUnavailableError("The process that starts programs was let go.")
        self._fail_all(self._trouble)

    def _attend(self) -> None:
        assert self._zygote is not None  # noqa: S101  (it was just spawned)
        self._zygote.attend(Listener(self._on_answer, self._on_end))
        for number, request in self._requests.items():
            self._zygote.request_supervisor(number, request.launch)

    def _start_again(self) -> None:
        try:
            self.spawn()
            self._attend()
        except (EngineUnavailableError, OSError) as error:
            self._on_failure(str(error))

    def _on_answer(self, answer: dict[str, Any], descriptor: int | None) -> None:
        if "ready" in answer:
            self._failures, self._trouble = 0, None
            self.warm.set()
        elif "failed" in answer:
            self._settle(answer["failed"], EngineUnavailableError(f"No process can be started: {answer['reason']}."))
        elif descriptor is not None and not self._settle(answer["started"], descriptor):
            os.close(descriptor)

    def _settle(self, number: int, result: int | EngineUnavailableError) -> bool:
        """Answer a request. Returns whether somebody still waits for it."""
        request = self._requests.get(number)
        if request is None or request.answer.done():
            return False
        if isinstance(result, int):
            request.answer.set_result(result)
        else:
            request.answer.set_exception(result)
        return True

    def _on_end(self, status: int | None) -> None:
        if self._closed:
            return
        self._zygote = None
        self.warm.clear()
        self._on_failure(f"{self._last_words()} (wait status {status})")

    def _on_failure(self, reason: str) -> None:
        """Start another zygote, the later the more have failed in a row. After some, give up on those who wait."""
        self._failures += 1
        logger.warning("the zygote has ended, another one will be started: %s", reason)
        if self._failures >= _FAILURES_BEFORE_DESPAIR:
            self._trouble = EngineUnavailableError(
                f"The process that starts programs has failed {self._failures} times. Its last words: {reason}",
                hint=f"Run `treadle doctor`; more is in {self._log}.",
            )
            self._fail_all(self._trouble)
        pause = min(_FIRST_PAUSE * 4 ** (self._failures - 1), _LONGEST_PAUSE)
        self._restart = asyncio.get_running_loop().call_later(pause, self._start_again)

    def _fail_all(self, error: EngineUnavailableError) -> None:
        for number in self._requests:
            self._settle(number, error)

    def _last_words(self) -> str:
        with self._log.open("rb") as file:
            file.seek(max(self._log_start, self._log.stat().st_size - _TAIL))
            return file.read().decode(errors="replace").strip() or "none"
