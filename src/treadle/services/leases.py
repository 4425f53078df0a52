"""What one dispatcher may write about jobs: each write is fenced by the attempt, and by who holds the job."""

from dataclasses import dataclass
from datetime import timedelta

from treadle.domain.causes import Cause
from treadle.domain.errors import StaleAttemptError
from treadle.domain.jobs import Context, Job, Origin, Placement
from treadle.domain.lifecycle import Ended, Event, JobStatus, Returned
from treadle.ports.clock import Clock
from treadle.ports.repositories import Database, Repositories
from treadle.ports.wakeups import WakeUps
from treadle.services.transitions import LEASE, Change, apply


@dataclass(frozen=True, slots=True)
class Leases:
    """The jobs that a dispatcher holds.

    A dispatcher may be slower than it knows, or be stopped at any line and go on later. So nothing that it has read is taken for
    granted when it writes: the same transaction looks whether the job is still in that attempt and still held by whom it was.

    Attributes:
        database: Where they are.
        wakeups: Woken by what is written.
        clock: The time.
        dispatcher: The dispatcher's identity.
        length: How long an attempt may be silent.
    """

    database: Database
    wakeups: WakeUps
    clock: Clock
    dispatcher: str
    length: timedelta = LEASE

    async def current(self, job_id: str) -> Job | None:
        """Return a job as it is now, if this dispatcher holds it."""
        job = await self.database.read(lambda repositories: repositories.jobs.get(job_id))
        return job if job is not None and self.holds(job) else None

    def holds(self, job: Job) -> bool:
        """Return whether a job is this dispatcher's."""
        return job.placement is not None and job.placement.dispatcher == self.dispatcher

    async def renew(self, job: Job) -> Job | None:
        """Hold a job for another lease. Returns it as it is now, None when this dispatcher does not hold it any more."""
        assert job.placement is not None  # noqa: S101  (it is held)
        return await self._hold(job, job.placement.engine, lapsed=False)

    async def take(self, job: Job, engine: str, *, lapsed: bool) -> Job | None:
        """Hold a job that another dispatcher held, or none.

        Args:
            job: The job as it was read.
            engine: The engine of this dispatcher that knows its attempt.
            lapsed: Whether its lease must have run out.

        Returns:
            The job as it is now, None where it is no longer to be had.
        """
        return await self._hold(job, engine, lapsed=lapsed)

    async def give_back(self, job: Job, *, lapsed: bool = False) -> None:
        """Put a job whose program has not begun back into the queue, where it gets a new attempt.

        Args:
            job: The job as it was read.
            lapsed: Whether its lease must have run out, for a job that another dispatcher holds.
        """
        await self._write(job, Returned(job.state.attempt), Context.SCHEDULE_JOBS, None, lapsed)

    async def end(self, job: Job, cause: Cause, *, lapsed: bool = False) -> None:
        """End a job whose supervisor cannot do so itself.

        Args:
            job: The job as it was read.
            cause: Why.
            lapsed: Whether its lease must have run out, for a job that another dispatcher holds.
        """
        ended = Ended(job.state.attempt, succeeded=False)
        shown = None if job.status is JobStatus.STOPPING else cause
        await self._write(job, ended, Context.UPDATE_JOB_STATUS, shown, lapsed)

    async def _hold(self, job: Job, engine: str, *, lapsed: bool) -> Job | None:
        holder = job.placement.dispatcher if job.placement is not None else None
        placement = Placement(engine, self.dispatcher)

        def work(repositories: Repositories) -> Job | None:
            now = self.clock.now()  # not sooner: this may have waited for its turn
            until = now + self.length
            required = now if lapsed else None
            held = repositories.jobs.hold(job.id, job.state.attempt, holder, placement, until, lapsed=required)
            return repositories.jobs.get(job.id) if held else None

        return await self.database.write(work)

    async def _write(self, job: Job, event: Event, context: Context, cause: Cause | None, lapsed: bool) -> None:
        def work(repositories: Repositories) -> Change:
            now = self.clock.now()
            if lapsed:
                self._check_lapsed(repositories, job)
            holder = None if lapsed else self.dispatcher
            return apply(repositories, job.id, event, Origin.SCHEDULER, context, now, cause, holder=holder)

        try:
            change = await self.database.write(work)
        except StaleAttemptError:
            return  # the supervisor's own report came first, or another dispatcher has the job now
        change.publish(self.wakeups)

    def _check_lapsed(self, repositories: Repositories, job: Job) -> None:
        current = repositories.jobs.get(job.id)
        if current is None or current.lease_until is None or current.lease_until >= self.clock.now():
            raise StaleAttemptError(f"Job [{job.id}] is held.")
        if current.state != job.state or current.placement != job.placement:
            raise StaleAttemptError(f"Job [{job.id}] changed in the meantime.")
