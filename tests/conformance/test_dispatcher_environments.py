"""Jobs whose function has an environment of its own: they wait for it, start in it, and end with the reason when they cannot."""

import asyncio
from collections.abc import AsyncIterator, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import pytest

from tests.conformance.test_dispatcher import a_tar
from treadle.adapters.clock import SystemClock
from treadle.adapters.engines.local import LocalEngine
from treadle.adapters.files.folder import FolderFiles
from treadle.adapters.schemas.worker_process import WorkerSchemas
from treadle.domain.allow_list import AllowList
from treadle.domain.budget import Budget
from treadle.domain.environments import Environment, EnvironmentStatus, Lock
from treadle.domain.errors import BuildFailedError, EnvironmentUnusableError, InvalidError
from treadle.domain.jobs import Job
from treadle.domain.launch import Launch
from treadle.domain.lifecycle import JobStatus
from treadle.domain.profiles import ComputeProfiles
from treadle.domain.users import User
from treadle.ports.logs import LogStore
from treadle.ports.objects import ObjectStore
from treadle.ports.repositories import Database
from treadle.ports.secrets import Signer
from treadle.ports.wakeups import QUEUE, WakeUps
from treadle.services.access import Access
from treadle.services.artifacts import Artifacts
from treadle.services.dispatch import Dispatcher, JobTerms
from treadle.services.environments import Environments, EnvironmentTerms
from treadle.services.functions import Functions
from treadle.services.jobs import Jobs
from treadle.services.uploads import Upload, Uploads
from treadle.services.values import Values

pytestmark = pytest.mark.anyio


@dataclass
class Builder:
    """Stands for uv and the disk: it solves to what was asked for, and a build takes until the test lets it end.

    Attributes:
        built: The environments that are there, by digest, with their sizes.
        begun: Digests whose builds were begun, in order.
        words: Why builds fail; None if they do not.
        may_end: Set when builds may end.
    """

    built: dict[str, int] = field(default_factory=dict)
    begun: list[str] = field(default_factory=list)
    words: str | None = None
    may_end: asyncio.Event = field(default_factory=asyncio.Event)
    python: str = "3.11.7"

    def has_installed(self, requirements: Iterable[str]) -> bool:
        return set(requirements) <= {"numpy"}

    async def solve(self, requirements: Sequence[str]) -> Lock:
        text = "\n".join(f"{requirement}==1.0" for requirement in requirements)
        return Lock(sha256(text.encode()).hexdigest(), text)

    def is_current(self, lock: Lock) -> bool:
        return True

    async def build(self, lock: Lock) -> None:
        self.begun.append(lock.digest)
        await self.may_end.wait()
        if self.words is not None:
            raise BuildFailedError(self.words)
        self.built[lock.digest] = 100

    def has_built(self, digest: str) -> bool:
        return digest in self.built

    def sizes(self) -> dict[str, int]:
        return dict(self.built)

    async def remove(self, digest: str) -> None:
        self.built.pop(digest, None)

    def build_log(self, digest: str) -> str | None:
        return "log" if digest in self.begun else None


class EngineWithoutProcesses(LocalEngine):
    """The engine of this machine, of which only the last step is not taken: it notes what it would hand to a zygote.

    Attributes:
        handed: What it was asked to start.
        unusable: Why nothing starts in other environments than the platform's; None if it does.
    """

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self.handed: list[Launch] = []
        self.unusable: str | None = None

    async def start(self, launch: Launch) -> None:
        if launch.environment is not None and self.unusable is not None:
            raise EnvironmentUnusableError(self.unusable, hint="Look at its log.")
        self.handed.append(launch)

    async def prepare(self, environment: str) -> None:
        return


@dataclass
class Desk:
    """A dispatcher, and what a user does beside it."""

    database: Database
    wakeups: WakeUps
    builder: Builder
    engine: EngineWithoutProcesses
    environments: Environments
    uploads: Uploads
    jobs: Jobs
    dispatcher: Dispatcher
    user: User

    async def submit(self, title: str, *dependencies: str) -> Job:
        await self.uploads.upload(
            self.user, Upload(title, artifact=a_tar(), entrypoint="main.py", dependencies=dependencies)
        )
        return await self.jobs.submit(self.user, title, None, "{}")

    async def status(self, job: Job) -> JobStatus:
        return (await self.jobs.get(self.user, job.id)).status

    async def dispatch(self) -> None:
        """Do all there is to do now, also what is started apart."""
        await self.dispatcher._round()
        await asyncio.gather(*self.dispatcher._apart.values())

    async def end_builds(self) -> None:
        """Let all builds end that are under way."""
        self.builder.may_end.set()
        await asyncio.gather(*self.environments._builds.values())
        self.builder.may_end.clear()

    async def environment_of(self, title: str) -> Environment:
        function = await self.database.read(lambda repositories: repositories.functions.by_title(self.user.id, title))
        assert function is not None
        assert function.current.environment_digest is not None
        return (await self.environments.show(function.current.environment_digest))[0]


@pytest.fixture
async def desk(
    tmp_path: Path, database: Database, objects: ObjectStore, logs: LogStore, wakeups: WakeUps, signer: Signer
) -> AsyncIterator[Desk]:
    clock, engine, builder = SystemClock(), EngineWithoutProcesses(tmp_path), Builder()
    access, functions = Access(database, signer, clock), Functions(database, signer)
    environments = Environments(database, builder, engine, wakeups, clock, EnvironmentTerms(None, 150))
    schemas = WorkerSchemas(cpu_seconds=1, memory_mb=128)
    uploads = Uploads(database, Artifacts(objects), environments, schemas, ComputeProfiles(), signer, clock, 2**20)
    values = Values(objects, 2**20, 2**20)
    jobs = Jobs(database, values, logs, engine, wakeups, clock, functions, schemas, ComputeProfiles(), 1000)
    terms = JobTerms("http://127.0.0.1:9", Budget(1.0, 0.0, 10**9), 1.0, None, 9)
    dispatcher = Dispatcher(
        database, engine, wakeups, clock, access, functions, FolderFiles(tmp_path / "data"), environments, terms
    )
    user = await access.register("ada", "token")
    yield Desk(database, wakeups, builder, engine, environments, uploads, jobs, dispatcher, user)
    await environments.close()


async def test_a_job_waits_in_the_queue_until_its_environment_is_built(desk: Desk) -> None:
    job = await desk.submit("needs-x", "x")
    await desk.dispatch()
    assert await desk.status(job) is JobStatus.QUEUED
    assert not desk.engine.handed
    await desk.end_builds()
    await desk.dispatch()
    environment = await desk.environment_of("needs-x")
    assert [(launch.job_id, launch.environment) for launch in desk.engine.handed] == [(job.id, environment.digest)]
    assert environment.status is EnvironmentStatus.READY


@pytest.mark.parametrize("words", [None, "no room for x"], ids=["built", "failed"])
async def test_the_dispatcher_is_woken_when_a_build_has_ended(desk: Desk, words: str | None) -> None:
    desk.builder.words = words
    await desk.submit("needs-x", "x")
    await desk.dispatch()
    with desk.wakeups.subscribe(QUEUE) as subscription:
        await desk.end_builds()
        assert await subscription.wait(10)


async def test_jobs_of_other_functions_need_not_wait_for_it(desk: Desk) -> None:
    waiting, other = await desk.submit("needs-x", "x"), await desk.submit("needs-nothing", "numpy")
    await desk.dispatch()
    assert [launch.job_id for launch in desk.engine.handed] == [other.id]
    assert desk.engine.handed[0].environment is None
    assert await desk.status(waiting) is JobStatus.QUEUED


async def test_functions_that_ask_for_the_same_share_one_build(desk: Desk) -> None:
    jobs = [await desk.submit(f"function-{number}", "x", "y") for number in range(3)]
    await desk.end_builds()
    await desk.dispatch()
    assert len(desk.builder.begun) == 1
    assert {launch.job_id for launch in desk.engine.handed} == {job.id for job in jobs}


async def test_a_job_whose_environment_cannot_be_built_ends_with_the_words_of_the_build(desk: Desk) -> None:
    desk.builder.words = "no room for x"
    job = await desk.submit("needs-x", "x")
    await desk.dispatch()
    await desk.end_builds()
    await desk.dispatch()
    ended = await desk.jobs.get(desk.user, job.id)
    assert ended.status is JobStatus.FAILED
    assert ended.cause is not None
    assert ended.cause["code"] == "environment_not_built"
    assert "no room for x" in ended.cause["message"]
    assert "treadle function environment" in ended.cause["hint"]
    assert not desk.engine.handed


async def test_a_failed_build_is_tried_again_by_the_next_upload(desk: Desk) -> None:
    desk.builder.words = "no room for x"
    await desk.submit("needs-x", "x")
    await desk.end_builds()
    desk.builder.words = None
    job = await desk.submit("needs-x-too", "x")
    assert (await desk.environment_of("needs-x")).status is EnvironmentStatus.BUILDING
    await desk.end_builds()
    await desk.dispatch()
    assert job.id in {launch.job_id for launch in desk.engine.handed}


async def test_who_asks_for_a_build_again_gets_one_only_if_the_last_has_failed(desk: Desk) -> None:
    desk.builder.words = "no room for x"
    await desk.submit("needs-x", "x")
    await desk.end_builds()
    failed = await desk.environment_of("needs-x")
    assert (failed.status, failed.message) == (EnvironmentStatus.FAILED, "no room for x")
    desk.builder.words = None
    assert (await desk.environments.build_again(failed.digest)).status is EnvironmentStatus.BUILDING
    await desk.end_builds()
    ready = await desk.environments.build_again(failed.digest)
    assert (ready.status, ready.message) == (EnvironmentStatus.READY, None)
    assert len(desk.builder.begun) == 2


async def test_an_environment_in_which_nothing_starts_ends_the_job_and_says_why(desk: Desk) -> None:
    desk.engine.unusable = "its Python does not start"
    job, other = await desk.submit("needs-x", "x"), await desk.submit("needs-nothing")
    await desk.end_builds()
    await desk.dispatch()
    ended = await desk.jobs.get(desk.user, job.id)
    assert ended.status is JobStatus.FAILED
    assert ended.cause is not None
    assert "its Python does not start" in ended.cause["message"]
    assert [launch.job_id for launch in desk.engine.handed] == [other.id]


async def test_an_environment_that_is_gone_from_the_disk_is_built_again(desk: Desk) -> None:
    await desk.submit("needs-x", "x")
    await desk.end_builds()
    await desk.dispatch()
    desk.builder.built.clear()
    again = await desk.jobs.submit(desk.user, "needs-x", None, "{}")
    await desk.dispatch()
    assert await desk.status(again) is JobStatus.QUEUED
    await desk.end_builds()
    await desk.dispatch()
    assert [launch.job_id for launch in desk.engine.handed][1:] == [again.id]


async def test_a_job_stopped_while_its_environment_is_built_never_starts(desk: Desk) -> None:
    job = await desk.submit("needs-x", "x")
    await desk.dispatch()
    await desk.jobs.stop(desk.user, job.id, 1.0)
    await desk.end_builds()
    await desk.dispatch()
    assert await desk.status(job) is JobStatus.STOPPED
    assert not desk.engine.handed


async def test_the_next_gateway_goes_on_with_what_this_one_has_not_built(desk: Desk) -> None:
    job = await desk.submit("needs-x", "x")
    await desk.environments.close()
    assert (await desk.environment_of("needs-x")).status is EnvironmentStatus.BUILDING
    await desk.environments.open()
    await desk.end_builds()
    await desk.dispatch()
    assert [launch.job_id for launch in desk.engine.handed] == [job.id]
    assert len(desk.builder.begun) == 2


async def test_a_new_environment_makes_room_for_itself_but_not_at_the_cost_of_one_in_use(desk: Desk) -> None:
    desk.builder.built["unknown"] = 100
    await desk.submit("first", "x")
    await desk.end_builds()
    assert "unknown" not in desk.builder.built  # nobody knows it any more
    await desk.dispatch()
    await desk.submit("second", "y")
    await desk.end_builds()
    assert len(desk.builder.built) == 2  # more than there is room for: a job is about to run in the first


async def test_that_an_environment_is_used_is_noted_to_the_minute(desk: Desk) -> None:
    await desk.submit("needs-x", "x")
    await desk.end_builds()
    ready = await desk.environment_of("needs-x")
    await desk.environments.require(ready.digest)
    assert (await desk.environment_of("needs-x")).used == ready.used
    long_ago = replace(ready, used=ready.used - timedelta(hours=1))
    await desk.database.write(lambda repositories: repositories.environments.put(long_ago))
    await desk.environments.require(ready.digest)
    assert (await desk.environment_of("needs-x")).used > ready.used - timedelta(minutes=1)


async def test_what_is_not_on_the_operators_list_is_refused_before_anything_is_solved(
    desk: Desk, database: Database, wakeups: WakeUps
) -> None:
    terms = EnvironmentTerms(AllowList.of_text(b"x==1.0\nnumpy\n"), 0)
    restricted = Environments(database, desk.builder, desk.engine, wakeups, SystemClock(), terms)
    assert restricted.allowed() == ["x==1.0", "numpy"]
    chosen = await restricted.choose(["x"], [])
    assert chosen is not None
    assert chosen.requirements == ("x==1.0",)
    with pytest.raises(InvalidError, match="`y` is not allowed"):
        await restricted.choose([], ["y"])


async def test_an_environment_nobody_has_asked_for_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidError, match="There is no environment abc"):
        await desk.environments.show("abc")
