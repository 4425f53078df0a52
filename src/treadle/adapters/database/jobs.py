"""Jobs and their history in the database."""

from collections import Counter
from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, func, insert, null, select, update

from treadle.adapters.database.job_listing import NEWEST_FIRST, count_added, count_moved, matching
from treadle.adapters.database.job_queue import count_by_author, count_of_author, next_of_each_user, queued
from treadle.adapters.database.providers import PROVIDER_COLUMNS, provider_of
from treadle.adapters.database.tables import (
    functions,
    job_events,
    jobs,
    providers,
    runtime_jobs,
)
from treadle.domain.jobs import (
    BusinessModel,
    Context,
    EventRecord,
    EventType,
    Job,
    JobFilter,
    Origin,
    Placement,
    RuntimeJob,
    StoredEvent,
)
from treadle.domain.lifecycle import ACTIVE, ON_ENGINE, JobState, JobStatus, SubStatus
from treadle.domain.scheduling import ALL_PROFILES, ProfileChoice, QueuedJob

_JOBS: Select[Any] = (
    select(
        jobs.c.id,
        jobs.c.author_id,
        jobs.c.function_id,
        functions.c.title,
        jobs.c.version_id,
        jobs.c.created,
        jobs.c.status,
        jobs.c.sub_status,
        jobs.c.attempt,
        jobs.c.cause,
        jobs.c.compute_profile,
        jobs.c.function_size,
        jobs.c.business_model,
        jobs.c.config,
        jobs.c.engine,
        jobs.c.dispatcher,
        jobs.c.lease_until,
        *PROVIDER_COLUMNS,
    )
    .join(functions, functions.c.id == jobs.c.function_id)
    .outerjoin(providers, providers.c.id == functions.c.provider_id)
)
_BY_ID = _JOBS.where(jobs.c.id == bindparam("id"))
_EVENTS = (
    select(job_events)
    .where(job_events.c.job_id == bindparam("id"), job_events.c.number > bindparam("after"))
    .order_by(job_events.c.number)
)


class DatabaseJobs:
    """`treadle.ports.repositories.JobRepository` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, job: Job) -> None:
        """Store a new job."""
        self._connection.execute(
            insert(jobs).values(
                id=job.id,
                author_id=job.author_id,
                function_id=job.function_id,
                version_id=job.version_id,
                created=job.created,
                status=job.status,
                sub_status=job.state.sub_status,
                attempt=job.state.attempt,
                compute_profile=job.compute_profile,
                function_size=job.function_size,
                business_model=job.business_model,
                config=job.config,
            )
        )
        count_added(self._connection, job.author_id, job.function_id, job.status)

    def get(self, job_id: str) -> Job | None:
        """Return a job."""
        row = self._connection.execute(_BY_ID, {"id": job_id}).first()
        return _job(row) if row is not None else None

    def change(
        self,
        job_id: str,
        before: JobState,
        after: JobState,
        *,
        lease_until: datetime | None = None,
        cause: object = None,
        placement: Placement | None = None,
    ) -> bool:
        """Move a job from one state to the next, if it is still in the state `before`."""
        statement = (
            update(jobs)
            .where(jobs.c.id == job_id, jobs.c.status == before.status, jobs.c.attempt == before.attempt)
            .values(
                status=after.status,
                sub_status=after.sub_status,
                attempt=after.attempt,
                cause=null() if cause is None else cause,
                **_lease(after, lease_until),
                **_placed(after, placement),
            )
        )
        changed = self._connection.execute(statement).rowcount == 1
        if changed:
            count_moved(self._connection, job_id, before.status, after.status)
        return changed

    def renew_lease(self, job_id: str, attempt: int, until: datetime) -> None:
        """Put off the time from which the attempt counts as silent."""
        self._connection.execute(
            update(jobs).where(jobs.c.id == job_id, jobs.c.attempt == attempt).values(lease_until=until)
        )

    def hold(
        self,
        job_id: str,
        attempt: int,
        holder: str | None,
        placement: Placement,
        until: datetime,
        *,
        lapsed: datetime | None = None,
    ) -> bool:
        """Let a dispatcher hold an attempt that is on an engine, for the first time or on."""
        must_be = [
            jobs.c.id == job_id,
            jobs.c.attempt == attempt,
            jobs.c.status.in_(ON_ENGINE),
            jobs.c.dispatcher.is_(None) if holder is None else jobs.c.dispatcher == holder,
        ]
        if lapsed is not None:
            must_be.append(jobs.c.lease_until < lapsed)
        statement = (
            update(jobs)
            .where(*must_be)
            .values(engine=placement.engine, dispatcher=placement.dispatcher, lease_until=until)
        )
        return self._connection.execute(statement).rowcount == 1

    def add_event(self, job_id: str, record: EventRecord, created: datetime) -> None:
        """Append a row to a job's history."""
        self._connection.execute(
            insert(job_events).values(
                job_id=job_id,
                type=record.type,
                origin=record.origin,
                context=record.context,
                data=record.data,
                created=created,
            )
        )

    def events(self, job_id: str, after: int = 0) -> list[StoredEvent]:
        """Return the history after row number `after`, oldest first."""
        return [_event(row) for row in self._connection.execute(_EVENTS, {"id": job_id, "after": after})]

    def put_runtime_job(self, job_id: str, runtime_job: RuntimeJob, created: datetime) -> None:
        """Note a job on a quantum computer; one that is noted already gets its session anew."""
        key = (runtime_jobs.c.job_id == job_id, runtime_jobs.c.runtime_job == runtime_job.id)
        changed = update(runtime_jobs).where(*key).values(runtime_session=runtime_job.session)
        if self._connection.execute(changed).rowcount == 0:
            self._connection.execute(
                insert(runtime_jobs).values(
                    job_id=job_id, runtime_job=runtime_job.id, runtime_session=runtime_job.session, created=created
                )
            )

    def runtime_jobs(self, job_id: str) -> list[RuntimeJob]:
        """Return what a job has started on quantum computers, the oldest first."""
        statement = (
            select(runtime_jobs.c.runtime_job, runtime_jobs.c.runtime_session)
            .where(runtime_jobs.c.job_id == job_id)
            .order_by(runtime_jobs.c.created, runtime_jobs.c.runtime_job)
        )
        return [RuntimeJob(*row) for row in self._connection.execute(statement)]

    def page(self, author_id: str | None, job_filter: JobFilter) -> tuple[int, list[Job]]:
        """Return how many jobs match, and one page of them, newest first."""
        count, chosen = matching(self._connection, author_id, job_filter)
        rows = self._connection.execute(_JOBS.where(jobs.c.id.in_(chosen)).order_by(*NEWEST_FIRST))
        return count, [_job(row) for row in rows]

    def count_active(self, author_id: str) -> int:
        """Return how many jobs of a user are not yet in a terminal state."""
        return count_of_author(self._connection, author_id, ACTIVE)

    def next_of_each_user(
        self, profiles: ProfileChoice = ALL_PROFILES, awaited: Collection[str] = ()
    ) -> list[QueuedJob]:
        """Return of each user the job that has waited longest and whose environment is not being built, the oldest first."""
        return next_of_each_user(self._connection, profiles, awaited)

    def queued(
        self,
        author_ids: Iterable[str],
        per_author: int,
        profiles: ProfileChoice = ALL_PROFILES,
        awaited: Collection[str] = (),
    ) -> list[QueuedJob]:
        """Return waiting jobs of these users whose environment is not being built, the oldest first."""
        return queued(self._connection, author_ids, per_author, profiles, awaited)

    def on_engine(self) -> list[Job]:
        """Return the jobs an engine has."""
        return [_job(row) for row in self._connection.execute(_JOBS.where(jobs.c.status.in_(ON_ENGINE)))]

    def active_by_author(self) -> Counter[str]:
        """Return how many jobs each user has on an engine."""
        return count_by_author(self._connection, ON_ENGINE)

    def count_placed(self, placement: Placement) -> int:
        """Return how many jobs a dispatcher has on one of its engines."""
        statement = select(func.count()).where(
            jobs.c.status.in_(ON_ENGINE),
            jobs.c.engine == placement.engine,
            jobs.c.dispatcher == placement.dispatcher,
        )
        return self._connection.execute(statement).scalar_one()

    def stopping(self, dispatcher: str) -> list[Job]:
        """Return the jobs of a dispatcher that are to be stopped."""
        statement = _JOBS.where(jobs.c.status == JobStatus.STOPPING, jobs.c.dispatcher == dispatcher)
        return [_job(row) for row in self._connection.execute(statement)]

    def silent(self, now: datetime) -> Sequence[Job]:
        """Return the jobs on an engine whose lease runs out before `now`."""
        statement = _JOBS.where(jobs.c.status.in_(ON_ENGINE), jobs.c.lease_until < now)
        return [_job(row) for row in self._connection.execute(statement)]

    def next_silence(self) -> datetime | None:
        """Return when the next lease of a job on an engine runs out, None if there is none."""
        statement = select(func.min(jobs.c.lease_until)).where(jobs.c.status.in_(ON_ENGINE))
        until: datetime | None = self._connection.execute(statement).scalar_one()
        return until


def _lease(after: JobState, until: datetime | None) -> dict[str, datetime | None]:
    return {"lease_until": until} if until is not None or after.status not in ON_ENGINE else {}


def _placed(after: JobState, placement: Placement | None) -> dict[str, str | None]:
    if placement is not None:
        return {"engine": placement.engine, "dispatcher": placement.dispatcher}
    return {"engine": None, "dispatcher": None} if after.status is JobStatus.QUEUED else {}


def _job(row: Row[Any]) -> Job:
    state = JobState(JobStatus(row.status), SubStatus(row.sub_status) if row.sub_status else None, row.attempt)
    return Job(
        row.id,
        row.author_id,
        row.function_id,
        row.title,
        row.version_id,
        row.created,
        state,
        row.cause,
        provider_of(row),
        row.compute_profile,
        row.function_size,
        BusinessModel(row.business_model),
        row.config,
        Placement(row.engine, row.dispatcher) if row.dispatcher is not None else None,
        row.lease_until,
    )


def _event(row: Row[Any]) -> StoredEvent:
    record = EventRecord(EventType(row.type), Origin(row.origin), Context(row.context), row.data)
    return StoredEvent(row.number, row.created, record)
