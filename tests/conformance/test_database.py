"""What every database must do with users, functions and jobs."""

from dataclasses import replace
from datetime import timedelta

import pytest

from tests.conformance.conftest import NOON
from treadle.domain.functions import Function, FunctionVersion
from treadle.domain.ids import new_id
from treadle.domain.jobs import Context, EventRecord, EventType, Job, JobFilter, Origin, RuntimeJob
from treadle.domain.lifecycle import Claimed, Ended, JobState, JobStatus, SubStatus
from treadle.domain.users import User
from treadle.domain.versions import ListedVersion
from treadle.ports.repositories import Database, Repositories
from treadle.services.transitions import apply

pytestmark = pytest.mark.anyio

QUEUED, RUNNING = JobState(), JobState(JobStatus.RUNNING, SubStatus.MAPPING, 1)


async def a_user(database: Database, name: str = "ada") -> User:
    user = User(new_id(), name)
    await database.write(lambda repositories: repositories.users.add(user, NOON))
    return user


def a_version(user: User, number: int = 1, **fields: object) -> FunctionVersion:
    version = FunctionVersion(new_id(), number, "main.py", "d" * 64, author_id=user.id, digest="e" * 64)
    return replace(version, **fields)  # type: ignore[arg-type]


async def a_function(database: Database, user: User, title: str = "hello") -> Function:
    function = Function(new_id(), title, user.id, NOON, a_version(user))
    await database.write(lambda repositories: repositories.functions.add(function))
    return function


async def a_job(database: Database, function: Function, seconds: float = 0.0, state: JobState = QUEUED) -> Job:
    created = NOON + timedelta(seconds=seconds)
    job = Job(new_id(), function.author_id, function.id, function.title, function.current.id, created, state)
    await database.write(lambda repositories: repositories.jobs.add(job))
    return job


async def read_job(database: Database, job: Job) -> Job | None:
    return await database.read(lambda repositories: repositories.jobs.get(job.id))


async def test_a_user_is_found_by_name_and_by_token(database: Database) -> None:
    ada = await a_user(database)
    await database.write(lambda repositories: repositories.users.add_token(ada.id, "digest", NOON))
    await database.write(lambda repositories: repositories.users.add_token(ada.id, "digest", NOON))
    assert await database.read(lambda repositories: repositories.users.by_name("ada")) == ada
    assert await database.read(lambda repositories: repositories.users.by_token("digest")) == ada
    assert await database.read(lambda repositories: repositories.users.by_token("other")) is None
    assert await database.read(lambda repositories: repositories.users.by_id(ada.id)) == ada
    assert await database.read(lambda repositories: repositories.users.by_name("bob")) is None


async def test_a_function_keeps_everything_it_was_given(database: Database) -> None:
    ada = await a_user(database)
    version = a_version(
        ada, dependencies=("a==1", "b"), env_vars={"X": "ä"}, description="d", version="1.2", type="CIRCUIT"
    )
    function = Function(new_id(), "hello", ada.id, NOON, version)
    await database.write(lambda repositories: repositories.functions.add(function))
    assert await database.read(lambda repositories: repositories.functions.by_title(ada.id, "hello")) == function


async def test_a_new_version_becomes_the_current_one_and_the_old_one_stays(database: Database) -> None:
    ada = await a_user(database)
    function = await a_function(database, ada)
    second = a_version(ada, 2, entrypoint="other.py")
    await database.write(lambda repositories: repositories.functions.add_version(function.id, second, NOON))
    found = await database.read(lambda repositories: repositories.functions.by_title(ada.id, "hello"))
    assert found == replace(function, current=second)
    old = await database.read(lambda repositories: repositories.functions.version(function.current.id))
    assert old == function.current


async def test_the_versions_of_a_function_are_listed_newest_first_and_say_which_one_runs(database: Database) -> None:
    ada, bob = await a_user(database), await a_user(database, "bob")
    function = await a_function(database, ada)
    await a_function(database, ada, "other")
    second, later = a_version(bob, 2), NOON + timedelta(seconds=1)
    await database.write(lambda repositories: repositories.functions.add_version(function.id, second, later))

    async def listed() -> list[ListedVersion]:
        return await database.read(lambda repositories: repositories.functions.versions(function.id))

    newest, oldest = await listed()
    assert newest == ListedVersion(second, later, "bob", current_since=later, current_by="bob")
    assert oldest == ListedVersion(function.current, NOON, "ada")
    back = NOON + timedelta(seconds=2)
    await database.write(
        lambda repositories: repositories.functions.make_current(function.id, function.current.id, bob.id, back)
    )
    newest, oldest = await listed()
    assert newest == ListedVersion(second, later, "bob")
    assert oldest == ListedVersion(function.current, NOON, "ada", current_since=back, current_by="bob")
    assert await database.read(lambda repositories: repositories.functions.get(function.id)) == function
    assert await database.read(lambda repositories: repositories.functions.get(new_id())) is None


async def test_numbers_of_versions_go_up_wherever_the_current_one_points(database: Database) -> None:
    ada = await a_user(database)
    function = await a_function(database, ada)

    async def next_number() -> int:
        return await database.write(lambda repositories: repositories.functions.next_number(function.id))

    assert await next_number() == 2
    second = a_version(ada, 2)
    await database.write(lambda repositories: repositories.functions.add_version(function.id, second, NOON))
    await database.write(
        lambda repositories: repositories.functions.make_current(function.id, function.current.id, ada.id, NOON)
    )
    assert await next_number() == 3


async def test_a_version_is_found_by_its_number_or_the_newest_by_its_label(database: Database) -> None:
    ada = await a_user(database)
    function, other = await a_function(database, ada), await a_function(database, ada, "other")
    second, third = a_version(ada, 2, version="1.0"), a_version(ada, 3, version="1.0")
    for version in (second, third):
        await database.write(
            lambda repositories, new=version: repositories.functions.add_version(function.id, new, NOON)
        )

    def find(repositories: Repositories) -> list[FunctionVersion | None]:
        functions = repositories.functions
        return [
            functions.numbered(function.id, 2),
            functions.labelled(function.id, "1.0"),
            functions.numbered(other.id, 2),
            functions.labelled(other.id, "1.0"),
        ]

    assert await database.read(find) == [second, third, None, None]


async def test_functions_are_listed_for_their_author_only_by_title(database: Database) -> None:
    ada, bob = await a_user(database), await a_user(database, "bob")
    zeta, alpha = await a_function(database, ada, "zeta"), await a_function(database, ada, "alpha")
    await a_function(database, bob, "alpha")
    assert await database.read(lambda repositories: repositories.functions.near(ada)) == [alpha, zeta]
    assert await database.read(lambda repositories: repositories.functions.by_title(bob.id, "zeta")) is None


async def test_a_transaction_that_fails_leaves_nothing(database: Database) -> None:
    def work(repositories: Repositories) -> None:
        repositories.users.add(User(new_id(), "eve"), NOON)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await database.write(work)
    assert await database.read(lambda repositories: repositories.users.by_name("eve")) is None


async def test_a_job_is_found_as_it_was_stored(database: Database) -> None:
    job = await a_job(database, await a_function(database, await a_user(database)), state=RUNNING)
    assert await read_job(database, job) == job
    assert await database.read(lambda repositories: repositories.jobs.get(new_id())) is None


async def test_a_job_moves_only_from_the_state_it_is_in(database: Database) -> None:
    job = await a_job(database, await a_function(database, await a_user(database)))
    pending = JobState(JobStatus.PENDING, None, 1)
    assert await database.write(lambda repositories: repositories.jobs.change(job.id, QUEUED, pending))
    assert not await database.write(lambda repositories: repositories.jobs.change(job.id, QUEUED, pending))
    older = JobState(JobStatus.PENDING, None, 0)
    assert not await database.write(lambda repositories: repositories.jobs.change(job.id, older, RUNNING))
    assert await read_job(database, job) == replace(job, state=pending)


async def test_a_failed_job_keeps_its_cause(database: Database) -> None:
    job = await a_job(database, await a_function(database, await a_user(database)), state=RUNNING)
    failed, cause = JobState(JobStatus.FAILED, None, 1), {"code": "killed", "details": {"signal": 9}}
    await database.write(lambda repositories: repositories.jobs.change(job.id, RUNNING, failed, cause=cause))
    assert await read_job(database, job) == replace(job, state=failed, cause=cause)


async def test_the_history_keeps_its_order_and_can_be_read_from_any_row(database: Database) -> None:
    job = await a_job(database, await a_function(database, await a_user(database)))
    records = [
        EventRecord(EventType.STATUS_CHANGE, Origin.API, Context.RUN_PROGRAM, {"status": "QUEUED"}),
        EventRecord(
            EventType.ERROR, Origin.SCHEDULER, Context.UPDATE_JOB_STATUS, {"args": {"cause": ["ä", 1.5, None]}}
        ),
    ]
    for record in records:
        await database.write(lambda repositories, record=record: repositories.jobs.add_event(job.id, record, NOON))
    stored = await database.read(lambda repositories: repositories.jobs.events(job.id))
    assert [event.record for event in stored] == records
    assert [event.created for event in stored] == [NOON, NOON]
    assert stored[0].number < stored[1].number
    assert await database.read(lambda repositories: repositories.jobs.events(job.id, stored[0].number)) == stored[1:]


async def test_a_listing_shows_the_newest_first_in_pages(database: Database) -> None:
    function = await a_function(database, await a_user(database))
    made = [await a_job(database, function, seconds) for seconds in range(5)]
    newest_first = made[::-1]

    async def page(**fields: object) -> tuple[int, list[Job]]:
        job_filter = JobFilter(**fields)  # type: ignore[arg-type]
        return await database.read(lambda repositories: repositories.jobs.page(function.author_id, job_filter))

    assert await page() == (5, newest_first)
    assert await page(limit=2, offset=1) == (5, newest_first[1:3])
    assert await page(limit=None) == (5, newest_first)
    assert await page(offset=9) == (5, [])
    assert await page(created_after=made[3].created) == (2, newest_first[:2])


async def test_a_listing_is_filtered_by_function_and_status_and_shows_own_jobs_only(database: Database) -> None:
    ada, bob = await a_user(database), await a_user(database, "bob")
    hello, other = await a_function(database, ada), await a_function(database, ada, "other")
    queued, running = await a_job(database, hello), await a_job(database, other, state=RUNNING)
    await a_job(database, await a_function(database, bob))

    async def listed(**fields: object) -> list[Job]:
        job_filter = JobFilter(**fields)  # type: ignore[arg-type]
        return (await database.read(lambda repositories: repositories.jobs.page(ada.id, job_filter)))[1]

    assert await listed(function="other") == [running]
    assert await listed(status="QUEUED") == [queued]
    assert await listed(status="NONSENSE") == []


async def test_waiting_jobs_are_seen_oldest_first_and_only_so_many_of_each_user(database: Database) -> None:
    ada, bob = await a_user(database), await a_user(database, "bob")
    of_ada, of_bob = await a_function(database, ada), await a_function(database, bob)
    first, second, third = [await a_job(database, of_ada, seconds) for seconds in (0, 1, 2)]
    late = await a_job(database, of_bob, 9)
    await a_job(database, of_bob, 1, RUNNING)

    async def queued(per_author: int, *users: User) -> list[str]:
        ids = [user.id for user in users]
        return [job.id for job in await database.read(lambda repositories: repositories.jobs.queued(ids, per_author))]

    assert await queued(2, ada, bob) == [first.id, second.id, late.id]
    assert await queued(9, bob, ada) == [first.id, second.id, third.id, late.id]
    assert await queued(9, bob) == [late.id]
    following = await database.read(lambda repositories: repositories.jobs.next_of_each_user())
    assert [(job.id, job.author_id, job.created) for job in following] == [
        (job.id, job.author_id, job.created) for job in (first, late)
    ]


async def test_jobs_on_an_engine_are_counted_by_user(database: Database) -> None:
    function = await a_function(database, await a_user(database))
    states = [JobState(status, None, 1) for status in JobStatus]
    made = [await a_job(database, function, state=state) for state in states]
    on_engine = {job.id for job in made if job.status in ("PENDING", "RUNNING", "STOPPING")}
    assert {job.id for job in await database.read(lambda repositories: repositories.jobs.on_engine())} == on_engine
    assert await database.read(lambda repositories: repositories.jobs.active_by_author()) == {function.author_id: 3}
    assert await database.read(lambda repositories: repositories.jobs.count_active(function.author_id)) == 4


async def test_a_silent_attempt_is_one_whose_lease_was_not_renewed(database: Database) -> None:
    job = await a_job(database, await a_function(database, await a_user(database)))
    pending = JobState(JobStatus.PENDING, None, 1)
    await database.write(lambda repositories: repositories.jobs.change(job.id, QUEUED, pending, lease_until=NOON))

    async def silent(seconds: float) -> list[str]:
        now = NOON + timedelta(seconds=seconds)
        return [job.id for job in await database.read(lambda repositories: repositories.jobs.silent(now))]

    assert await silent(-1) == []
    assert await silent(1) == [job.id]
    await database.write(lambda repositories: repositories.jobs.renew_lease(job.id, 1, NOON + timedelta(seconds=30)))
    assert await silent(1) == []
    await database.write(lambda repositories: repositories.jobs.renew_lease(job.id, 0, NOON + timedelta(seconds=90)))
    assert await silent(31) == [job.id]


async def test_jobs_on_quantum_computers_are_noted_once_and_keep_their_order(database: Database) -> None:
    job = await a_job(database, await a_function(database, await a_user(database)))

    async def put(seconds: int, runtime_job: RuntimeJob) -> None:
        now = NOON + timedelta(seconds=seconds)
        await database.write(lambda repositories: repositories.jobs.put_runtime_job(job.id, runtime_job, now))

    await put(0, RuntimeJob("z"))
    await put(1, RuntimeJob("a", "session"))
    await put(2, RuntimeJob("z", "late"))
    noted = await database.read(lambda repositories: repositories.jobs.runtime_jobs(job.id))
    assert noted == [RuntimeJob("z", "late"), RuntimeJob("a", "session")]
    assert await database.read(lambda repositories: repositories.jobs.runtime_jobs(new_id())) == []


async def test_a_job_that_succeeded_has_run_whoever_forgot_to_say_so(database: Database) -> None:
    job = await a_job(database, await a_function(database, await a_user(database)))
    for event in (Claimed(), Ended(1, succeeded=True)):
        await database.write(
            lambda repositories, event=event: apply(
                repositories, job.id, event, Origin.SCHEDULER, Context.UPDATE_JOB_STATUS, NOON
            )
        )
    stored = await database.read(lambda repositories: repositories.jobs.events(job.id))
    assert [event.record.data["status"] for event in stored] == ["PENDING", "RUNNING", "SUCCEEDED"]


async def test_how_many_jobs_match_is_right_whatever_became_of_them(database: Database) -> None:
    ada = await a_user(database)
    hello, other = await a_function(database, ada), await a_function(database, ada, "other")
    made = [await a_job(database, function) for function in (hello, hello, other)]
    pending = JobState(JobStatus.PENDING, None, 1)
    for job in made[1:]:
        await database.write(lambda repositories, job=job: repositories.jobs.change(job.id, QUEUED, pending))
    refused = await database.write(lambda repositories: repositories.jobs.change(made[1].id, QUEUED, pending))
    await database.write(lambda repositories: repositories.jobs.change(made[1].id, pending, RUNNING))
    staged = replace(RUNNING, sub_status=SubStatus.WAITING_QPU)
    await database.write(lambda repositories: repositories.jobs.change(made[1].id, RUNNING, staged))

    async def count(**fields: object) -> int:
        job_filter = JobFilter(**fields)  # type: ignore[arg-type]
        return (await database.read(lambda repositories: repositories.jobs.page(ada.id, job_filter)))[0]

    assert not refused
    assert [await count(status=status) for status in ("QUEUED", "PENDING", "RUNNING")] == [1, 1, 1]
    assert await count(function="hello") == await count(function_id=hello.id) == 2
    assert await count(function="hello", status="RUNNING") == await count(created_after=NOON, status="RUNNING") == 1
    assert await count(of_providers=False) == 3
    assert await count(of_providers=True) == 0
    assert await count(function="none") == 0
