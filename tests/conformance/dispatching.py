"""A dispatcher in the process of the tests, beside a builder and an engine that do what a test says."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

from tests.e2e.conftest import tar_of
from treadle.adapters.clock import SystemClock
from treadle.adapters.engines.local import LocalEngine
from treadle.adapters.files.folder import FolderFiles
from treadle.adapters.logs.folder import FolderLogs
from treadle.adapters.objects.obstore_objects import ObstoreObjects
from treadle.adapters.schemas.worker_process import WorkerSchemas
from treadle.domain.budget import Budget
from treadle.domain.environments import Environment, Lock
from treadle.domain.errors import BuilderUnavailableError, BuildFailedError, EnvironmentUnusableError
from treadle.domain.jobs import Job, Placement
from treadle.domain.launch import Launch
from treadle.domain.lifecycle import JobState, JobStatus
from treadle.domain.limits import JobLimits
from treadle.domain.profiles import ComputeProfiles
from treadle.domain.users import User
from treadle.ports.clock import Clock
from treadle.ports.engine import Presence
from treadle.ports.repositories import Database
from treadle.ports.secrets import Signer
from treadle.ports.wakeups import WakeUps
from treadle.services.access import Access
from treadle.services.artifacts import Artifacts
from treadle.services.dispatch import Dispatcher
from treadle.services.engines import Engines
from treadle.services.environment_builds import EnvironmentBuilds
from treadle.services.environments import Environments
from treadle.services.functions import Functions
from treadle.services.jobs import Jobs
from treadle.services.launching import JobTerms
from treadle.services.log_settling import LogSettling
from treadle.services.uploads import Upload, Uploads
from treadle.services.values import Values

HERE = "the dispatcher of the tests"


class Solver:
    """Stands for uv: it solves to what was asked for."""

    python = "3.11.7"

    def has_installed(self, requirements: Iterable[str]) -> bool:
        return set(requirements) <= {"numpy"}

    async def solve(self, requirements: Sequence[str]) -> Lock:
        text = "\n".join(f"{requirement}==1.0" for requirement in requirements)
        return Lock(sha256(text.encode()).hexdigest(), text)

    def is_current(self, lock: Lock) -> bool:
        return True


@dataclass
class Builder:
    """Stands for a machine with its disk: a build takes until the test lets it end.

    Attributes:
        built: The environments that are there, by digest, with their sizes.
        begun: Digests whose builds were begun, in order.
        words: Why builds fail; None if they do not.
        trouble: Why the next builds cannot be tried, one after the other.
        may_end: Set when builds may end.
    """

    built: dict[str, int] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    words: str | None = None
    trouble: list[str] = field(default_factory=list)
    may_end: asyncio.Event = field(default_factory=asyncio.Event)

    async def build(self, lock: Lock) -> str:
        self.begun.append(lock.digest)
        await self.may_end.wait()
        if self.trouble:
            raise BuilderUnavailableError(self.trouble.pop())
        if self.words is not None:
            raise BuildFailedError(self.words, log=f"begun\n{self.words}")
        self.built[lock.digest] = 100
        return "built"

    def has_built(self, digest: str) -> bool:
        return digest in self.built

    def sizes(self) -> dict[str, int]:
        return dict(self.built)

    async def remove(self, digest: str) -> None:
        self.built.pop(digest, None)


class EngineWithoutProcesses(LocalEngine):
    """The engine of this machine, of which only the last step is not taken: it notes what it would hand to a zygote.

    Attributes:
        handed: What it was asked to start.
        unusable: Why nothing starts in other environments than the platform's; None if it does.
        presences: What it knows of attempts that an earlier gateway started; of others it knows nothing.
        stopped: The jobs whose supervisors it was asked to stop.
        told_to_stop: Set once it was asked to stop one.
        swept: The attempts that it was told to leave alone when it swept.
    """

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.handed: list[Launch] = []
        self.unusable: str | None = None
        self.presences: dict[str, Presence] = {}
        self.stopped: list[str] = []
        self.told_to_stop = asyncio.Event()
        self.swept: set[tuple[str, int]] = set()

    async def start(self, launch: Launch) -> None:
        if launch.environment is not None and self.unusable is not None:
            raise EnvironmentUnusableError(self.unusable, hint="Look at its log.")
        self.handed.append(launch)

    async def prepare(self, environment: str) -> None:
        return

    async def adopt(self, job_id: str, attempt: int) -> Presence:
        return self.presences.get(job_id, Presence.UNKNOWN)

    async def stop(self, job_id: str, attempt: int) -> None:
        self.stopped.append(job_id)
        self.told_to_stop.set()

    async def sweep(self, live: set[tuple[str, int]]) -> None:
        self.swept = live


@dataclass
class Desk:
    """A dispatcher, and what a user does beside it."""

    database: Database
    wakeups: WakeUps
    builder: Builder
    engine: EngineWithoutProcesses
    environments: Environments
    builds: EnvironmentBuilds
    uploads: Uploads
    jobs: Jobs
    dispatcher: Dispatcher
    user: User
    clock: Clock
    identity: str

    async def submit(self, title: str, *dependencies: str) -> Job:
        await self.uploads.upload(
            self.user, Upload(title, artifact=tar_of(main_py=""), entrypoint="main.py", dependencies=dependencies)
        )
        await self.builds.begin_all()
        return await self.jobs.submit(self.user, title, None, "{}")

    async def status(self, job: Job) -> JobStatus:
        return (await self.jobs.get(self.user, job.id)).status

    async def dispatch(self) -> None:
        """Do all there is to do now, also what is started apart, and look after silent jobs though it is not time yet."""
        self.dispatcher._look_at = None
        await self.dispatcher._round()
        await asyncio.gather(*self.dispatcher._launches._apart.values())

    async def end_builds(self) -> None:
        """Let all builds end that are under way."""
        self.builder.may_end.set()
        await asyncio.gather(*self.builds._builds.values())
        self.builder.may_end.clear()

    async def put(self, job: Job, status: JobStatus, *, lease: timedelta) -> Job:
        """Let a job be where an earlier gateway left it: in its first attempt, with a lease that ends after so long from now."""
        before = (await self.jobs.get(self.user, job.id)).state
        after = JobState(status, None, 1)
        until = self.clock.now() + lease
        await self.database.write(
            lambda repositories: repositories.jobs.change(
                job.id, before, after, lease_until=until, placement=Placement("local", self.identity)
            )
        )
        return await self.jobs.get(self.user, job.id)

    async def let_lapse(self, job: Job) -> None:
        """Let the lease of a job have run out."""
        placement, until = Placement("local", self.identity), self.clock.now() - timedelta(hours=1)
        await self.database.write(
            lambda repositories: repositories.jobs.hold(job.id, 1, self.identity, placement, until)
        )

    async def environment_of(self, title: str) -> Environment:
        function = await self.database.read(lambda repositories: repositories.functions.by_title(self.user.id, title))
        assert function is not None
        assert function.current.environment_digest is not None
        return (await self.environments.show(function.current.environment_digest))[0]


@contextlib.asynccontextmanager
async def a_desk(
    home: Path,
    database: Database,
    wakeups: WakeUps,
    signer: Signer,
    clock: Clock | None = None,
    identity: str = HERE,
) -> AsyncIterator[Desk]:
    """A desk with nothing on it."""
    objects, logs = ObstoreObjects.in_folder(home / "objects"), FolderLogs(home / "logs")
    clock, engine, builder = clock or SystemClock(), EngineWithoutProcesses(home), Builder()
    engines = Engines({"local": engine})
    access, functions = Access(database, signer, clock), Functions(database, signer)
    environments = Environments(database, Solver(), objects, wakeups, clock, None)
    builds = EnvironmentBuilds(database, builder, engines, objects, wakeups, clock, 150)
    schemas = WorkerSchemas(cpu_seconds=1, memory_mb=128)
    uploads = Uploads(database, Artifacts(objects), environments, schemas, ComputeProfiles(), signer, clock, 2**20)
    values = Values(objects, 2**20, 2**20)
    jobs = Jobs(
        database, values, logs, LogSettling(logs), wakeups, clock, functions, schemas, ComputeProfiles(), JobLimits()
    )
    terms = JobTerms("http://127.0.0.1:9", Budget(1.0, 0.0, 10**9), 1.0, None, 9)
    dispatcher = Dispatcher(
        database, engines, wakeups, clock, access, functions, FolderFiles(home / "data"), builds, terms, identity
    )
    user = await access.register("ada", "token")
    yield Desk(
        database, wakeups, builder, engine, environments, builds, uploads, jobs, dispatcher, user, clock, identity
    )
    await builds.close()
