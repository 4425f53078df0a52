"""Submitting, watching and stopping jobs."""

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace

from treadle.domain.access import administers, business_model, may_change, may_look_up, may_see, owns, sees_all_of
from treadle.domain.errors import ForbiddenError, InvalidError, NotFoundError, StorageUnavailableError, TreadleError
from treadle.domain.functions import Function, FunctionVersion, full_name, has_arguments_schema
from treadle.domain.ids import id_for, new_id
from treadle.domain.jobs import Context, EventType, Job, JobFilter, Origin, RunOptions, StoredEvent
from treadle.domain.lifecycle import TERMINAL, JobState, StopRequested
from treadle.domain.limits import JobLimits
from treadle.domain.logs import LogView
from treadle.domain.privacy import event_for_caller, job_for_caller, without_code
from treadle.domain.profiles import ComputeProfiles, chosen_size
from treadle.domain.users import User
from treadle.ports.clock import Clock
from treadle.ports.logs import LogStore
from treadle.ports.repositories import Database
from treadle.ports.schemas import ArgumentSchemas
from treadle.ports.wakeups import QUEUE, WakeUps, job_topic
from treadle.services.acceptance import Acceptance
from treadle.services.functions import Functions
from treadle.services.log_settling import LogSettling
from treadle.services.log_tail import log_so_far
from treadle.services.transitions import apply
from treadle.services.values import StoredValue, Values, arguments_key, result_key
from treadle.services.versions import chosen

_ENOUGH_FOR_A_SCHEMA = 2 * 2**20  # characters; arguments of more than half of that are refused by it

KeepValue = Callable[[str], Awaitable[None]]
"""Makes the value at a key, of what was uploaded past the gateway."""

_PART = 500  # jobs, which take some milliseconds to read


@dataclass(frozen=True, slots=True)
class JobPage:
    """One page of a listing.

    Attributes:
        count: How many jobs match in all.
        jobs: Those of this page.
    """

    count: int
    jobs: list[Job]


@dataclass(frozen=True, slots=True)
class FunctionJobs:
    """The jobs of a function.

    Attributes:
        of_everybody: Whether they are everybody's, for those who act for the provider.
        jobs: The jobs, newest first.
    """

    of_everybody: bool
    jobs: list[Job]


class Jobs:
    """Use cases about jobs, for the users who submit them."""

    def __init__(
        self,
        database: Database,
        values: Values,
        logs: LogStore,
        settling: LogSettling,
        wakeups: WakeUps,
        clock: Clock,
        functions: Functions,
        schemas: ArgumentSchemas,
        profiles: ComputeProfiles,
        limits: JobLimits,
    ) -> None:
        self._database = database
        self._values = values
        self._logs = logs
        self._settling = settling
        self._wakeups = wakeups
        self._clock = clock
        self._functions = functions
        self._schemas = schemas
        self._profiles = profiles
        self._limits = limits
        self._acceptance = Acceptance(database, limits.active_jobs_per_user)

    async def submit(
        self,
        user: User,
        title: str,
        provider: str | None,
        arguments: str | AsyncIterable[bytes] | KeepValue,
        options: RunOptions | None = None,
    ) -> Job:
        """Accept a job. Once this returns, the job is stored and will come to an end, whatever crashes.

        Args:
            user: Who submits it.
            title: Title of the function.
            provider: Provider of the function.
            arguments: JSON text of the arguments, or a container of them as it arrives, or what makes them of an upload.
            options: What else the user asks for.

        Raises:
            NotFoundError: The user may not run such a function, or it has no such version.
            ForbiddenError: A version is named, which is for those who may change the function.
            DisabledError: Nobody may run it now.
            LimitError: The user has too many jobs that are not finished.
            ConflictError: The idempotency key was used for another function.
            OutcomeUnknownError: The database went away, and it is not known whether the job is stored.
            InvalidError: The arguments do not match the function's schema, or are no container, or there is no such size or
                compute profile, or it asks for too many workers.
            TooLargeError: The container is larger than is allowed.
        """
        function = await self._functions.runnable(user, title, provider)
        options = options or RunOptions()
        if options.version is not None:
            function = await self._at_version(user, function, options.version)
        job = self._new_job(user, function, options)
        accepted = await self._acceptance.accepted(job)
        if accepted is not None:
            return accepted
        try:
            await self._keep_arguments(job, function.current, arguments)
            job = await self._acceptance.accept(job)
        except StorageUnavailableError:
            raise  # the same request, sent twice, may have stored the job, which then needs these arguments
        except TreadleError:
            await self._values.delete(arguments_key(job.id))
            raise
        self._wakeups.publish(QUEUE)
        return job

    def _new_job(self, user: User, function: Function, options: RunOptions) -> Job:
        self._limits.check_workers(options.config)
        size, profile = self._size_and_profile(function.current, options)
        key = options.idempotency_key
        return Job(
            new_id() if key is None else id_for(user.id, key),
            user.id,
            function.id,
            function.title,
            function.current.id,
            self._clock.now(),
            JobState(),
            provider=function.provider,
            compute_profile=profile,
            function_size=size,
            business_model=business_model(user, function),
            config=options.config,
        )

    def _size_and_profile(self, version: FunctionVersion, options: RunOptions) -> tuple[str | None, str | None]:
        if options.compute_profile is not None:
            if options.function_size is not None:
                raise InvalidError("Both function_size and compute_profile are given; a size stands for a profile.")
            return None, self._profiles.choose(options.compute_profile)
        size = chosen_size(version, options.function_size)
        return size, self._profiles.choose(version.sizes[size] if size is not None else None)

    async def _keep_arguments(
        self, job: Job, version: FunctionVersion, arguments: str | AsyncIterable[bytes] | KeepValue
    ) -> None:
        key = arguments_key(job.id)
        if isinstance(arguments, str):
            await self._check_arguments(version, arguments)
            await self._values.put(key, arguments)
            return
        await (arguments(key) if callable(arguments) else self._values.store(key, "arguments", arguments))
        if has_arguments_schema(version):
            await self._check_arguments(version, await self._values.beginning(key, _ENOUGH_FOR_A_SCHEMA))

    async def _at_version(self, user: User, function: Function, wanted: str) -> Function:
        if not may_change(user, function):
            name = full_name(function.title, function.provider.name if function.provider else None)
            raise ForbiddenError(f"Only those who may change {name} choose a version of it. Run it without naming one.")
        version = await self._database.read(lambda repositories: chosen(repositories, function, wanted))
        return replace(function, current=version)

    async def check_arguments(self, user: User, title: str, provider: str | None, arguments: str) -> None:
        """Check arguments as `submit` would, and submit nothing.

        Raises:
            NotFoundError: The user may not run such a function.
            InvalidError: The arguments do not match the function's schema.
        """
        function = await self._functions.open_to(user, title, provider)
        await self._check_arguments(function.current, arguments)

    async def _check_arguments(self, version: FunctionVersion, arguments: str) -> None:
        if has_arguments_schema(version):
            await self._schemas.validate(version.arguments_schema, arguments)

    async def get(self, user: User, job_id: str) -> Job:
        """Return a job the user may know of: an own one, or one of a provider the user acts for.

        Raises:
            NotFoundError: There is none with this id, or it is somebody else's.
        """
        job = await self._database.read(lambda repositories: repositories.jobs.get(job_id))
        if job is None or not may_look_up(user, job):
            raise NotFoundError(f"Job [{job_id}] not found")
        return job if sees_all_of(user, job) else job_for_caller(job)

    async def own(self, user: User, job_id: str) -> Job:
        """Return a job the user has submitted.

        Raises:
            NotFoundError: There is none with this id, or somebody else submitted it.
        """
        job = await self.get(user, job_id)
        if not owns(user, job):
            raise NotFoundError(f"Job [{job_id}] not found")
        return job

    async def page(self, user: User, job_filter: JobFilter) -> JobPage:
        """Return one page of the user's jobs, newest first.

        Raises:
            NotFoundError: The filter names a function of which the user has no jobs and which is not for the user to see.
        """
        page = await self._page(user.id, job_filter)
        if job_filter.function is not None and not page.count:
            await self._check_function(user, job_filter.function, job_filter.provider)
        return page

    async def _check_function(self, user: User, title: str, provider: str | None) -> None:
        near = await self._functions.visible(user, provider=provider)
        if not any(function.title == title for function in near):
            raise NotFoundError(f"Qiskit Function {full_name(title, provider)} doesn't exist.")

    async def provider_page(self, user: User, job_filter: JobFilter) -> JobPage:
        """Return one page of everybody's jobs at the functions of a provider, newest first.

        Args:
            user: Who asks.
            job_filter: Which jobs; names the provider.

        Raises:
            NotFoundError: There is no such provider the user acts for, or it has no such function.
        """
        if job_filter.function is not None:
            await self._functions.changeable(user, job_filter.function, job_filter.provider)
        else:
            await self._functions.provider(user, job_filter.provider or "")
        return await self._page(None, job_filter)

    async def _page(self, author_id: str | None, job_filter: JobFilter) -> JobPage:
        """Read a page, in parts where it is large: others are served in between."""
        wanted = sys.maxsize if job_filter.limit is None else job_filter.limit
        found: dict[str, Job] = {}  # by id: a job that is submitted in between moves all others by one
        while True:
            part = replace(job_filter, limit=min(wanted - len(found), _PART), offset=job_filter.offset + len(found))
            count, jobs = await self._database.read(
                lambda repositories, part=part: repositories.jobs.page(author_id, part)  # type: ignore[misc]
            )
            found.update((job.id, job) for job in jobs)
            if len(jobs) < _PART or len(found) >= wanted:
                return JobPage(count, list(found.values()))
            await asyncio.sleep(0)

    async def of_function(self, user: User, function_id: str) -> FunctionJobs:
        """Return the jobs of a function: everybody's for those who act for its provider, the user's own for others.

        Raises:
            NotFoundError: There is no such function, or the user may not see it and has no jobs of it.
        """
        function = await self._database.read(lambda repositories: repositories.functions.get(function_id))
        everybody = function is not None and administers(user, function.provider)
        jobs = (await self._page(None if everybody else user.id, JobFilter(function_id=function_id, limit=None))).jobs
        if function is None or not (jobs or may_see(user, function)):
            raise NotFoundError(f"Qiskit Function {function_id} doesn't exist.")
        return FunctionJobs(everybody, jobs)

    async def version(self, user: User, job: Job) -> FunctionVersion:
        """Return the function version a job is pinned to, as the user may see it."""
        version = await self._database.read(lambda repositories: repositories.functions.version(job.version_id))
        return version if sees_all_of(user, job) else without_code(version)

    async def result(self, user: User, job_id: str) -> StoredValue | None:
        """Return what the program saved, None if it saved nothing (yet).

        Raises:
            NotFoundError: The user has submitted no such job.
        """
        return await self.result_of(await self.own(user, job_id))

    async def result_of(self, job: Job) -> StoredValue | None:
        """Return what the program of a job saved, None if it saved nothing (yet)."""
        return await self._values.open(result_key(job.id, job.state.attempt))

    async def log(self, user: User, job_id: str, *, private: bool = False) -> AsyncIterator[str]:
        """Return what the log of a job has so far, in pieces: all of it, or the public lines of a provider's function.

        Args:
            user: Who reads.
            job_id: The job.
            private: Whether the lines for the provider are asked for: all but the public ones.

        Raises:
            NotFoundError: The user may not know of such a job.
            ForbiddenError: The user may, but not read these lines.
        """
        job, view = await self.log_view(user, job_id, private=private)
        return log_so_far(self._logs, job.id, view)

    async def log_view(self, user: User, job_id: str, *, private: bool) -> tuple[Job, LogView]:
        """Return a job and which lines of its log the user may read.

        Args:
            user: Who reads.
            job_id: The job.
            private: Whether the lines for the provider are asked for, instead of those for the job's author.

        Raises:
            NotFoundError: The user may not know of such a job.
            ForbiddenError: The user may, but not read these lines.
        """
        job = await self.get(user, job_id)
        if not (administers(user, job.provider) if private else owns(user, job)):
            raise ForbiddenError(f"You don't have access to job [{job_id}]")
        if job.status in TERMINAL:
            self._settling.begin(job.id)
        if job.provider is None:
            return job, LogView.ALL
        return job, LogView.PRIVATE if private else LogView.PUBLIC

    async def events(self, user: User, job_id: str, event_type: EventType | None = None) -> list[StoredEvent]:
        """Return a job's history, newest first, as the user may see it.

        Raises:
            NotFoundError: The user has submitted no such job.
        """
        job = await self.own(user, job_id)
        stored = await self._database.read(lambda repositories: repositories.jobs.events(job_id))
        events = [event for event in reversed(stored) if event_type in (None, event.record.type)]
        if job.provider is None or sees_all_of(user, job):
            return events
        return [event_for_caller(event, job.provider.name) for event in events]

    async def stop(self, user: User, job_id: str, patience: float) -> tuple[bool, Job]:
        """Stop a job, and wait a while for its end.

        Args:
            user: Who wants it to stop.
            job_id: The job.
            patience: Longest wait in seconds for the program to end.

        Returns:
            Whether the job was still active, and the job as it is now.

        Raises:
            NotFoundError: The user has submitted no such job.
        """
        job = await self.own(user, job_id)
        if job.status in TERMINAL:
            return False, job
        now = self._clock.now()
        change = await self._database.write(
            lambda repositories: apply(repositories, job_id, StopRequested(), Origin.API, Context.STOP_JOB, now)
        )
        change.publish(self._wakeups)
        with contextlib.suppress(TimeoutError):  # it ends all the same, only later
            async with asyncio.timeout(patience):
                await self._end_of(job_id)
        return True, await self.own(user, job_id)

    async def _end_of(self, job_id: str) -> None:
        with self._wakeups.subscribe(job_topic(job_id)) as subscription:
            while not self._wakeups.closed:
                job = await self._database.read(lambda repositories: repositories.jobs.get(job_id))
                if job is None or job.status in TERMINAL:
                    return
                await subscription.wait()
