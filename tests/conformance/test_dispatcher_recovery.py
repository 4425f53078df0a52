"""What a new gateway makes of the jobs that an earlier one left, and of supervisors that fall silent."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.dispatching import Desk, a_desk
from treadle.domain.errors import StorageUnavailableError
from treadle.domain.functions import FunctionVersion
from treadle.domain.lifecycle import JobStatus
from treadle.ports.engine import Presence
from treadle.ports.repositories import Database, Repositories
from treadle.ports.secrets import Signer
from treadle.ports.wakeups import WakeUps

pytestmark = pytest.mark.anyio

LATER, AGO = timedelta(hours=1), timedelta(hours=-1)
STARTED = [JobStatus.RUNNING, JobStatus.STOPPING]


@pytest.mark.parametrize("status", [JobStatus.PENDING, *STARTED])
async def test_a_job_whose_supervisor_lives_is_left_to_it(desk: Desk, status: JobStatus) -> None:
    job = await desk.put(await desk.submit("hello"), status, lease=LATER)
    desk.engine.presences[job.id] = Presence.RUNNING
    await desk.dispatch()
    assert await desk.status(job) is status
    assert not desk.engine.handed
    assert desk.engine.swept == {(job.id, 1)}


@pytest.mark.parametrize("status", [JobStatus.PENDING, *STARTED])
async def test_what_a_lost_supervisor_left_is_delivered_by_another_one(desk: Desk, status: JobStatus) -> None:
    job = await desk.put(await desk.submit("hello"), status, lease=LATER)
    desk.engine.presences[job.id] = Presence.GONE
    await desk.dispatch()
    assert [(launch.job_id, launch.attempt) for launch in desk.engine.handed] == [(job.id, 1)]
    assert await desk.status(job) is status


async def test_a_job_that_was_claimed_and_never_reached_the_engine_is_started_in_a_new_attempt(desk: Desk) -> None:
    job = await desk.put(await desk.submit("hello"), JobStatus.PENDING, lease=LATER)
    await desk.dispatch()
    assert [(launch.job_id, launch.attempt) for launch in desk.engine.handed] == [(job.id, 2)]


@dataclass
class GoingAway:
    """A database that goes away when a test says so, after the next commit."""

    database: Database
    leaving: bool = False
    away: bool = False

    async def write(self, work: Callable[[Repositories], Any]) -> Any:
        result = await self.database.write(self._here(work))
        self.away = self.leaving
        return result

    async def read(self, work: Callable[[Repositories], Any]) -> Any:
        return await self.database.read(self._here(work))

    async def close(self) -> None:
        await self.database.close()

    def _here(self, work: Callable[[Repositories], Any]) -> Callable[[Repositories], Any]:
        if self.away:
            raise StorageUnavailableError("The database does not answer.")
        return work


async def test_a_job_that_was_claimed_when_the_database_went_away_is_started_as_soon_as_it_is_back(
    tmp_path: Path, database: Database, wakeups: WakeUps, signer: Signer
) -> None:
    going = GoingAway(database)
    async with a_desk(tmp_path, going, wakeups, signer) as desk:
        job = await desk.submit("hello")
        going.leaving = True
        await desk.dispatcher._round()
        assert going.away
        going.leaving = going.away = False
        assert await desk.status(job) is JobStatus.PENDING
        assert not desk.engine.handed

        await desk.dispatcher._round()
        assert [(launch.job_id, launch.attempt) for launch in desk.engine.handed] == [(job.id, 2)]


async def test_a_job_whose_supervisors_end_again_and_again_before_its_program_begins_is_given_up(desk: Desk) -> None:
    job = await desk.submit("hello")
    for attempt in (1, 2, 3, 4):
        await desk.dispatch()
        assert [launch.attempt for launch in desk.engine.handed] == list(range(1, attempt + 1))
        desk.dispatcher.supervisor_exited(job.id, attempt)
    await desk.dispatch()
    ended = await desk.jobs.get(desk.user, job.id)
    assert (ended.cause or {})["code"] == "worker_lost"
    assert len(desk.engine.handed) == 4


@pytest.mark.parametrize(("status", "end"), [(JobStatus.RUNNING, "FAILED"), (JobStatus.STOPPING, "STOPPED")])
async def test_a_job_that_ran_and_left_no_trace_comes_to_an_end(desk: Desk, status: JobStatus, end: str) -> None:
    job = await desk.put(await desk.submit("hello"), status, lease=LATER)
    await desk.dispatch()
    ended = await desk.jobs.get(desk.user, job.id)
    assert ended.status == end
    assert (ended.cause or {}).get("code") == ("worker_lost" if end == "FAILED" else None)
    assert not desk.engine.handed


async def test_a_silent_supervisor_that_lives_is_let_be(desk: Desk) -> None:
    await desk.dispatch()  # adopts nothing
    job = await desk.put(await desk.submit("hello"), JobStatus.RUNNING, lease=AGO)
    desk.engine.presences[job.id] = Presence.RUNNING
    await desk.dispatch()
    assert await desk.status(job) is JobStatus.RUNNING
    assert not desk.engine.handed


@pytest.mark.parametrize("told", [True, False], ids=["its end was told", "it is silent"])
async def test_supervisors_are_started_three_times_for_one_attempt_and_then_it_is_given_up(
    desk: Desk, told: bool
) -> None:
    await desk.dispatch()
    job = await desk.put(await desk.submit("hello"), JobStatus.RUNNING, lease=LATER)
    desk.engine.presences[job.id] = Presence.GONE

    async def tell_or_let_lapse() -> None:
        if told:
            desk.dispatcher.supervisor_exited(job.id, 1)
        else:
            await desk.let_lapse(job)

    for tries in (1, 2, 3):
        await tell_or_let_lapse()
        await desk.dispatch()
        assert len(desk.engine.handed) == tries
        assert await desk.status(job) is JobStatus.RUNNING
    await tell_or_let_lapse()
    await desk.dispatch()
    assert len(desk.engine.handed) == 3
    ended = await desk.jobs.get(desk.user, job.id)
    assert ended.status is JobStatus.FAILED
    assert (ended.cause or {})["code"] == "worker_lost"


@pytest.mark.parametrize("attempt", [1, 2], ids=["of a job that has ended", "of an attempt that is over"])
async def test_the_end_of_a_supervisor_nobody_waits_for_means_nothing(desk: Desk, attempt: int) -> None:
    await desk.dispatch()
    job = await desk.put(await desk.submit("hello"), JobStatus.SUCCEEDED, lease=LATER)
    desk.dispatcher.supervisor_exited(job.id, attempt)
    desk.dispatcher.supervisor_exited("unknown", 1)
    await desk.dispatch()
    assert await desk.status(job) is JobStatus.SUCCEEDED
    assert not desk.engine.handed


async def test_a_job_without_a_program_fails_alone(desk: Desk) -> None:
    """An engine that runs images would take it; this one says what to do, and the others go on."""
    broken, other = await desk.submit("broken"), await desk.submit("hello")
    function = await desk.database.read(lambda repositories: repositories.functions.by_title(desk.user.id, "broken"))
    assert function is not None
    empty = FunctionVersion("empty", 2, "main.py", author_id=desk.user.id)
    await desk.database.write(
        lambda repositories: repositories.functions.add_version(function.id, empty, function.created)
    )
    hopeless = await desk.jobs.submit(desk.user, "broken", None, "{}")
    await desk.dispatch()
    ended = await desk.jobs.get(desk.user, hopeless.id)
    assert ended.status is JobStatus.FAILED
    assert (ended.cause or {})["code"] == "not_started"
    assert "Upload it again" in (ended.cause or {})["hint"]
    assert {launch.job_id for launch in desk.engine.handed} == {broken.id, other.id}
