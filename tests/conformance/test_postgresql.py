"""What is special about PostgreSQL: many connections, some of which break."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import pytest

from tests.conformance.conftest import NOON
from tests.conformance.test_database import a_function, a_job, a_user, a_version
from tests.postgresql import PostgresqlServer
from treadle.adapters.database.opening import open_postgresql
from treadle.adapters.database.postgresql import PostgresqlDatabase, connection_parameters
from treadle.domain.errors import InvalidError, SettingsError, StorageError
from treadle.domain.ids import new_id
from treadle.domain.jobs import Context, Job, JobFilter, Origin
from treadle.domain.lifecycle import Claimed, JobState, JobStatus
from treadle.domain.users import User
from treadle.ports.repositories import Repositories
from treadle.services.transitions import apply

pytestmark = pytest.mark.anyio


@pytest.fixture
async def gateways(postgresql_url: str, anyio_backend: str) -> AsyncIterator[list[PostgresqlDatabase]]:
    """Two gateways' connections to one database."""
    opened = [open_postgresql(postgresql_url) for _ in range(2)]
    yield opened
    for each in opened:
        await each.close()


async def test_two_gateways_that_claim_at_once_never_claim_the_same_job(gateways: list[PostgresqlDatabase]) -> None:
    function = await a_function(gateways[0], await a_user(gateways[0]))
    for second in range(10):
        await a_job(gateways[0], function, seconds=second)

    def claim(repositories: Repositories) -> list[str]:
        ids = [job.id for job in repositories.jobs.next_of_each_user()]
        for job_id in ids:
            apply(repositories, job_id, Claimed(), Origin.SCHEDULER, Context.SCHEDULE_JOBS, NOON)
        return ids

    claimed = await asyncio.gather(*(gateways[number % 2].write(claim) for number in range(12)))
    assert sorted(len(ids) for ids in claimed) == [0, 0] + [1] * 10
    assert len({ids[0] for ids in claimed if ids}) == 10


async def test_two_gateways_count_every_job_and_number_every_version(gateways: list[PostgresqlDatabase]) -> None:
    ada = await a_user(gateways[0])
    function = await a_function(gateways[0], ada)

    def add(repositories: Repositories) -> None:
        number = repositories.functions.next_number(function.id)
        repositories.functions.add_version(function.id, a_version(ada, number), NOON)
        state = JobState(JobStatus.QUEUED)
        repositories.jobs.add(Job(new_id(), ada.id, function.id, "hello", function.current.id, NOON, state))

    await asyncio.gather(*(gateways[number % 2].write(add) for number in range(10)))
    count, _ = await gateways[0].read(lambda repositories: repositories.jobs.page(ada.id, JobFilter()))
    versions = await gateways[0].read(lambda repositories: repositories.functions.versions(function.id))
    assert count == 10
    assert [listed.version.number for listed in versions] == list(range(11, 0, -1))


async def test_a_write_whose_connection_breaks_is_not_half_done_and_the_next_one_works(
    gateways: list[PostgresqlDatabase], postgresql: PostgresqlServer
) -> None:
    database = gateways[0]

    def interrupted(repositories: Repositories) -> None:
        repositories.users.add(User("1", "ada"), NOON)
        postgresql.end_connections()
        repositories.users.add(User("2", "bob"), NOON)

    with pytest.raises(StorageError, match="does not answer") as caught:
        await database.write(interrupted)
    assert "TREADLE_DATABASE" in caught.value.hint
    assert await database.read(lambda repositories: repositories.users.all()) == []
    await database.write(lambda repositories: repositories.users.add(User("1", "ada"), NOON))
    assert await gateways[1].read(lambda repositories: repositories.users.by_name("ada")) == User("1", "ada")


async def test_text_that_postgresql_cannot_hold_is_the_fault_of_who_sent_it(
    gateways: list[PostgresqlDatabase],
) -> None:
    ada = await a_user(gateways[0])
    function = await a_function(gateways[0], ada)
    version = replace(a_version(ada, 2), description="a\x00b")
    with pytest.raises(InvalidError, match="NUL"):
        await gateways[0].write(lambda repositories: repositories.functions.add_version(function.id, version, NOON))


@pytest.mark.parametrize("url", ["mysql://ada:hush@host/name", "postgresql://ada:hush@host:port/name"])
def test_a_setting_that_is_no_address_is_refused_without_showing_it(url: str) -> None:
    with pytest.raises(SettingsError) as caught:
        open_postgresql(url)
    assert "hush" not in f"{caught.value} {caught.value.hint}"


def test_a_connection_that_is_cut_off_in_the_middle_of_a_question_is_noticed_within_a_minute() -> None:
    """Keepalives are for connections at rest: what was sent and is not acknowledged would be waited for a quarter of an hour."""
    parameters = connection_parameters("postgresql://ada@host/name")
    assert 0 < parameters["tcp_user_timeout"] <= 60_000


def test_a_server_that_is_not_there_is_named_without_the_password() -> None:
    with pytest.raises(StorageError, match="cannot be opened") as caught:
        open_postgresql("postgresql://ada:hush@127.0.0.1:1/name")
    assert "hush" not in f"{caught.value} {caught.value.hint}"
    assert "\n" not in str(caught.value)
    assert not str(caught.value).endswith("?.")
