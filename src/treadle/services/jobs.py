"""Submitting, watching and stopping jobs."""

import asyncio
import contextlib
from dataclasses import dataclass, replace

from treadle.domain.errors import LimitError, NotFoundError, TreadleError
from treadle.domain.functions import Function, FunctionVersion
from treadle.domain.ids import new_id
from treadle.domain.jobs import Context, EventRecord, EventType, Job, JobFilter, Origin, StoredEvent
from treadle.domain.lifecycle import TERMINAL, Effect, JobState, StopRequested
from treadle.domain.logs import without_marks
from treadle.domain.users import User
from treadle.ports.clock import Clock
from treadle.ports.engine import Engine
from treadle.ports.logs import LogStore
from treadle.ports.objects import ObjectStore
from treadle.ports.repositories import Database, Repositories
from treadle.ports.wakeups import QUEUE, WakeUps, job_topic
from treadle.services.functions import Functions
from treadle.services.transitions import apply
from treadle.services.versions import chosen


@dataclass(frozen=True, slots=True)
class JobPage:
    """One page of a listing.

    Attributes:
        count: How many jobs match in all.
        jobs: Those of this page.
    """

    count: int
    jobs: list[Job]


def arguments_key(job_id: str) -> str:
    """Return the object store's key of a job's arguments."""
    return f"arguments/{job_id}.json"


def result_key(job_id: str, attempt: int) -> str:
    """Return the object store's key of what an attempt saved as the job's result."""
    return f"results/{job_id}.{attempt}.json"


class Jobs:
    """Use cases about jobs, for the users who submit them."""

    def __init__(
        self,
        database: Database,
        objects: ObjectStore,
        logs: LogStore,
        engine: Engine,
        wakeups: WakeUps,
        clock: Clock,
        functions: Functions,
        active_jobs_per_user: int,
    ) -> None:
        self._database = database
        self._objects = objects
        self._logs = logs
        self._engine = engine
        self._wakeups = wakeups
        self._clock = clock
        self._functions = functions
        self._active_jobs_per_user = active_jobs_per_user

    async def submit(
        self, user: User, title: str, provider: str | None, arguments: str, version: str | None = None
    ) -> Job:
        """Accept a job. Once this returns, the job is stored and will come to an end, whatever crashes.

        Args:
            user: Who submits it.
            title: Title of the function.
            provider: Provider of the function.
            arguments: JSON text of the arguments.
            version: Number or label of the version to run, which only those may choose who may see the code; None for the
                current one.

        Raises:
            NotFoundError: The user has no such function, or it has no such version.
            LimitError: The user has too many jobs that are not finished.
        """
        function = await self._functions.get(user, title, provider)
        if version is not None:
            function = await self._at_version(user, function, version)
        job = Job(new_id(), user.id, function.id, title, function.current.id, self._clock.now(), JobState())
        await self._objects.put(arguments_key(job.id), arguments.encode())
        try:
            await self._database.write(lambda repositories: self._add(repositories, job))
        except TreadleError:
            await self._objects.delete(arguments_key(job.id))
            raise
        self._wakeups.publish(QUEUE)
        return job

    async def _at_version(self, user: User, function: Function, wanted: str) -> Function:
        await self._functions.with_code(user, function.id)
        version = await self._database.read(lambda repositories: chosen(repositories, function, wanted))
        return replace(function, current=version)

    def _add(self, repositories: Repositories, job: Job) -> None:
        if repositories.jobs.count_active(job.author_id) >= self._active_jobs_per_user:
            raise LimitError(f"Active job limit reached. The maximum allowed is {self._active_jobs_per_user}.")
        repositories.jobs.add(job)
        record = EventRecord(
            EventType.STATUS_CHANGE, Origin.API, Context.RUN_PROGRAM, {"status": job.status, "sub_status": None}
        )
        repositories.jobs.add_event(job.id, record, job.created)

    async def get(self, user: User, job_id: str) -> Job:
        """Return a job the user may see.

        Raises:
            NotFoundError: There is none with this id, or it belongs to somebody else.
        """
        job = await self._database.read(lambda repositories: repositories.jobs.get(job_id))
        if job is None or job.author_id != user.id:
            raise NotFoundError(f"Job [{job_id}] not found")
        return job

    async def page(self, user: User, job_filter: JobFilter) -> JobPage:
        """Return one page of the user's jobs, newest first.

        Raises:
            NotFoundError: The filter names a function the user does not have.
        """
        if job_filter.function is not None:
            await self._functions.get(user, job_filter.function)
        return JobPage(*await self._database.read(lambda repositories: repositories.jobs.page(user.id, job_filter)))

    async def version(self, job: Job) -> FunctionVersion:
        """Return the function version a job is pinned to."""
        return await self._database.read(lambda repositories: repositories.functions.version(job.version_id))

    async def result(self, user: User, job_id: str) -> str | None:
        """Return the JSON text the program saved, None if it saved nothing (yet).

        Raises:
            NotFoundError: The user has no such job.
        """
        job = await self.get(user, job_id)
        data = await self._objects.get(result_key(job_id, job.state.attempt))
        return data.decode() if data is not None else None

    async def log(self, user: User, job_id: str) -> str:
        """Return the log so far.

        Raises:
            NotFoundError: The user has no such job.
        """
        await self.get(user, job_id)
        return without_marks(await self._logs.read(job_id)).decode(errors="replace")

    async def events(self, user: User, job_id: str, event_type: EventType | None = None) -> list[StoredEvent]:
        """Return a job's history, newest first.

        Raises:
            NotFoundError: The user has no such job.
        """
        await self.get(user, job_id)
        events = await self._database.read(lambda repositories: repositories.jobs.events(job_id))
        return [event for event in reversed(events) if event_type in (None, event.record.type)]

    async def stop(self, user: User, job_id: str, patience: float) -> tuple[bool, Job]:
        """Stop a job, and wait a while for its end.

        Args:
            user: Who wants it to stop.
            job_id: The job.
            patience: Longest wait in seconds for the program to end.

        Returns:
            Whether the job was still active, and the job as it is now.

        Raises:
            NotFoundError: The user has no such job.
        """
        job = await self.get(user, job_id)
        if job.status in TERMINAL:
            return False, job
        now = self._clock.now()
        change = await self._database.write(
            lambda repositories: apply(repositories, job_id, StopRequested(), Origin.API, Context.STOP_JOB, now)
        )
        change.publish(self._wakeups)
        with contextlib.suppress(TimeoutError):  # it ends all the same, only later
            async with asyncio.timeout(patience):
                if Effect.STOP_ON_ENGINE in change.effects:
                    await self._engine.stop(job_id, change.state.attempt)
                await self._end_of(job_id)
        return True, await self.get(user, job_id)

    async def _end_of(self, job_id: str) -> None:
        with self._wakeups.subscribe(job_topic(job_id)) as subscription:
            while not self._wakeups.closed:
                job = await self._database.read(lambda repositories: repositories.jobs.get(job_id))
                if job is None or job.status in TERMINAL:
                    return
                await subscription.wait()
