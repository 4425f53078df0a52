"""Applying the life cycle to stored jobs: the one place where a job's state is written."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from treadle.domain.causes import Cause
from treadle.domain.errors import NotFoundError, StaleAttemptError
from treadle.domain.jobs import Context, EventRecord, EventType, Origin, Placement
from treadle.domain.lifecycle import ON_ENGINE, Effect, Event, JobState, JobStatus, transition
from treadle.ports.repositories import Repositories
from treadle.ports.wakeups import QUEUE, STOPS, WakeUps, job_topic

LEASE = timedelta(seconds=30)
"""How long an attempt may be silent before somebody looks after it, unless the operator says otherwise."""


@dataclass(frozen=True, slots=True)
class Change:
    """What became of a job.

    Attributes:
        job_id: The job.
        state: Its state now.
        changed: Whether it is another one than before.
        effects: What must follow once the transaction is committed.
    """

    job_id: str
    state: JobState
    changed: bool
    effects: tuple[Effect, ...]

    def publish(self, wakeups: WakeUps) -> None:
        """Wake whoever waits for such a change. To be called after the commit."""
        if self.changed:
            wakeups.publish(job_topic(self.job_id))
        if Effect.WAKE_DISPATCHER in self.effects:
            wakeups.publish(QUEUE)
        if Effect.STOP_ON_ENGINE in self.effects:
            wakeups.publish(STOPS)


def apply(
    repositories: Repositories,
    job_id: str,
    event: Event,
    origin: Origin,
    context: Context,
    now: datetime,
    cause: Cause | None = None,
    *,
    placement: Placement | None = None,
    holder: str | None = None,
    lease: timedelta | None = None,
) -> Change:
    """Move a job on as `event` demands, and write the rows of its history, in the caller's transaction.

    Args:
        repositories: What the transaction works on.
        job_id: The job.
        event: What has happened.
        origin: Who tells.
        context: In the course of what.
        now: When.
        cause: Why it failed.
        placement: Where the attempt is that begins with this event.
        holder: The dispatcher that must still hold the job, if it is one that tells.
        lease: How long the attempt may now be silent; None where this is no sign of its life.

    Raises:
        NotFoundError: There is no such job.
        StaleAttemptError: The event reports of an attempt that is over, or another dispatcher holds the job.
    """
    job = repositories.jobs.get(job_id)
    if job is None:
        raise NotFoundError(f"Job [{job_id}] not found")
    if holder is not None and (job.placement is None or job.placement.dispatcher != holder):
        raise StaleAttemptError(f"Job [{job_id}] is no longer held by this dispatcher.")
    before = job.state
    result = transition(before, event)
    after = result.state
    if after == before:
        return Change(job_id, after, False, result.effects)
    lease_until = now + lease if lease is not None and after.status in ON_ENGINE else None
    cause_fields = cause.to_dict() if cause else None
    if not repositories.jobs.change(
        job_id, before, after, lease_until=lease_until, cause=cause_fields, placement=placement
    ):
        raise StaleAttemptError(f"Job [{job_id}] changed in the meantime.")
    for record in _records(before, after, origin, context, cause):
        repositories.jobs.add_event(job_id, record, now)
    return Change(job_id, after, True, result.effects)


def _records(
    before: JobState, after: JobState, origin: Origin, context: Context, cause: Cause | None
) -> list[EventRecord]:
    records = []
    if cause is not None:
        records.append(EventRecord(EventType.ERROR, origin, context, cause.to_event()))
    for status in _passed(before.status, after.status):
        kept = after.sub_status if after.sub_status is before.sub_status else None
        data: dict[str, Any] = {"status": status, "sub_status": kept}
        records.append(EventRecord(EventType.STATUS_CHANGE, origin, context, data))
    if after.sub_status is not None and after.sub_status is not before.sub_status:
        data = {"status": after.status, "sub_status": after.sub_status}
        records.append(EventRecord(EventType.SUB_STATUS_CHANGE, origin, context, data))
    return records


def _passed(before: JobStatus, after: JobStatus) -> list[JobStatus]:
    """Return the statuses from `before`, exclusive, to `after`. What has succeeded has run, whoever forgot to say so."""
    if before is JobStatus.PENDING and after is JobStatus.SUCCEEDED:
        return [JobStatus.RUNNING, after]
    return [after] if after is not before else []
