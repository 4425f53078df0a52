"""Taking jobs from the queue: a fair share between users, as many as the engines of one dispatcher have room for."""

from collections import Counter

from treadle.domain.jobs import Context, Job, Origin, Placement
from treadle.domain.lifecycle import Claimed
from treadle.domain.scheduling import QueuedJob, choose, first_users
from treadle.ports.repositories import Repositories
from treadle.services.engines import Engines
from treadle.services.environment_builds import EnvironmentBuilds
from treadle.services.launching import JobTerms
from treadle.services.leases import Leases
from treadle.services.transitions import Change, apply


class Claims:
    """Claims jobs for the engines of a dispatcher. Several dispatchers on one database never claim the same job."""

    def __init__(self, leases: Leases, engines: Engines, builds: EnvironmentBuilds, terms: JobTerms) -> None:
        self._leases = leases
        self._engines = engines
        self._builds = builds
        self._terms = terms

    async def take(self) -> list[Job]:
        """Claim the jobs that go next, in one transaction."""
        database = self._leases.database
        if not await database.read(self._chosen):
            return []  # no write lock where there is nothing to write
        changes = await database.write(self._claim)
        for change, _ in changes:
            change.publish(self._leases.wakeups)
        return [job for _, job in changes if job is not None]

    def _claim(self, repositories: Repositories) -> list[tuple[Change, Job | None]]:
        return [self._claim_one(repositories, job, placement) for placement, job in self._chosen(repositories)]

    def _chosen(self, repositories: Repositories) -> list[tuple[Placement, QueuedJob]]:
        """Return the jobs that go next. Each engine has room of its own; users share all engines of the database."""
        active = repositories.jobs.active_by_author()
        chosen: list[tuple[Placement, QueuedJob]] = []
        for engine in self._engines.names:
            placement = Placement(engine, self._leases.dispatcher)
            nexts = self._next_for(repositories, placement, active)
            active.update(job.author_id for job in nexts)
            chosen += [(placement, job) for job in nexts]
        return chosen

    def _next_for(self, repositories: Repositories, placement: Placement, active: Counter[str]) -> list[QueuedJob]:
        slots = self._terms.running_jobs - repositories.jobs.count_placed(placement)
        if slots <= 0:
            return []
        profiles = self._engines.takes(placement.engine, self._terms.profiles)
        awaited = self._builds.awaited
        users = first_users(repositories.jobs.next_of_each_user(profiles, awaited), active, slots)
        return choose(repositories.jobs.queued(users, slots, profiles, awaited), active, slots)

    def _claim_one(self, repositories: Repositories, job: QueuedJob, placement: Placement) -> tuple[Change, Job | None]:
        now = self._leases.clock.now()
        change = apply(
            repositories,
            job.id,
            Claimed(),
            Origin.SCHEDULER,
            Context.SCHEDULE_JOBS,
            now,
            placement=placement,
            lease=self._leases.length,
        )
        return change, repositories.jobs.get(job.id)
