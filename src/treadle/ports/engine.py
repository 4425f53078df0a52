"""Where jobs run."""

from collections.abc import Callable
from enum import StrEnum
from typing import Protocol

from treadle.domain.launch import Launch


class Presence(StrEnum):
    """What an engine knows of an attempt."""

    RUNNING = "running"
    """Its supervisor lives."""
    GONE = "gone"
    """It left traces, but its supervisor is gone; `Engine.start` with the same launch recovers what it left."""
    UNKNOWN = "unknown"
    """No trace of it; `Engine.start` runs it."""


class Engine(Protocol):
    """Starts, stops and watches supervisors.

    An engine knows nothing of job states. It is told what to start, and tells when a supervisor has ended;
    what that means is for the dispatcher to decide.
    """

    async def open(self, on_exit: Callable[[str, int], None]) -> None:
        """Make the engine ready.

        Args:
            on_exit: Called in the event loop with (job id, attempt) whenever a watched supervisor has ended, however it ended.
        """

    async def start(self, launch: Launch) -> None:
        """Start the supervisor of an attempt, and watch it.

        Harmless when the attempt already runs: it is then only watched. When the attempt's supervisor is gone, a new one recovers
        its log and outcome instead of running the program again.

        Raises:
            treadle.domain.errors.EngineUnavailableError: The engine cannot start anything now; the attempt left no trace.
            treadle.domain.errors.EnvironmentUnusableError: It cannot start anything in the launch's environment, now or later.
        """

    async def prepare(self, environment: str) -> None:
        """Begin to warm an environment (by its digest), so that the next program in it starts quickly."""

    async def release(self, environment: str) -> None:
        """Keep nothing of an environment that is about to be removed; running programs go on."""

    async def adopt(self, job_id: str, attempt: int) -> Presence:
        """Look for an attempt that an earlier gateway started, and watch it if it runs."""

    async def stop(self, job_id: str, attempt: int) -> None:
        """Ask the supervisor to end its program; harmless when there is none. The supervisor reports the end itself."""

    async def sweep(self, live: set[tuple[str, int]]) -> None:
        """Remove what attempts other than `live` left behind and that nobody runs any more."""

    async def close(self) -> None:
        """Release the engine's own resources; running supervisors go on."""
