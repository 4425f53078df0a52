"""The dispatcher: gives queued jobs to the engine, and looks after those whose supervisor is gone."""

import asyncio
import logging
from collections import Counter
from dataclasses import dataclass, field

from treadle.domain.budget import Budget
from treadle.domain.causes import WORKER_LOST, Cause, CauseCode, environment_not_built
from treadle.domain.errors import (
    BuildFailedError,
    EngineUnavailableError,
    EnvironmentAwaitedError,
    EnvironmentUnusableError,
    InvalidError,
    StaleAttemptError,
    StorageError,
    UnsealError,
)
from treadle.domain.files import provider_space, user_space
from treadle.domain.functions import FunctionVersion
from treadle.domain.jobs import BusinessModel, Context, Job, Origin
from treadle.domain.launch import Launch
from treadle.domain.lifecycle import ON_ENGINE, Claimed, Ended, Event, JobState, JobStatus, Returned
from treadle.domain.profiles import ComputeProfiles
from treadle.domain.scheduling import QueuedJob, choose, first_users
from treadle.ports.clock import Clock
from treadle.ports.engine import Engine, Presence
from treadle.ports.files import FileStore
from treadle.ports.repositories import Database, Repositories
from treadle.ports.wakeups import QUEUE, WakeUps
from treadle.services.access import Access
from treadle.services.environments import Environments
from treadle.services.functions import Functions
from treadle.services.transitions import LEASE, Change, apply

logger = logging.getLogger(__name__)

_RECOVERIES = 3
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = LEASE.total_seconds() / 2


@dataclass(frozen=True, slots=True)
class JobTerms:
    """What the platform grants each job.

    Attributes:
        gateway_url: Where its supervisor reports.
        budget: What it may use, unless it has a compute profile.
        grace_seconds: Time between SIGTERM and SIGKILL.
        wall_seconds: Longest run, None for no limit.
        running_jobs: How many jobs may be on the engine at once.
        profiles: The compute profiles on offer.
    """

    gateway_url: str
    budget: Budget
    grace_seconds: float
    wall_seconds: float | None
    running_jobs: int
    profiles: ComputeProfiles = field(default_factory=ComputeProfiles)


class Dispatcher:
    """Moves jobs from the queue to the engine. Woken when there is something to do."""

    def __init__(
        self,
        database: Database,
        engine: Engine,
        wakeups: WakeUps,
        clock: Clock,
        access: Access,
        functions: Functions,
        files: FileStore,
        environments: Environments,
        terms: JobTerms,
    ) -> None:
        self._database = database
        self._engine = engine
        self._wakeups = wakeups
        self._clock = clock
        self._access = access
        self._functions = functions
        self._files = files
        self._environments = environments
        self._apart: dict[tuple[str, int], asyncio.Task[None]] = {}
        self._terms = terms
        self._exited: set[tuple[str, int]] = set()
        self._adopted = False
        self._pause = _FIRST_PAUSE
        self._recoveries: Counter[tuple[str, int]] = Counter()

    def supervisor_exited(self, job_id: str, attempt: int) -> None:
        """Take note that a supervisor has ended; the engine calls this."""
        self._exited.add((job_id, attempt))
        self._wakeups.publish(QUEUE)

    async def run(self) -> None:
        """Adopt what runs already, then dispatch until the wake-ups are closed."""
        with self._wakeups.subscribe(QUEUE) as subscription:
            while not self._wakeups.closed:
                pause = await self._round()
                await subscription.wait(pause)
        for start in self._apart.values():
            start.cancel()  # the next gateway finds these jobs PENDING, and starts them

    async def _round(self) -> float:
        """Do all there is to do now. Returns the seconds after which to look again unless woken before."""
        try:
            if not self._adopted:
                await self._adopt()
                self._adopted = True
            await self._recover_exited()
            await self._recover_silent()
            await self._start_all(await self._claim())
        except (EngineUnavailableError, StorageError) as error:
            logger.warning("dispatching waits: %s %s", error, error.hint)
            pause, self._pause = self._pause, min(2 * self._pause, _LONGEST_PAUSE)
            return pause
        self._pause = _FIRST_PAUSE
        return _LONGEST_PAUSE

    async def _adopt(self) -> None:
        jobs = await self._database.read(lambda repositories: repositories.jobs.on_engine())
        for job in jobs:
            presence = await self._engine.adopt(job.id, job.state.attempt)
            if presence is Presence.RUNNING:
                continue
            if presence is Presence.UNKNOWN and job.status is not JobStatus.PENDING:
                await self._end(job, WORKER_LOST)
            else:
                await self._start(job)
        await self._engine.sweep({(job.id, job.state.attempt) for job in jobs})

    async def _claim(self) -> list[Job]:
        """Claim the jobs that go next, in one transaction."""
        now = self._clock.now()

        def work(repositories: Repositories) -> list[Change]:
            return [
                apply(repositories, job.id, Claimed(), Origin.SCHEDULER, Context.SCHEDULE_JOBS, now)
                for job in self._next_jobs(repositories)
            ]

        if not await self._database.read(self._next_jobs):
            return []  # no write lock where there is nothing to write
        changes = await self._database.write(work)
        for change in changes:
            change.publish(self._wakeups)
        return [job for change in changes if (job := await self._job(change.job_id)) is not None]

    def _next_jobs(self, repositories: Repositories) -> list[QueuedJob]:
        active = repositories.jobs.active_by_author()
        slots = self._terms.running_jobs - active.total()
        if slots <= 0:
            return []
        users = first_users(repositories.jobs.next_of_each_user(), active, slots)
        return choose(repositories.jobs.queued(users, slots), active, slots)

    async def _start_all(self, claimed: list[Job]) -> None:
        """Start claimed jobs. If the engine cannot, those that are not started go back to the queue."""
        for number, job in enumerate(claimed):
            try:
                await self._start(job)
            except EngineUnavailableError:
                for waiting in claimed[number:]:
                    await self._apply(waiting.id, Returned(waiting.state.attempt), Context.SCHEDULE_JOBS)
                raise

    async def _start(self, job: Job) -> None:
        """Start a job. In another environment than the platform's, that may take seconds, which others need not wait for."""
        try:
            launch = await self._launch(job)
        except BuildFailedError as error:
            await self._end(job, environment_not_built(str(error), error.hint))
        except EnvironmentAwaitedError:
            await self._apply(job.id, Returned(job.state.attempt), Context.SCHEDULE_JOBS)
        except (InvalidError, UnsealError) as error:  # the fault lies in this job alone; the others go on
            await self._end(job, Cause(CauseCode.NOT_STARTED, str(error), error.hint))
        else:
            if launch.environment is None:
                await self._hand_over(job, launch)
            else:
                self._start_apart(job, launch)

    def _start_apart(self, job: Job, launch: Launch) -> None:
        key = (job.id, job.state.attempt)
        if key not in self._apart:
            self._apart[key] = asyncio.create_task(self._start_in_environment(job, launch))
            self._apart[key].add_done_callback(lambda done: self._started_apart(key, done))

    async def _start_in_environment(self, job: Job, launch: Launch) -> None:
        try:
            await self._hand_over(job, launch)
        except EnvironmentUnusableError as error:
            await self._end(job, environment_not_built(str(error), error.hint))
        except EngineUnavailableError as error:
            logger.warning("a job goes back to the queue: %s %s", error, error.hint)
            await self._apply(job.id, Returned(job.state.attempt), Context.SCHEDULE_JOBS)

    def _started_apart(self, key: tuple[str, int], start: "asyncio.Task[None]") -> None:
        del self._apart[key]
        if not start.cancelled() and (error := start.exception()) is not None:
            logger.error("job %s is not started yet: %s", key[0], error)  # its lease runs out, and it is looked after

    async def _hand_over(self, job: Job, launch: Launch) -> None:
        await self._engine.start(launch)
        current = await self._job(job.id)
        if current is not None and current.status is JobStatus.STOPPING:  # asked for while the engine was starting it
            await self._engine.stop(job.id, job.state.attempt)

    async def _launch(self, job: Job) -> Launch:
        def work(repositories: Repositories) -> FunctionVersion:
            return repositories.functions.version(job.version_id)

        version = await self._database.read(work)
        if version.artifact_digest is None:
            raise InvalidError(
                "The function was uploaded without a program.",
                hint="Upload it again with its entrypoint in a tar file.",
            )
        begun = job.status is not JobStatus.PENDING  # what is left to do then needs nothing of its environment
        environment = None if begun else version.environment_digest
        if environment is not None:
            await self._environments.require(environment)
        terms = self._terms
        provider = job.provider.name if job.provider else None
        return Launch(
            job_id=job.id,
            attempt=job.state.attempt,
            gateway_url=terms.gateway_url,
            token=self._access.job_token(job.id, job.state.attempt),
            entrypoint=version.entrypoint,
            artifact_digest=version.artifact_digest,
            data_path=self._files.folder(user_space(job.author_id, provider, job.function_title)),
            function_data_path=self._files.folder(provider_space(provider, job.function_title)) if provider else None,
            variables={
                **self._functions.unsealed(version),
                "ENV_ACCESS_TRIAL": str(job.business_model is BusinessModel.TRIAL),
                "ENV_JOB_FUNCTION_SIZE": job.function_size or "",
                "ENV_JOB_COMPUTE_PROFILE": job.compute_profile or "",
            },
            budget=terms.profiles.budget(job.compute_profile, terms.budget),
            grace_seconds=terms.grace_seconds,
            wall_seconds=terms.wall_seconds,
            environment=environment,
        )

    async def _recover_exited(self) -> None:
        while self._exited:
            job_id, attempt = self._exited.pop()
            job = await self._job(job_id)
            if job is None or job.status not in ON_ENGINE or job.state.attempt != attempt:
                self._recoveries.pop((job_id, attempt), None)
                continue
            try:
                await self._recover(job)
            except (EngineUnavailableError, StorageError):
                self._exited.add((job_id, attempt))  # for the next round
                raise

    async def _recover_silent(self) -> None:
        now = self._clock.now()
        for job in await self._database.read(lambda repositories: repositories.jobs.silent(now)):
            if await self._engine.adopt(job.id, job.state.attempt) is not Presence.RUNNING:
                await self._recover(job)

    async def _recover(self, job: Job) -> None:
        """Have the engine deliver what a lost supervisor left; give up when that fails again and again.

        An engine that is unavailable has not tried: what was left waits until it has.
        """
        key = (job.id, job.state.attempt)
        if self._recoveries[key] >= _RECOVERIES:
            await self._end(job, WORKER_LOST)
            return
        await self._start(job)
        self._recoveries[key] += 1

    async def _end(self, job: Job, cause: Cause) -> None:
        """End a job whose supervisor cannot do so itself."""
        self._recoveries.pop((job.id, job.state.attempt), None)
        ended = Ended(job.state.attempt, succeeded=False)
        shown = None if job.status is JobStatus.STOPPING else cause
        await self._apply(job.id, ended, Context.UPDATE_JOB_STATUS, shown)

    async def _apply(self, job_id: str, event: Event, context: Context, cause: Cause | None = None) -> JobState | None:
        now = self._clock.now()
        try:
            change = await self._database.write(
                lambda repositories: apply(repositories, job_id, event, Origin.SCHEDULER, context, now, cause)
            )
        except StaleAttemptError:
            return None  # the supervisor's own report came first
        change.publish(self._wakeups)
        return change.state

    async def _job(self, job_id: str) -> Job | None:
        return await self._database.read(lambda repositories: repositories.jobs.get(job_id))
