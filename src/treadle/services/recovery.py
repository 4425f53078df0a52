"""Looking after the attempts that one dispatcher holds: those of before its start, those that fall silent, those that end.

An attempt is handed to an engine once, when it was claimed. From then on it is either known there, or its job gets a new attempt
if its program had not begun, and fails if it had: no attempt is ever run twice.
"""

from collections import Counter
from collections.abc import Sequence

from treadle.domain.causes import WORKER_LOST
from treadle.domain.errors import EngineUnavailableError, StorageError
from treadle.domain.jobs import Job
from treadle.domain.lifecycle import ON_ENGINE, JobStatus
from treadle.ports.engine import Presence
from treadle.services.engines import Engines
from treadle.services.launching import Launches
from treadle.services.leases import Leases

_RECOVERIES = 3


class Recovery:
    """Sees to it that every job that a dispatcher holds comes to an end."""

    def __init__(self, leases: Leases, engines: Engines, launches: Launches) -> None:
        self._leases = leases
        self._engines = engines
        self._launches = launches
        self._exited: set[tuple[str, int]] = set()
        self._recoveries: Counter[str] = Counter()

    def note_exit(self, job_id: str, attempt: int) -> None:
        """Take note that a supervisor has ended."""
        self._exited.add((job_id, attempt))

    async def adopt(self) -> None:
        """Take up what this dispatcher had when it ended, then remove what is left of attempts that nobody has.

        Raises:
            EngineUnavailableError: An engine does not tell what it has.
        """
        database = self._leases.database
        jobs = await database.read(lambda repositories: repositories.jobs.on_engine())
        for job in jobs:
            if self._leases.holds(job):
                await self.look_after(job)
            elif job.placement is None:
                await self._take_if_known(job)
        await self._engines.sweep({(job.id, job.state.attempt) for job in jobs})

    async def _take_if_known(self, job: Job) -> None:
        """Take a job that a release has left which kept no record of who has it, if the usual engine has traces of it."""
        name = self._engines.names[0]
        if await self._engines.presence(name, job.id, job.state.attempt) is not Presence.UNKNOWN:
            taken = await self._leases.take(job, name, lapsed=False)
            if taken is not None:
                await self.look_after(taken)

    async def recover_exited(self) -> None:
        """Look after the jobs whose supervisors have ended.

        Raises:
            EngineUnavailableError: An engine does not tell what they left; the next call tries again.
        """
        while self._exited:
            job_id, attempt = self._exited.pop()
            try:
                job = await self._leases.current(job_id)
                if job is not None and job.status in ON_ENGINE and job.state.attempt == attempt:
                    await self.look_after(job)
                else:
                    self._recoveries.pop(job_id, None)
            except (EngineUnavailableError, StorageError):
                self._exited.add((job_id, attempt))
                raise

    async def recover_silent(self, silent: Sequence[Job]) -> None:
        """Look after those of some silent jobs that this dispatcher holds.

        Raises:
            EngineUnavailableError: An engine does not tell what it has of one of them; the others were looked after.
        """
        trouble: EngineUnavailableError | None = None
        for job in silent:
            if not self._leases.holds(job):
                continue
            try:
                await self.look_after(job)
            except EngineUnavailableError as error:
                trouble = error
        if trouble is not None:
            raise trouble

    async def look_after(self, found: Job) -> None:
        """See how the attempt of a job stands that this dispatcher holds, and do what is to be done about it.

        Its lease is renewed first: nobody else begins something about it meanwhile.

        Raises:
            EngineUnavailableError: Its engine does not tell.
        """
        job = await self._leases.renew(found)
        if job is None or job.placement is None or self._launches.is_under_way(job):
            return
        presence = await self._engines.presence(job.placement.engine, job.id, job.state.attempt)
        if presence is Presence.RUNNING:
            return
        self._recoveries[job.id] += 1
        if self._recoveries[job.id] > _RECOVERIES:
            await self._give_up(job)
        elif presence is Presence.GONE:
            await self._recover(job)
        elif job.status is JobStatus.PENDING:
            await self._leases.give_back(job)
        else:
            await self._give_up(job)

    async def _recover(self, job: Job) -> None:
        """Have the engine deliver what a lost supervisor left. An engine that is unavailable has not tried."""
        try:
            await self._launches.start(job)
        except EngineUnavailableError:
            self._recoveries[job.id] -= 1
            raise

    async def _give_up(self, job: Job) -> None:
        self._recoveries.pop(job.id, None)
        await self._leases.end(job, WORKER_LOST)
