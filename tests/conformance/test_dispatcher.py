"""The dispatcher beside an engine that cannot start anything: no job is lost, and none is stuck."""

import asyncio
import io
import tarfile
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest

from treadle.adapters.clock import SystemClock
from treadle.adapters.engines.local import LocalEngine
from treadle.adapters.environments.local import LocalEnvironments
from treadle.adapters.environments.solving import UvSolver
from treadle.adapters.files.folder import FolderFiles
from treadle.adapters.logs.folder import FolderLogs
from treadle.adapters.objects.obstore_objects import ObstoreObjects
from treadle.adapters.schemas.worker_process import WorkerSchemas
from treadle.domain.budget import Budget
from treadle.domain.jobs import Job, Placement
from treadle.domain.lifecycle import JobState, JobStatus
from treadle.domain.limits import JobLimits
from treadle.domain.profiles import ComputeProfiles
from treadle.domain.users import User
from treadle.ports.repositories import Database
from treadle.ports.secrets import Signer
from treadle.ports.wakeups import WakeUps, job_topic
from treadle.runner.attempt import AttemptFolder
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

pytestmark = pytest.mark.anyio


@dataclass
class Desk:
    """A dispatcher, and what a user does beside it."""

    database: Database
    wakeups: WakeUps
    jobs: Jobs
    dispatcher: Dispatcher
    environments: Environments
    user: User

    async def submit(self) -> Job:
        return await self.jobs.submit(self.user, "hello", None, "{}")

    async def status(self, job: Job) -> JobStatus:
        return (await self.jobs.get(self.user, job.id)).status

    async def until(self, job: Job, status: JobStatus) -> None:
        with self.wakeups.subscribe(job_topic(job.id)) as subscription:
            while await self.status(job) is not status:
                await subscription.wait()

    async def round(self) -> float:
        self.dispatcher._look_at = None  # as if the time to look after silent jobs had come
        return await self.dispatcher._round()


@pytest.fixture
async def desk(tmp_path: Path, database: Database, wakeups: WakeUps, signer: Signer) -> AsyncIterator[Desk]:
    """A desk whose engine has an interpreter that ends at once."""
    objects, logs = ObstoreObjects.in_folder(tmp_path / "objects"), FolderLogs(tmp_path / "logs")
    clock, engine = SystemClock(), LocalEngine(tmp_path, interpreter="/bin/false")
    engines = Engines({"local": engine})
    access = Access(database, signer, clock)
    functions = Functions(database, signer)
    environments = Environments(database, UvSolver(30, only_wheels=True), objects, wakeups, clock, None)
    builder = LocalEnvironments(tmp_path, build_seconds=60, only_wheels=True)
    builder.open()
    builds = EnvironmentBuilds(database, builder, engines, objects, wakeups, clock, 2**40)
    schemas = WorkerSchemas(cpu_seconds=1, memory_mb=128)
    uploads = Uploads(database, Artifacts(objects), environments, schemas, ComputeProfiles(), signer, clock, 2**20)
    values = Values(objects, 2**20, 2**20)
    jobs = Jobs(
        database, values, logs, LogSettling(logs), wakeups, clock, functions, schemas, ComputeProfiles(), JobLimits()
    )
    terms = JobTerms("http://127.0.0.1:9", Budget(1.0, 0.0, 10**9), 1.0, None, 2)
    dispatcher = Dispatcher(
        database,
        engines,
        wakeups,
        clock,
        access,
        functions,
        FolderFiles(tmp_path / "data"),
        builds,
        terms,
        "here",
    )
    user = await access.register("ada", "token")
    await uploads.upload(user, Upload("hello", artifact=a_tar(), entrypoint="main.py"))
    await engine.open(dispatcher.supervisor_exited)
    yield Desk(database, wakeups, jobs, dispatcher, environments, user)
    await builds.close()
    await engine.close()


def a_tar() -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("main.py"))
    return buffer.getvalue()


def leave_traces(home: Path, job: Job) -> None:
    """Leave what a supervisor leaves that was killed while the program ran: here, in attempt 1."""
    folder = AttemptFolder.of(home, job.id, 1)
    folder.path.mkdir(parents=True)
    folder.log.touch()


async def test_jobs_that_cannot_be_started_wait_in_the_queue(desk: Desk) -> None:
    made = [await desk.submit() for _ in range(3)]
    await desk.round()
    assert [await desk.status(job) for job in made] == [JobStatus.QUEUED] * 3


async def test_the_dispatcher_tries_less_and_less_often(desk: Desk) -> None:
    await desk.submit()
    pauses = [await desk.round() for _ in range(6)]
    assert pauses == sorted(pauses)
    assert pauses[0] < pauses[-1] <= 15


async def test_a_job_stopped_while_the_engine_cannot_start_it_is_stopped(desk: Desk) -> None:
    job = await desk.submit()
    dispatching = asyncio.create_task(desk.round())
    await desk.until(job, JobStatus.PENDING)
    assert await desk.jobs.stop(desk.user, job.id, 30.0) == (True, await desk.jobs.get(desk.user, job.id))
    assert await desk.status(job) is JobStatus.STOPPED
    await dispatching


@pytest.mark.parametrize("told", [True, False], ids=["the engine told of its end", "only its silence tells"])
async def test_an_attempt_without_supervisor_waits_until_the_engine_can_recover_it(
    desk: Desk, told: bool, tmp_path: Path
) -> None:
    job = await desk.submit()
    await desk.round()  # adopts what an earlier gateway left: nothing
    leave_traces(tmp_path, job)
    queued = (await desk.jobs.get(desk.user, job.id)).state
    running = JobState(JobStatus.RUNNING, None, 1)
    lease_until = SystemClock().now() + timedelta(hours=1 if told else -1)
    await desk.database.write(
        lambda repositories: repositories.jobs.change(
            job.id, queued, running, lease_until=lease_until, placement=Placement("local", "here")
        )
    )
    if told:
        desk.dispatcher.supervisor_exited(job.id, running.attempt)
    pauses = [await desk.round() for _ in range(5 if told else 1)]
    assert pauses == sorted(pauses)
    assert pauses[0] == 2.0  # it was tried in vain, as the first start was
    assert (pauses[-1] > 2.0) is told
    assert await desk.status(job) is JobStatus.RUNNING
