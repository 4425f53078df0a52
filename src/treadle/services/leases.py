"""What one dispatcher may write about jobs: each write is fenced by the attempt, and by who holds the job."""

from dataclasses import dataclass

from treadle.domain.causes import Cause
from treadle.domain.errors import StaleAttemptError
from treadle.domain.jobs import Context, Job, Origin, Placement
from treadle.domain.lifecycle import Ended, Event, JobState, JobStatus, Returned
from treadle.ports.clock import Clock
from treadle.ports.repositories import Database, Repositories
from treadle.ports.wakeups import WakeUps
from treadle.services.transitions import LEASE, apply


@dataclass(frozen=True, slots=True)
class Leases:
    """The jobs that a dispatcher holds.

    Attributes:
        database: Where they are.
        wakeups: Woken by what is written.
        clock: The time.
        dispatcher: The dispatcher's identity.
    """

    database: Database
    wakeups: WakeUps
    clock: Clock
    dispatcher: str

    async def current(self, job_id: str) -> Job | None:
        """Return a job as it is now, if this dispatcher holds it."""
        job = await self.database.read(lambda repositories: repositories.jobs.get(job_id))
        return job if job is not None and self.holds(job) else None

    def holds(self, job: Job) -> bool:
        """Return whether a job is this dispatcher's."""
        return job.placement is not None and job.placement.dispatcher == self.dispatcher

    async def take(self, job: Job, engine: str, *, lapsed: bool) -> Job | None:
        """Hold a job on, or in the place of another dispatcher, with a new lease.

        Args:
            job: The job as it was read.
            engine: The engine its attempt is on.
            lapsed: Whether its lease must have run out.

        Returns:
            The job as it is now; None where that is no longer possible.
        """
        now = self.clock.now()
        holder = job.placement.dispatcher if job.placement is not None else None
        placement = Placement(engine, self.dispatcher)

        def work(repositories: Repositories) -> Job | None:
            held = repositories.jobs.hold(
                job.id, job.state.attempt, holder, placement, now + LEASE, lapsed=now if lapsed else None
            )
            return repositories.jobs.get(job.id) if held else None

        return await self.database.write(work)

    async def give_back(self, job: Job) -> None:
        """Put a job whose program has not begun back into the queue."""
        await self._apply(job, Returned(job.state.attempt), Context.SCHEDULE_JOBS)

    async def end(self, job: Job, cause: Cause) -> None:
        """End a job whose supervisor cannot do so itself."""
        ended = Ended(job.state.attempt, succeeded=False)
        shown = None if job.status is JobStatus.STOPPING else cause
        await self._apply(job, ended, Context.UPDATE_JOB_STATUS, shown)

    async def _apply(self, job: Job, event: Event, context: Context, cause: Cause | None = None) -> JobState | None:
        now = self.clock.now()
        try:
            change = await self.database.write(
                lambda repositories: apply(
                    repositories, job.id, event, Origin.SCHEDULER, context, now, cause, holder=self.dispatcher
                )
            )
        except StaleAttemptError:
            return None  # the supervisor's own report came first, or another dispatcher has the job now
        change.publish(self.wakeups)
        return change.state
