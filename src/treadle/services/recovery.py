"""Looking after the attempts of one dispatcher whose supervisors are gone, or were started before it."""

from collections import Counter

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
    """Sees to it that every job on the engines of a dispatcher comes to an end."""

    def __init__(self, leases: Leases, engines: Engines, launches: Launches) -> None:
        self._leases = leases
        self._engines = engines
        self._launches = launches
        self._exited: set[tuple[str, int]] = set()
        self._recoveries: Counter[tuple[str, int]] = Counter()

    def note_exit(self, job_id: str, attempt: int) -> None:
        """Take note that a supervisor has ended."""
        self._exited.add((job_id, attempt))

    async def adopt(self) -> None:
        """Take up what this dispatcher had when it ended, then remove what is left of attempts that nobody has."""
        database = self._leases.database
        jobs = await database.read(lambda repositories: repositories.jobs.on_engine())
        for job in jobs:
            if self._leases.holds(job) or (job.placement is None and await self._is_known(job)):
                await self._adopt(job)
        await self._engines.sweep({(job.id, job.state.attempt) for job in jobs})

    async def _is_known(self, job: Job) -> bool:
        """Return whether a job that a release without such records has left is one of this dispatcher's usual engine."""
        usual = self._engines.named(self._engines.names[0])
        return usual is not None and await usual.adopt(job.id, job.state.attempt) is not Presence.UNKNOWN

    async def _adopt(self, found: Job) -> None:
        """Take up one job. Its lease is renewed first: what is begun now must not lapse meanwhile."""
        engine = found.placement.engine if found.placement is not None else self._engines.names[0]
        job = await self._leases.take(found, engine, lapsed=False)
        if job is None:
            return
        presence = await self._presence(job)
        if presence is Presence.RUNNING:
            return
        if presence is Presence.UNKNOWN and job.status is not JobStatus.PENDING:
            await self._give_up(job)
        else:
            await self._launches.start(job)

    async def look_after(self) -> None:
        """Recover what supervisors left that have ended, or have fallen silent and are gone."""
        await self._recover_exited()
        await self._recover_silent()

    async def _recover_exited(self) -> None:
        while self._exited:
            job_id, attempt = self._exited.pop()
            job = await self._leases.current(job_id)
            if job is None or job.status not in ON_ENGINE or job.state.attempt != attempt:
                self._recoveries.pop((job_id, attempt), None)
                continue
            try:
                await self._recover(job)
            except (EngineUnavailableError, StorageError):
                self._exited.add((job_id, attempt))  # for the next round
                raise

    async def _recover_silent(self) -> None:
        now = self._leases.clock.now()
        silent = await self._leases.database.read(lambda repositories: repositories.jobs.silent(now))
        for job in silent:
            if self._leases.holds(job) and await self._presence(job) is not Presence.RUNNING:
                await self._recover(job)

    async def _presence(self, job: Job) -> Presence:
        engine = self._engines.named(job.placement.engine) if job.placement is not None else None
        return Presence.UNKNOWN if engine is None else await engine.adopt(job.id, job.state.attempt)

    async def _recover(self, job: Job) -> None:
        """Have the engine deliver what a lost supervisor left; give up when that fails again and again.

        An engine that is unavailable has not tried: what was left waits until it has.
        """
        key = (job.id, job.state.attempt)
        if self._recoveries[key] >= _RECOVERIES:
            await self._give_up(job)
            return
        await self._launches.start(job)
        self._recoveries[key] += 1

    async def _give_up(self, job: Job) -> None:
        self._recoveries.pop((job.id, job.state.attempt), None)
        await self._leases.end(job, WORKER_LOST)
