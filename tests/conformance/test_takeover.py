"""Two dispatchers on one database: they share the work, and one takes over what the other has let go of, and nothing else."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.conformance.conftest import NOON
from tests.conformance.dispatching import Desk, a_desk
from treadle.domain.causes import WORKER_LOST
from treadle.domain.jobs import Job, Placement
from treadle.domain.lifecycle import JobStatus
from treadle.ports.engine import Presence
from treadle.ports.repositories import Database
from treadle.ports.secrets import Signer
from treadle.ports.wakeups import WakeUps
from treadle.services.transitions import LEASE

pytestmark = pytest.mark.anyio


@dataclass
class Noon:
    """A clock that goes on when a test says so."""

    time: datetime = field(default=NOON)

    def now(self) -> datetime:
        return self.time


@dataclass
class Two:
    """Two dispatchers with homes and engines of their own, and the time they share."""

    one: Desk
    other: Desk
    clock: Noon

    async def after(self, passed: timedelta, *at_work: Desk) -> None:
        """Let some time pass, in which these dispatchers look after their jobs as often as they do."""
        end = self.clock.time + passed
        while self.clock.time < end:
            self.clock.time = min(end, self.clock.time + LEASE / 2)
            for desk in at_work:
                await desk.dispatch()

    async def left(self, status: JobStatus) -> Job:
        """Return a job with this status that the first one has left, now that its lease is about to run out."""
        job = await self.one.put(await self.one.submit("hello"), status, lease=LEASE)
        await self.after(LEASE, self.other)
        return job

    async def job(self, job: Job) -> Job:
        return await self.one.jobs.get(self.one.user, job.id)


@pytest.fixture
async def two(tmp_path: Path, database: Database, wakeups: WakeUps, signer: Signer) -> AsyncIterator[Two]:
    """Two dispatchers that have been at work for a while."""
    clock = Noon()
    shared = (database, wakeups, signer, clock)
    async with a_desk(tmp_path / "one", *shared, "one") as one, a_desk(tmp_path / "other", *shared, "other") as other:
        made = Two(one, other, clock)
        await made.after(LEASE, one, other)
        yield made


def handed(desk: Desk) -> list[tuple[str, int]]:
    return [(launch.job_id, launch.attempt) for launch in desk.engine.handed]


MOMENT = timedelta(seconds=1)


async def test_each_takes_as_many_jobs_as_its_engine_has_room_for_and_none_twice(two: Two) -> None:
    submitted = [(await two.one.submit("hello")).id for _ in range(20)]
    for desk in (two.one, two.other, two.one):
        await desk.dispatch()
    assert [job_id for job_id, _ in handed(two.one)] == submitted[:9]
    assert [job_id for job_id, _ in handed(two.other)] == submitted[9:18]


async def test_a_job_says_who_has_it_while_somebody_has_it(two: Two) -> None:
    job = await two.one.submit("hello")
    await two.other.dispatch()
    claimed = await two.job(job)
    assert claimed.placement == Placement("local", "other")
    await two.other.dispatcher._leases.give_back(claimed)
    assert (await two.job(job)).placement is None


@pytest.mark.parametrize("status", [JobStatus.PENDING, JobStatus.RUNNING, JobStatus.STOPPING])
async def test_what_one_holds_is_no_business_of_the_other(two: Two, status: JobStatus) -> None:
    job = await two.one.put(await two.one.submit("hello"), status, lease=LEASE)
    await two.after(LEASE - MOMENT, two.other)
    two.other.dispatcher.supervisor_exited(job.id, 1)
    two.other.dispatcher._adopted = False  # as after its start
    await two.other.dispatch()
    assert await two.one.status(job) is status
    assert not two.other.engine.handed
    assert two.other.engine.swept == {(job.id, 1)}


async def test_a_job_that_had_not_begun_gets_a_new_attempt_at_the_other_as_soon_as_the_lease_has_run_out(
    two: Two,
) -> None:
    job = await two.left(JobStatus.PENDING)
    assert await two.other.dispatcher._round() <= LEASE.total_seconds() / 2
    await two.after(MOMENT, two.other)
    assert handed(two.other) == [(job.id, 2)]
    assert (await two.job(job)).placement == Placement("local", "other")


async def test_whoever_wakes_too_late_can_neither_start_nor_end_nor_return_what_was_taken_over(two: Two) -> None:
    """The first one was only stopped, right after it had claimed the job or was about to give it up, and goes on now."""
    before = await two.left(JobStatus.PENDING)
    await two.after(MOMENT, two.other)
    after = await two.job(before)
    stopped = two.one.dispatcher
    await stopped._leases.give_back(before)
    await stopped._leases.end(before, WORKER_LOST)
    assert await stopped._leases.renew(before) is None
    await stopped._recovery.look_after(before)
    await stopped._leases.end(replace(before, state=after.state), WORKER_LOST)
    assert await two.job(before) == after
    assert not two.one.engine.handed


@pytest.mark.parametrize(("status", "end"), [(JobStatus.RUNNING, "FAILED"), (JobStatus.STOPPING, "STOPPED")])
async def test_a_job_that_ran_where_nobody_else_can_look_comes_to_an_end(two: Two, status: JobStatus, end: str) -> None:
    job = await two.left(status)
    await two.after(MOMENT, two.other)
    ended = await two.job(job)
    assert ended.status == end
    assert (ended.cause or {}).get("code") == ("worker_lost" if end == "FAILED" else None)
    assert not two.other.engine.handed


@pytest.mark.parametrize(
    ("presence", "recovered"), [(Presence.RUNNING, []), (Presence.GONE, [1])], ids=["it runs", "its supervisor is gone"]
)
async def test_a_job_on_an_engine_that_both_have_goes_on_at_the_other(
    two: Two, presence: Presence, recovered: list[int]
) -> None:
    job = await two.left(JobStatus.RUNNING)
    two.other.engine.presences[job.id] = presence
    await two.after(MOMENT, two.other)
    assert handed(two.other) == [(job.id, attempt) for attempt in recovered]
    taken = await two.job(job)
    assert (taken.status, taken.placement) == (JobStatus.RUNNING, Placement("local", "other"))
    two.one.dispatcher.supervisor_exited(job.id, 1)
    await two.one.dispatch()
    assert await two.job(job) == taken


async def test_a_job_on_an_engine_the_other_lacks_is_left_to_those_who_have_it_for_another_lease(two: Two) -> None:
    job = await two.one.put(await two.one.submit("hello"), JobStatus.RUNNING, lease=LEASE)
    placement, until = Placement("ray", "one"), two.clock.now() + LEASE
    await two.one.database.write(lambda repositories: repositories.jobs.hold(job.id, 1, "one", placement, until))
    await two.after(2 * LEASE - MOMENT, two.other)
    assert await two.one.status(job) is JobStatus.RUNNING
    await two.after(2 * MOMENT, two.other)
    assert await two.one.status(job) is JobStatus.FAILED


async def test_a_job_whose_supervisor_is_cut_off_stays_with_its_dispatcher_as_long_as_that_sees_it_run(
    two: Two,
) -> None:
    job = await two.one.put(await two.one.submit("hello"), JobStatus.RUNNING, lease=LEASE)
    two.one.engine.presences[job.id] = Presence.RUNNING
    await two.after(5 * LEASE, two.one, two.other)
    assert await two.one.status(job) is JobStatus.RUNNING
    await two.after(LEASE, two.other)
    await two.after(MOMENT, two.other)
    assert await two.one.status(job) is JobStatus.FAILED


async def test_after_an_outage_of_everything_each_has_the_time_of_a_lease_to_come_back(two: Two) -> None:
    job = await two.one.put(await two.one.submit("hello"), JobStatus.RUNNING, lease=LEASE)
    two.one.engine.presences[job.id] = Presence.RUNNING
    two.clock.time += 10 * LEASE
    await two.other.dispatch()
    await two.after(LEASE - MOMENT, two.other)
    assert await two.one.status(job) is JobStatus.RUNNING
    await two.one.dispatch()
    await two.after(5 * LEASE, two.one, two.other)
    assert (await two.job(job)).placement == Placement("local", "one")


async def test_a_dispatcher_that_comes_back_in_time_gives_what_it_had_not_begun_a_new_attempt(two: Two) -> None:
    """It cannot know whether the engine was asked to start the old one."""
    job = await two.one.put(await two.one.submit("hello"), JobStatus.PENDING, lease=LEASE)
    two.one.dispatcher._adopted = False
    await two.one.dispatch()
    assert handed(two.one) == [(job.id, 2)]


async def test_a_job_that_an_older_release_has_left_is_taken_by_who_has_traces_of_it(two: Two) -> None:
    job = await two.one.submit("hello")
    before = job.state
    after = replace(before, status=JobStatus.RUNNING, attempt=1)
    until = two.clock.now() + LEASE
    await two.one.database.write(
        lambda repositories: repositories.jobs.change(job.id, before, after, lease_until=until)
    )
    two.one.engine.presences[job.id] = Presence.RUNNING
    for desk in (two.other, two.one):
        desk.dispatcher._adopted = False
        await desk.dispatch()
    assert (await two.job(job)).placement == Placement("local", "one")


async def test_a_stop_reaches_the_engine_of_who_has_the_job_as_soon_as_it_is_asked_for_and_once(two: Two) -> None:
    job = await two.one.put(await two.one.submit("hello"), JobStatus.RUNNING, lease=LEASE)
    telling = [asyncio.create_task(desk.dispatcher._stops.run()) for desk in (two.one, two.other)]
    await two.other.jobs.stop(two.other.user, job.id, 0.0)
    await two.one.engine.told_to_stop.wait()
    await asyncio.gather(*(desk.dispatcher._stops.tell() for desk in (two.one, two.other)))
    two.one.wakeups.close()
    await asyncio.gather(*telling)
    assert two.one.engine.stopped == [job.id]
    assert not two.other.engine.stopped
