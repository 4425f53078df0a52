"""Taking jobs over from dispatchers that are gone: nobody has renewed their leases, neither supervisor nor dispatcher."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from treadle.domain.causes import WORKER_LOST
from treadle.domain.errors import EngineUnavailableError
from treadle.domain.jobs import Job
from treadle.domain.lifecycle import JobStatus
from treadle.ports.engine import Presence
from treadle.services.engines import Engines
from treadle.services.leases import Leases
from treadle.services.recovery import Recovery


class Attendance:
    """Since when a dispatcher has looked after its jobs without a gap.

    After an outage of the database, or of the whole platform, all leases have run out, and most of those who hold them live. So
    whoever was away itself, was stopped, or has just begun, gives the others the time of a lease before it judges any of them.
    """

    def __init__(self, lease: timedelta) -> None:
        self._lease = lease
        self._since: datetime | None = None
        self._last: datetime | None = None

    def note(self, now: datetime) -> None:
        """Take note that the database has answered now."""
        if self._since is None or self._last is None or now - self._last > self._lease:
            self._since = now
        self._last = now

    def interrupt(self) -> None:
        """Take note that the database has not answered."""
        self._since = None

    def may_judge(self, now: datetime) -> bool:
        """Return whether there was no gap for as long as a lease."""
        return self._since is not None and now - self._since >= self._lease


class Takeover:
    """Takes over what other dispatchers have let go of."""

    def __init__(self, leases: Leases, engines: Engines, recovery: Recovery) -> None:
        self._leases = leases
        self._engines = engines
        self._recovery = recovery

    async def take_over(self, silent: Sequence[Job]) -> None:
        """Take over those of some jobs whose leases have run out that this dispatcher does not hold.

        Raises:
            EngineUnavailableError: An engine does not tell what it has of one of them; the others were taken over.
        """
        trouble: EngineUnavailableError | None = None
        for job in silent:
            if self._leases.holds(job):
                continue
            try:
                await self._take_over(job)
            except EngineUnavailableError as error:
                trouble = error
        if trouble is not None:
            raise trouble

    async def _take_over(self, job: Job) -> None:
        """Take over one job.

        What had not begun gets a new attempt, whoever may still think of starting the old one. What had begun goes on where an
        engine of ours knows it. Where no engine of ours can know, those who have that engine come first.
        """
        if job.status is JobStatus.PENDING:
            await self._leases.give_back(job, lapsed=True)
            return
        engine = job.placement.engine if job.placement is not None else self._engines.names[0]
        if self._engines.named(engine) is None:
            if self._is_long_silent(job):
                await self._leases.end(job, WORKER_LOST, lapsed=True)
            return
        if await self._engines.presence(engine, job.id, job.state.attempt) is Presence.UNKNOWN:
            await self._leases.end(job, WORKER_LOST, lapsed=True)
            return
        taken = await self._leases.take(job, engine, lapsed=True)
        if taken is not None:
            await self._recovery.look_after(taken)

    def _is_long_silent(self, job: Job) -> bool:
        return job.lease_until is not None and job.lease_until < self._leases.clock.now() - self._leases.length
