"""Jobs whose function has an environment of its own: they wait for it, start in it, and end with the reason when they cannot."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, replace
from datetime import timedelta

import pytest

from tests.conformance.dispatching import Builder, Desk, Solver
from tests.e2e.conftest import tar_of
from treadle.adapters.clock import SystemClock
from treadle.domain.allow_list import AllowList
from treadle.domain.environments import EnvironmentStatus
from treadle.domain.errors import BuildFailedError, EnvironmentAwaitedError, InvalidError
from treadle.domain.lifecycle import JobStatus
from treadle.ports.objects import ObjectStore
from treadle.ports.repositories import Database
from treadle.ports.wakeups import QUEUE, WakeUps
from treadle.services import environment_builds
from treadle.services.engines import Engines
from treadle.services.environment_builds import EnvironmentBuilds
from treadle.services.environments import Environments
from treadle.services.uploads import Upload

pytestmark = pytest.mark.anyio


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
    assert (await desk.environments.show(failed.digest))[1] == "begun\nno room for x"
    desk.builder.words = None
    assert (await desk.environments.build_again(failed.digest)).status is EnvironmentStatus.BUILDING
    await desk.builds.begin_all()
    await desk.end_builds()
    ready = await desk.environments.build_again(failed.digest)
    assert (ready.status, ready.message) == (EnvironmentStatus.READY, None)
    assert len(desk.builder.begun) == 2
    assert (await desk.environments.show(failed.digest))[1] == "built"


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


async def test_an_environment_that_is_built_again_here_is_ready_for_others_meanwhile(desk: Desk) -> None:
    await desk.submit("needs-x", "x")
    await desk.end_builds()
    desk.builder.built.clear()
    job = await desk.jobs.submit(desk.user, "needs-x", None, "{}")
    await desk.dispatch()
    environment = await desk.environment_of("needs-x")
    assert environment.status is EnvironmentStatus.READY
    assert desk.builds.awaited == {environment.digest}
    await desk.dispatch()
    assert await desk.status(job) is JobStatus.QUEUED
    events = await desk.database.read(lambda repositories: repositories.jobs.events(job.id))
    await desk.dispatch()
    assert await desk.database.read(lambda repositories: repositories.jobs.events(job.id)) == events, "it is left alone"


async def test_uploads_wake_those_who_build(desk: Desk) -> None:
    running = asyncio.create_task(desk.builds.run())
    await asyncio.sleep(0)  # it takes interest
    upload = Upload("needs-x", artifact=tar_of(main_py=""), entrypoint="main.py", dependencies=("x",))
    with desk.wakeups.subscribe(QUEUE) as subscription:
        await desk.uploads.upload(desk.user, upload)
        desk.builder.may_end.set()
        assert await subscription.wait(10)
    assert (await desk.environment_of("needs-x")).status is EnvironmentStatus.READY
    desk.wakeups.close()
    await running


@dataclass
class Second:
    """Another dispatcher on the same database, with a machine of its own."""

    builder: Builder
    builds: EnvironmentBuilds

    async def end_builds(self) -> None:
        self.builder.may_end.set()
        await asyncio.gather(*self.builds._builds.values())


@pytest.fixture
async def second(desk: Desk, objects: ObjectStore, wakeups: WakeUps) -> AsyncIterator[Second]:
    """A second dispatcher, which has not begun to build."""
    builder = Builder()
    builds = EnvironmentBuilds(
        desk.database, builder, Engines({"local": desk.engine}), objects, wakeups, SystemClock(), 150
    )
    yield Second(builder, builds)
    await builds.close()


async def test_each_dispatcher_builds_for_its_own_machine(desk: Desk, second: Second) -> None:
    await desk.submit("needs-x", "x")
    await second.builds.begin_all()
    await desk.end_builds()
    digest = (await desk.environment_of("needs-x")).digest
    await desk.builds.require(digest)
    with pytest.raises(EnvironmentAwaitedError):
        await second.builds.require(digest)
    assert (await desk.environment_of("needs-x")).status is EnvironmentStatus.READY
    await second.end_builds()
    await second.builds.require(digest)
    assert desk.builder.begun == second.builder.begun == [digest]


@pytest.mark.parametrize("first_fails", [True, False], ids=["the failure comes first", "the success comes first"])
async def test_what_one_machine_could_build_can_be_built(desk: Desk, second: Second, *, first_fails: bool) -> None:
    second.builder.words = "no such file here"
    await desk.submit("needs-x", "x")
    await second.builds.begin_all()
    digest = (await desk.environment_of("needs-x")).digest
    for ending in (second, desk) if first_fails else (desk, second):
        await ending.end_builds()
    assert (await desk.environment_of("needs-x")).status is EnvironmentStatus.READY
    await desk.builds.require(digest)


async def test_a_machine_that_cannot_build_what_others_can_says_so_and_tries_again_later(
    desk: Desk, second: Second
) -> None:
    await desk.submit("needs-x", "x")
    await desk.end_builds()
    digest = (await desk.environment_of("needs-x")).digest
    second.builder.words = "no such file here"
    with pytest.raises(EnvironmentAwaitedError):
        await second.builds.require(digest)
    await second.end_builds()
    with pytest.raises(BuildFailedError, match="no such file here"):
        await second.builds.require(digest)
    second.builder.words = None
    with pytest.raises(EnvironmentAwaitedError):
        await second.builds.require(digest)
    await second.end_builds()
    await second.builds.require(digest)


async def test_a_dispatcher_that_was_killed_while_it_built_is_replaced_by_the_next(desk: Desk, second: Second) -> None:
    job = await desk.submit("needs-x", "x")
    for build in desk.builds._builds.values():
        build.cancel()  # no line after this one of the first dispatcher runs
    await second.builds.begin_all()
    await second.end_builds()
    desk.builder.built.update(second.builder.built)  # the same machine, as it were
    await desk.dispatch()
    assert [launch.job_id for launch in desk.engine.handed] == [job.id]


async def test_a_machine_in_trouble_is_tried_again_before_the_environment_is_given_up(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(environment_builds, "_FIRST_PAUSE", 0.0)
    desk.builder.trouble = ["the disk is full"]
    desk.builder.may_end.set()
    await desk.submit("needs-x", "x")
    await desk.end_builds()
    assert (await desk.environment_of("needs-x")).status is EnvironmentStatus.READY
    assert len(desk.builder.begun) == 2
    desk.builder.trouble = ["the disk is full"] * 3
    desk.builder.may_end.set()
    await desk.submit("needs-y", "y")
    await desk.end_builds()
    failed = await desk.environment_of("needs-y")
    assert (failed.status, failed.message) == (EnvironmentStatus.FAILED, "the disk is full")
    assert len(desk.builder.begun) == 5


async def test_a_job_stopped_while_its_environment_is_built_never_starts(desk: Desk) -> None:
    job = await desk.submit("needs-x", "x")
    await desk.dispatch()
    await desk.jobs.stop(desk.user, job.id, 1.0)
    await desk.end_builds()
    await desk.dispatch()
    assert await desk.status(job) is JobStatus.STOPPED
    assert not desk.engine.handed


async def test_the_next_dispatcher_goes_on_with_what_this_one_has_not_built(desk: Desk) -> None:
    job = await desk.submit("needs-x", "x")
    await desk.builds.close()
    assert (await desk.environment_of("needs-x")).status is EnvironmentStatus.BUILDING
    await desk.builds.begin_all()
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
    await desk.builds.require(ready.digest)
    assert (await desk.environment_of("needs-x")).used == ready.used
    long_ago = replace(ready, used=ready.used - timedelta(hours=1))
    await desk.database.write(lambda repositories: repositories.environments.put(long_ago))
    await desk.builds.require(ready.digest)
    assert (await desk.environment_of("needs-x")).used > ready.used - timedelta(minutes=1)


async def test_what_is_not_on_the_operators_list_is_refused_before_anything_is_solved(
    database: Database, objects: ObjectStore, wakeups: WakeUps
) -> None:
    allowed = AllowList.of_text(b"x==1.0\nnumpy\n")
    restricted = Environments(database, Solver(), objects, wakeups, SystemClock(), allowed)
    assert restricted.allowed() == ["x==1.0", "numpy"]
    chosen = await restricted.choose(["x"], [])
    assert chosen is not None
    assert chosen.requirements == ("x==1.0",)
    with pytest.raises(InvalidError, match="`y` is not allowed"):
        await restricted.choose([], ["y"])


async def test_an_environment_nobody_has_asked_for_is_refused(desk: Desk) -> None:
    with pytest.raises(InvalidError, match="There is no environment abc"):
        await desk.environments.show("abc")
