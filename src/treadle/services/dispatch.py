"""The dispatcher: gives queued jobs to its engines, and looks after those it has given them."""

import asyncio
import logging

from treadle.domain.errors import EngineUnavailableError, StorageError
from treadle.ports.clock import Clock
from treadle.ports.files import FileStore
from treadle.ports.repositories import Database
from treadle.ports.wakeups import QUEUE, WakeUps
from treadle.services.access import Access
from treadle.services.claiming import Claims
from treadle.services.engines import Engines
from treadle.services.environment_builds import EnvironmentBuilds
from treadle.services.functions import Functions
from treadle.services.launching import JobTerms, Launches
from treadle.services.leases import Leases
from treadle.services.recovery import Recovery
from treadle.services.stops import Stops
from treadle.services.transitions import LEASE

logger = logging.getLogger(__name__)

_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = LEASE.total_seconds() / 2


class Dispatcher:
    """Moves jobs from the queue to its engines. Woken when there is something to do."""

    def __init__(
        self,
        database: Database,
        engines: Engines,
        wakeups: WakeUps,
        clock: Clock,
        access: Access,
        functions: Functions,
        files: FileStore,
        builds: EnvironmentBuilds,
        terms: JobTerms,
        identity: str,
    ) -> None:
        """Make a dispatcher.

        Args:
            database: Where the jobs are; other dispatchers may use it too.
            engines: Where this one's jobs run.
            wakeups: What wakes it.
            clock: The time.
            access: Makes the tokens of jobs.
            functions: Functions.
            files: Files of users and providers.
            builds: Has the environments of functions built.
            terms: What the platform grants each job.
            identity: By what it knows its jobs again when it is started anew; no other dispatcher has it.
        """
        self._wakeups = wakeups
        self._leases = Leases(database, wakeups, clock, identity)
        self._launches = Launches(self._leases, engines, access, functions, files, builds, terms)
        self._claims = Claims(self._leases, engines, builds, terms)
        self._builds = builds
        self._recovery = Recovery(self._leases, engines, self._launches)
        self._stops = Stops(self._leases, engines)
        self._adopted = False
        self._pause = _FIRST_PAUSE

    def supervisor_exited(self, job_id: str, attempt: int) -> None:
        """Take note that a supervisor has ended; the engines call this."""
        self._recovery.note_exit(job_id, attempt)
        self._wakeups.publish(QUEUE)

    async def run(self) -> None:
        """Adopt what runs already, then dispatch, stop and build until the wake-ups are closed."""
        try:
            async with asyncio.TaskGroup() as group:
                for other in (self._stops, self._builds):
                    group.create_task(other.run())
                await self._dispatch()
        finally:
            await self._launches.close()
            await self._builds.close()

    async def _dispatch(self) -> None:
        with self._wakeups.subscribe(QUEUE) as subscription:
            while not self._wakeups.closed:
                pause = await self._round()
                await subscription.wait(pause)

    async def _round(self) -> float:
        """Do all there is to do now. Returns the seconds after which to look again unless woken before."""
        try:
            if not self._adopted:
                await self._recovery.adopt()
                self._adopted = True
            await self._recovery.look_after()
            await self._launches.start_all(await self._claims.take())
        except (EngineUnavailableError, StorageError) as error:
            logger.warning("dispatching waits: %s %s", error, error.hint)
            pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE)
            return pause
        self._pause = _FIRST_PAUSE
        return _LONGEST_PAUSE
