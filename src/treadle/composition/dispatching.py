"""The dispatcher of a process, from its start to its end."""

import asyncio
import logging

from treadle.services.dispatch import Dispatcher
from treadle.services.engines import Engines

logger = logging.getLogger(__name__)


class Dispatching:
    """A dispatcher that runs beside what is served."""

    def __init__(self, dispatcher: Dispatcher, engines: Engines) -> None:
        self._dispatcher = dispatcher
        self._engines = engines
        self._running: asyncio.Task[None] | None = None

    @property
    def trouble(self) -> str | None:
        """Why no jobs are dispatched, None if they are."""
        return None if self._running is not None and not self._running.done() else "dispatcher_unavailable"

    async def open_engines(self) -> None:
        """Make its engines ready."""
        await self._engines.open(self._dispatcher.supervisor_exited)

    def begin(self) -> None:
        """Let it dispatch until the wake-ups are closed."""
        self._running = asyncio.create_task(self._dispatcher.run())
        self._running.add_done_callback(_say_if_failed)

    async def end(self) -> None:
        """Wait for its end, which the closed wake-ups bring."""
        if self._running is not None:
            await self._running

    async def close(self) -> None:
        """Release what its engines hold."""
        await self._engines.close()


def _say_if_failed(running: "asyncio.Task[None]") -> None:
    """Say it loudly if the dispatcher ended by a fault of ours: without it no job would ever start."""
    if not running.cancelled() and running.exception() is not None:
        logger.critical(
            "the dispatcher has ended; no job will be started until it is started again", exc_info=running.exception()
        )
