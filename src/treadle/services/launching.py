"""Starting claimed jobs on the engines of one dispatcher."""

import asyncio
import logging
from dataclasses import dataclass, field
from datetime import timedelta

from treadle.domain.budget import Budget
from treadle.domain.causes import Cause, CauseCode, environment_not_built
from treadle.domain.errors import (
    BuildFailedError,
    EngineUnavailableError,
    EnvironmentAwaitedError,
    EnvironmentUnusableError,
    InvalidError,
    UnsealError,
)
from treadle.domain.files import provider_space, user_space
from treadle.domain.functions import FunctionVersion
from treadle.domain.jobs import BusinessModel, Job
from treadle.domain.launch import HEARTBEAT_SECONDS, Launch
from treadle.domain.lifecycle import JobStatus
from treadle.domain.profiles import ComputeProfiles
from treadle.ports.engine import Engine
from treadle.ports.files import FileStore
from treadle.ports.repositories import Repositories
from treadle.services.access import Access
from treadle.services.engines import Engines
from treadle.services.environment_builds import EnvironmentBuilds
from treadle.services.functions import Functions
from treadle.services.leases import Leases
from treadle.services.transitions import LEASE

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobTerms:
    """What the platform grants each job.

    Attributes:
        gateway_url: Where its supervisor reports.
        budget: What it may use, unless it has a compute profile.
        grace_seconds: Time between SIGTERM and SIGKILL.
        wall_seconds: Longest run, None for no limit.
        delivery_seconds: Time between two deliveries of a running program's files.
        running_jobs: How many jobs may be on each engine of a dispatcher at once.
        profiles: The compute profiles on offer.
        lease: How long its attempt may be silent before somebody looks after it.
    """

    gateway_url: str
    budget: Budget
    grace_seconds: float
    wall_seconds: float | None
    running_jobs: int
    delivery_seconds: float = 10.0
    profiles: ComputeProfiles = field(default_factory=ComputeProfiles)
    lease: timedelta = LEASE

    @property
    def heartbeat_seconds(self) -> float:
        """Time between two signs of life of its supervisor."""
        return min(HEARTBEAT_SECONDS, self.lease.total_seconds() / 3)


class Launches:
    """Hands jobs to engines."""

    def __init__(
        self,
        leases: Leases,
        engines: Engines,
        access: Access,
        functions: Functions,
        files: FileStore,
        builds: EnvironmentBuilds,
        terms: JobTerms,
    ) -> None:
        self._leases = leases
        self._engines = engines
        self._access = access
        self._functions = functions
        self._files = files
        self._builds = builds
        self._terms = terms
        self._apart: dict[tuple[str, int], asyncio.Task[None]] = {}

    def is_under_way(self, job: Job) -> bool:
        """Return whether the start of a job's attempt goes on apart from others."""
        return (job.id, job.state.attempt) in self._apart

    async def start_all(self, claimed: list[Job]) -> None:
        """Start claimed jobs. If an engine cannot, those of it that are not started go back to the queue.

        Raises:
            EngineUnavailableError: An engine cannot start anything now.
        """
        troubles: dict[str | None, EngineUnavailableError] = {}
        for job in claimed:
            engine = job.placement.engine if job.placement is not None else None
            try:
                if engine in troubles:
                    await self._leases.give_back(job)
                else:
                    await self.start(job)
            except EngineUnavailableError as error:
                troubles[engine] = error
                await self._leases.give_back(job)
        for trouble in troubles.values():
            raise trouble

    async def start(self, job: Job) -> None:
        """Start a job, or have its engine recover what is left of its attempt.

        In another environment than the platform's, that may take seconds, which others need not wait for.

        Raises:
            EngineUnavailableError: Its engine cannot start anything now.
        """
        try:
            engine = self._engine(job)
            launch = await self._launch(job)
        except BuildFailedError as error:
            await self._leases.end(job, environment_not_built(str(error), error.hint))
        except EnvironmentAwaitedError:
            await self._leases.give_back(job)
        except (InvalidError, UnsealError) as error:  # the fault lies in this job alone; the others go on
            await self._leases.end(job, Cause(CauseCode.NOT_STARTED, str(error), error.hint))
        else:
            if launch.environment is None:
                await self._hand_over(job, engine, launch)
            else:
                self._start_apart(job, engine, launch)

    async def close(self) -> None:
        """Break off the starts that go on apart: whoever adopts these jobs finds them PENDING."""
        starts = list(self._apart.values())
        for start in starts:
            start.cancel()
        await asyncio.gather(*starts, return_exceptions=True)

    def _engine(self, job: Job) -> Engine:
        name = job.placement.engine if job.placement is not None else ""
        engine = self._engines.named(name)
        if engine is None:
            raise InvalidError(
                f"The engine {name!r}, to which the job was given, is no longer there.",
                hint="Run the function again, or name that engine in TREADLE_ENGINE.",
            )
        return engine

    def _start_apart(self, job: Job, engine: Engine, launch: Launch) -> None:
        key = (job.id, job.state.attempt)
        if key not in self._apart:
            self._apart[key] = asyncio.create_task(self._start_in_environment(job, engine, launch))
            self._apart[key].add_done_callback(lambda done: self._started_apart(key, done))

    async def _start_in_environment(self, job: Job, engine: Engine, launch: Launch) -> None:
        try:
            await self._hand_over(job, engine, launch)
        except EnvironmentUnusableError as error:
            await self._leases.end(job, environment_not_built(str(error), error.hint))
        except EngineUnavailableError as error:
            logger.warning("a job goes back to the queue: %s %s", error, error.hint)
            await self._leases.give_back(job)

    def _started_apart(self, key: tuple[str, int], start: "asyncio.Task[None]") -> None:
        del self._apart[key]
        if not start.cancelled() and (error := start.exception()) is not None:
            logger.error("job %s is not started yet: %s", key[0], error)  # its lease runs out, and it is looked after

    async def _hand_over(self, job: Job, engine: Engine, launch: Launch) -> None:
        await engine.start(launch)
        current = await self._leases.current(job.id)
        if current is not None and current.status is JobStatus.STOPPING:  # asked for while the engine was starting it
            await engine.stop(job.id, job.state.attempt)

    async def _launch(self, job: Job) -> Launch:
        def work(repositories: Repositories) -> FunctionVersion:
            return repositories.functions.version(job.version_id)

        version = await self._leases.database.read(work)
        if version.artifact_digest is None:
            raise InvalidError(
                "The function was uploaded without a program.",
                hint="Upload it again with its entrypoint in a tar file.",
            )
        begun = job.status is not JobStatus.PENDING  # what is left to do then needs nothing of its environment
        environment = None if begun else version.environment_digest
        if environment is not None:
            await self._builds.require(environment)
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
            has_function_space=provider is not None,
            delivery_seconds=terms.delivery_seconds,
            variables={
                **self._functions.unsealed(version),
                "ENV_ACCESS_TRIAL": str(job.business_model is BusinessModel.TRIAL),
                "ENV_JOB_FUNCTION_SIZE": job.function_size or "",
                "ENV_JOB_COMPUTE_PROFILE": job.compute_profile or "",
            },
            budget=terms.profiles.budget(job.compute_profile, terms.budget).for_workers(job.config),
            grace_seconds=terms.grace_seconds,
            wall_seconds=terms.wall_seconds,
            environment=environment,
            environment_token=self._access.environment_token(environment) if environment is not None else None,
            heartbeat_seconds=terms.heartbeat_seconds,
        )
