"""Telling engines to stop what users want to be stopped."""

import asyncio
import logging

from treadle.domain.errors import EngineUnavailableError, StorageError
from treadle.domain.jobs import Job
from treadle.ports.wakeups import STOPS
from treadle.services.engines import Engines
from treadle.services.leases import Leases

logger = logging.getLogger(__name__)

_LONGEST_PAUSE = 15.0


class Stops:
    """Passes on to the engines of a dispatcher which attempts are to be stopped, once each.

    It is the short way: a supervisor that no engine tells hears of it in the answer to its next heartbeat.
    """

    def __init__(self, leases: Leases, engines: Engines) -> None:
        self._leases = leases
        self._engines = engines
        self._told: dict[tuple[str, int], asyncio.Task[None]] = {}

    async def run(self) -> None:
        """Pass on what there is to pass on whenever somebody wants a job to stop, until the wake-ups are closed."""
        wakeups = self._leases.wakeups
        with wakeups.subscribe(STOPS) as subscription:
            while not wakeups.closed:
                try:
                    await self.tell()
                except StorageError as error:
                    logger.warning("stopping waits: %s %s", error, error.hint)
                await subscription.wait(_LONGEST_PAUSE)
        await self._break_off()

    async def tell(self) -> None:
        """Begin to tell the engines; one that takes its time holds up no other."""
        dispatcher = self._leases.dispatcher
        jobs = await self._leases.database.read(lambda repositories: repositories.jobs.stopping(dispatcher))
        stopping = {(job.id, job.state.attempt): job for job in jobs}
        self._told = {key: told for key, told in self._told.items() if key in stopping or not told.done()}
        for key, job in stopping.items():
            if key not in self._told:
                self._told[key] = asyncio.create_task(self._tell(job))

    async def _tell(self, job: Job) -> None:
        engine = self._engines.named(job.placement.engine) if job.placement is not None else None
        if engine is None:
            return
        try:
            await engine.stop(job.id, job.state.attempt)
        except EngineUnavailableError as error:
            logger.warning("job %s hears of its stop at its next heartbeat: %s %s", job.id, error, error.hint)

    async def _break_off(self) -> None:
        for told in self._told.values():
            told.cancel()
        await asyncio.gather(*self._told.values(), return_exceptions=True)
