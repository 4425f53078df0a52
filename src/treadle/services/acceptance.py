"""Accepting a job: storing it once, however often that is tried, if its author may have one more."""

import asyncio
import contextlib

from treadle.domain.errors import ConflictError, LimitError, OutcomeUnknownError, StorageUnavailableError
from treadle.domain.jobs import Context, EventRecord, EventType, Job, Origin
from treadle.ports.repositories import Database, Repositories

_PAUSES = (0.1, 0.2, 0.5, 1.0, 1.0, 2.0, 2.0, 3.0)  # seconds, before a job whose commit was cut off is stored again


class Acceptance:
    """Stores jobs. The id, which is chosen before, keeps a job from being stored twice."""

    def __init__(self, database: Database, active_jobs_per_user: int) -> None:
        self._database = database
        self._active_jobs_per_user = active_jobs_per_user

    async def accepted(self, job: Job) -> Job | None:
        """Return the job as it is stored, if it was accepted before; None if it may be accepted now.

        Raises:
            ConflictError: Its id was given to a job of another function.
            LimitError: Its author has too many jobs that are not finished.
        """
        return await self._database.read(lambda repositories: self._accepted(repositories, job))

    async def accept(self, job: Job) -> Job:
        """Store a job, unless it is stored, and return it as it is. If the connection is lost in the middle, that is tried again.

        Raises:
            ConflictError: Its id was given to a job of another function.
            LimitError: Its author has too many jobs that are not finished.
            StorageError: The database refuses.
            OutcomeUnknownError: The database stays away, and it is not known whether the job is stored.
        """
        try:
            return await self._database.write(lambda repositories: self._add(repositories, job))
        except OutcomeUnknownError:
            for pause in _PAUSES:
                await asyncio.sleep(pause)
                with contextlib.suppress(StorageUnavailableError):
                    return await self._database.write(lambda repositories: self._add(repositories, job))
            raise

    def _add(self, repositories: Repositories, job: Job) -> Job:
        accepted = self._accepted(repositories, job)
        if accepted is not None:
            return accepted
        repositories.jobs.add(job)
        record = EventRecord(
            EventType.STATUS_CHANGE, Origin.API, Context.RUN_PROGRAM, {"status": job.status, "sub_status": None}
        )
        repositories.jobs.add_event(job.id, record, job.created)
        return job

    def _accepted(self, repositories: Repositories, job: Job) -> Job | None:
        stored = repositories.jobs.get(job.id)
        if stored is None and repositories.jobs.count_active(job.author_id) >= self._active_jobs_per_user:
            raise LimitError(f"Active job limit reached. The maximum allowed is {self._active_jobs_per_user}.")
        if stored is not None and stored.function_id != job.function_id:
            raise ConflictError(
                "This Idempotency-Key was used for a job of another function.", hint="Each job needs its own."
            )
        return stored
