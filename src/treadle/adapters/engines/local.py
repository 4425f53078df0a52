"""The engine of this machine: supervisors are forked from a zygote and watched by their pidfds."""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

from treadle.adapters.engines.zygotes import Zygotes
from treadle.domain.errors import EngineUnavailableError
from treadle.domain.launch import Launch
from treadle.ports.engine import Presence
from treadle.runner.attempt import AttemptFolder, attempts, discarded
from treadle.runner.folders import remove_tree
from treadle.runner.processes import end_strays
from treadle.runner.signals import GATEWAY_IS_BACK

logger = logging.getLogger(__name__)

Attempt = tuple[str, int]


class LocalEngine:
    """`treadle.ports.engine.Engine` on this machine."""

    def __init__(
        self,
        home: Path,
        *,
        interpreter: str = sys.executable,
        warm_environments: int = 4,
        variables: Mapping[str, str] | None = None,
    ) -> None:
        """Make an engine; `open` starts it, `spawn_zygote` the slow part of it.

        Args:
            home: The platform's home folder.
            interpreter: The Python that runs zygote and programs; it must have treadle installed.
            warm_environments: How many zygotes of other environments than the platform's own may wait for work.
            variables: Environment variables of all programs, besides those they may see of this process.
        """
        self._home = home.resolve()
        self._zygotes = Zygotes(self._home, interpreter, warm_environments, variables or {})
        self._on_exit: Callable[[str, int], None] | None = None
        self._watched: dict[Attempt, int] = {}
        self._starting: dict[Attempt, asyncio.Task[None]] = {}

    @property
    def zygote_pid(self) -> int | None:
        """Return the process id of the platform's own zygote, None while there is none."""
        return self._zygotes.platform.pid

    @property
    def warm(self) -> asyncio.Event:
        """Return the event that is set while the zygote has imported everything."""
        return self._zygotes.platform.warm

    async def wait_until_warm(self) -> None:
        """Wait until programs start quickly."""
        await self._zygotes.platform.warm.wait()

    def spawn_zygote(self) -> None:
        """Start the zygote already. It needs no event loop, so it can import while the gateway is still importing itself.

        Raises:
            EngineUnavailableError: This system is not Linux, or Python cannot be started.
        """
        if sys.platform != "linux":
            raise EngineUnavailableError(
                f"The local engine needs Linux, and this is {sys.platform}.", hint="Run the platform on Linux."
            )
        (self._home / "jobs").mkdir(mode=0o700, parents=True, exist_ok=True)
        self._zygotes.platform.spawn()

    async def open(self, on_exit: Callable[[str, int], None]) -> None:
        """Begin to serve without waiting until the zygote is warm; requests wait for it.

        Args:
            on_exit: Called in the event loop with (job id, attempt) whenever a watched supervisor has ended.

        Raises:
            EngineUnavailableError: This system is not Linux, or Python cannot be started.
        """
        self._on_exit = on_exit
        if self._zygotes.platform.pid is None:
            self.spawn_zygote()
        self._zygotes.platform.open()

    async def start(self, launch: Launch) -> None:
        """Start or recover an attempt, unless it runs already, and watch it.

        Raises:
            EngineUnavailableError: The engine cannot start anything now.
            EnvironmentUnusableError: It cannot start anything in this environment.
        """
        attempt = (launch.job_id, launch.attempt)
        if attempt not in self._starting:
            task = asyncio.create_task(self._start(attempt, launch))
            self._starting[attempt] = task
            task.add_done_callback(lambda _: self._starting.pop(attempt))
        await self._starting[attempt]

    async def prepare(self, environment: str) -> None:
        """Begin to warm an environment, so that the next program in it starts quickly."""
        self._zygotes.prepare(environment)

    async def release(self, environment: str) -> None:
        """Start nothing more in an environment, unless asked to."""
        self._zygotes.release(environment)

    async def adopt(self, job_id: str, attempt: int) -> Presence:
        """Look for an attempt, watch it if it runs, and tell its supervisor that the gateway is back."""
        key = (job_id, attempt)
        if self._watch_holder(key):
            _signal(self._watched[key], GATEWAY_IS_BACK)
            return Presence.RUNNING
        return Presence.GONE if self._folder(key).begun else Presence.UNKNOWN

    async def stop(self, job_id: str, attempt: int) -> None:
        """Ask a supervisor to end its program; harmless when there is none."""
        key = (job_id, attempt)
        if key in self._starting:
            await asyncio.wait([self._starting[key]])
        if key in self._watched or self._watch_holder(key):
            _signal(self._watched[key], signal.SIGTERM)

    async def sweep(self, live: set[Attempt]) -> None:
        """Remove folders of attempts that are not in `live` and that no supervisor looks after, with their processes."""
        for job_id, number, folder in list(attempts(self._home)):
            key = (job_id, number)
            if key not in live and key not in self._starting and key not in self._watched and folder.holder() is None:
                await asyncio.to_thread(_remove, folder)
        for path in discarded(self._home):
            await asyncio.to_thread(_remove_rest, path)

    async def close(self) -> None:
        """Hang up on the zygote; running supervisors go on."""
        running = bool(self._watched)
        for attempt in list(self._watched):
            self._unwatch(attempt)
        await self._zygotes.close(wait=not running)

    async def _start(self, attempt: Attempt, launch: Launch) -> None:
        if not self._watch_holder(attempt):
            pidfd = await self._zygotes.supervisor(launch)
            self._watch(attempt, pidfd)

    def _watch_holder(self, attempt: Attempt) -> bool:
        """Watch the supervisor that holds an attempt's lock. Returns whether one is watched now."""
        if attempt in self._watched:
            return True
        folder = self._folder(attempt)
        holder = folder.holder()
        if holder is None:
            return False
        try:
            pidfd = os.pidfd_open(holder)
        except ProcessLookupError:
            return False
        if folder.holder() != holder:  # it has ended meanwhile, and the number may be somebody else's
            os.close(pidfd)
            return False
        self._watch(attempt, pidfd)
        return True

    def _watch(self, attempt: Attempt, pidfd: int) -> None:
        self._watched[attempt] = pidfd
        asyncio.get_running_loop().add_reader(pidfd, self._supervisor_ended, attempt)

    def _unwatch(self, attempt: Attempt) -> None:
        pidfd = self._watched.pop(attempt)
        asyncio.get_running_loop().remove_reader(pidfd)
        os.close(pidfd)

    def _supervisor_ended(self, attempt: Attempt) -> None:
        """Tell that a supervisor has ended, unless it left because another one looks after the attempt."""
        self._unwatch(attempt)
        if not self._watch_holder(attempt) and self._on_exit is not None:
            self._on_exit(*attempt)

    def _folder(self, attempt: Attempt) -> AttemptFolder:
        return AttemptFolder.of(self._home, *attempt)


def _signal(pidfd: int, number: int) -> None:
    try:
        signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        return  # it has just ended


def _remove(folder: AttemptFolder) -> None:
    try:
        end_strays(folder.path)
        folder.discard()
    except OSError as error:
        logger.warning("%s cannot be removed: %s", folder.path, error)


def _remove_rest(path: Path) -> None:
    try:
        remove_tree(path)
    except OSError as error:
        logger.warning("%s cannot be removed: %s", path, error)
