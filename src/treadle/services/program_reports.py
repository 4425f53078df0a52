"""What a job's program, or its author, tells about a job over the contract's own routes."""

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from treadle.domain.errors import ForbiddenError, InvalidError, NotFoundError, StaleAttemptError
from treadle.domain.jobs import Context, EventRecord, EventType, Job, Origin, RuntimeJob
from treadle.domain.lifecycle import ACTIVE, StageSet, SubStatus
from treadle.domain.users import User
from treadle.ports.clock import Clock
from treadle.ports.objects import ObjectStore
from treadle.ports.repositories import Database, Repositories
from treadle.ports.wakeups import WakeUps, job_topic
from treadle.services.transitions import apply
from treadle.services.values import result_key

T = TypeVar("T")

_LARGEST_ERROR = 2**20


@dataclass(frozen=True, slots=True)
class ReportedError:
    """An error that a program tells of without ending by it.

    Attributes:
        code: The program's own code.
        message: What went wrong.
        exception: Name of the exception class.
        args: Whatever else there is to say, as JSON.
    """

    code: str
    message: str
    exception: str
    args: Any = None


class ProgramReports:
    """Use cases of the programs of jobs. Each one refuses the jobs of others with `NotFoundError`.

    What a program writes, with the token of its attempt, is refused with `StaleAttemptError` when there is a newer attempt.
    """

    def __init__(self, database: Database, objects: ObjectStore, wakeups: WakeUps, clock: Clock) -> None:
        self._database = database
        self._objects = objects
        self._wakeups = wakeups
        self._clock = clock

    async def set_stage(self, user: User, job_id: str, sub_status: SubStatus, attempt: int | None = None) -> Job:
        """Note which stage a job is in, and return the job.

        Raises:
            NotFoundError: The user has no such job.
            ForbiddenError: It has ended, or is about to.
        """
        now = self._clock.now()

        def work(repositories: Repositories) -> Job:
            _own(repositories, user, job_id, attempt)
            apply(repositories, job_id, StageSet(sub_status), Origin.API, Context.SET_SUB_STATUS, now)
            return _own(repositories, user, job_id)

        return await self._write(job_id, work)

    async def add_error(self, user: User, job_id: str, error: ReportedError, attempt: int | None = None) -> None:
        """Add an error to the history of a job.

        Raises:
            NotFoundError: The user has no such job.
            ForbiddenError: It has ended.
            InvalidError: The error is too long, or has numbers that JSON cannot carry back.
        """
        data = {"code": error.code, "message": error.message, "exception": error.exception, "args": error.args}
        try:
            text = json.dumps(data, allow_nan=False)
        except ValueError as fault:
            raise InvalidError(f"'args' holds NaN or an infinite number, which JSON cannot carry: {fault}.") from fault
        if len(text) > _LARGEST_ERROR:
            raise InvalidError(
                f"The event is longer than {_LARGEST_ERROR} characters; shorten its message or its args."
            )
        record = EventRecord(EventType.ERROR, Origin.API, Context.SEND_ERROR, data)
        now = self._clock.now()

        def work(repositories: Repositories) -> None:
            if _own(repositories, user, job_id, attempt).status not in ACTIVE:
                raise ForbiddenError("You can create events on active jobs only")
            repositories.jobs.add_event(job_id, record, now)

        await self._write(job_id, work)

    async def add_runtime_job(
        self, user: User, job_id: str, runtime_job: RuntimeJob, attempt: int | None = None
    ) -> None:
        """Note that a job has started a job on a quantum computer. Noting it again is harmless.

        Raises:
            NotFoundError: The user has no such job.
        """
        now = self._clock.now()

        def work(repositories: Repositories) -> None:
            _own(repositories, user, job_id, attempt)
            repositories.jobs.put_runtime_job(job_id, runtime_job, now)

        await self._write(job_id, work)

    async def runtime_jobs(self, user: User, job_id: str) -> list[RuntimeJob]:
        """Return the jobs on quantum computers that a job has started, the oldest first.

        Raises:
            NotFoundError: The user has no such job.
        """

        def work(repositories: Repositories) -> list[RuntimeJob]:
            _own(repositories, user, job_id)
            return repositories.jobs.runtime_jobs(job_id)

        return await self._database.read(work)

    async def replace_result(self, user: User, job_id: str, result: str) -> Job:
        """Store a result in the place of what the program saved, whatever the job's status.

        Args:
            user: The author of the job.
            job_id: The job.
            result: JSON text.

        Raises:
            NotFoundError: The user has no such job.
            InvalidError: It is not JSON.
        """
        job = await self._database.read(lambda repositories: _own(repositories, user, job_id))
        try:
            json.loads(result)
        except (ValueError, RecursionError) as error:
            raise InvalidError(f"result is not valid JSON: {error}") from error
        await self._objects.put(result_key(job_id, job.state.attempt), result.encode())
        return job

    async def _write(self, job_id: str, work: Callable[[Repositories], T]) -> T:
        done = await self._database.write(work)
        self._wakeups.publish(job_topic(job_id))
        return done


def _own(repositories: Repositories, user: User, job_id: str, attempt: int | None = None) -> Job:
    job = repositories.jobs.get(job_id)
    if job is None or job.author_id != user.id:
        raise NotFoundError(f"Job [{job_id}] not found")
    if attempt not in (None, job.state.attempt):
        raise StaleAttemptError(f"Attempt {attempt} at job [{job_id}] is over.")
    return job
