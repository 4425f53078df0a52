"""The dispatcher: gives queued jobs to its engines, and looks after those it has given them."""

import asyncio
import logging
from datetime import datetime, timedelta

from treadle.domain.errors import EngineUnavailableError, OutcomeUnknownError, StorageError, TreadleError
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
from treadle.services.takeover import Attendance, Takeover

logger = logging.getLogger(__name__)

_FIRST_PAUSE = 1.0
_LEAST_PAUSE = timedelta(seconds=1)  # between two looks at all jobs on engines
_JUST_AFTER = timedelta(milliseconds=10)


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
        self._leases = Leases(database, wakeups, clock, identity, terms.lease)
        self._launches = Launches(self._leases, engines, access, functions, files, builds, terms)
        self._claims = Claims(self._leases, engines, builds, terms)
        self._builds = builds
        self._recovery = Recovery(self._leases, engines, self._launches)
        self._stops = Stops(self._leases, engines)
        self._takeover = Takeover(self._leases, engines, self._recovery)
        self._attendance = Attendance(terms.lease)
        self._adopted = False
        self._look_at: datetime | None = None
        self._longest_pause = terms.lease.total_seconds() / 2
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
        troubles: list[EngineUnavailableError] = []
        try:
            for step in (self._adopt, self._recovery.recover_exited, self._look_after_silent, self._start_next):
                try:
                    await step()
                except EngineUnavailableError as error:  # other engines, and other steps, have none of its trouble
                    troubles.append(error)
        except StorageError as error:
            self._attendance.interrupt()
            self._adopted &= not isinstance(error, OutcomeUnknownError)  # what was claimed may be ours now
            return self._pause_after(error)
        if troubles:
            return self._pause_after(troubles[0])
        self._pause = _FIRST_PAUSE
        return self._until_next_look()

    def _pause_after(self, error: TreadleError) -> float:
        logger.warning("dispatching waits: %s %s", error, error.hint)
        pause, self._pause = self._pause, min(2 * self._pause, self._longest_pause)
        return pause

    async def _adopt(self) -> None:
        if not self._adopted:
            await self._recovery.adopt()
            self._adopted = True

    async def _start_next(self) -> None:
        claimed = await self._claims.take()
        try:
            await self._launches.start_all(claimed)
        except StorageError:
            self._adopted = False  # what was claimed and is not started is ours
            raise

    async def _look_after_silent(self) -> None:
        """Renew or recover what is this dispatcher's and will soon have been silent too long; take over what others let go of.

        It reads all jobs on engines, so it is done once in a while, however often the dispatcher is woken.
        """
        now = self._leases.clock.now()
        if self._look_at is not None and now < self._look_at:
            return
        lease, soon = self._leases.length, now + 0.75 * self._leases.length
        silent, following = await self._leases.database.read(
            lambda repositories: (repositories.jobs.silent(soon), repositories.jobs.next_silence())
        )
        self._attendance.note(now)
        next_look = now + lease / 2 if following is None else min(following + _JUST_AFTER, now + lease / 2)
        self._look_at = max(next_look, now + _LEAST_PAUSE)
        await self._recovery.recover_silent(silent)
        if self._attendance.may_judge(now):
            await self._takeover.take_over(
                [job for job in silent if job.lease_until is not None and job.lease_until < now]
            )

    def _until_next_look(self) -> float:
        """Return the seconds until a lease may run out, so that no job waits longer than that; at most half a lease."""
        if self._look_at is None:
            return self._longest_pause
        return max((self._look_at - self._leases.clock.now()).total_seconds(), 0.0)
