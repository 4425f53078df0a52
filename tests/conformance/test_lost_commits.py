"""A connection to PostgreSQL that breaks in the middle of a commit: nothing is lost, nothing is there twice."""

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.conformance.conftest import NOON
from tests.conformance.dispatching import Desk, a_desk
from tests.cutting_network import Cut, CuttingNetwork, cutting_network
from tests.e2e.conftest import tar_of
from treadle.adapters.database.opening import open_postgresql
from treadle.adapters.objects.obstore_objects import ObstoreObjects
from treadle.adapters.wakeups.in_process import InProcessWakeUps
from treadle.domain.errors import ConflictError, OutcomeUnknownError
from treadle.domain.jobs import JobFilter, RunOptions
from treadle.domain.users import User
from treadle.ports.objects import ObjectStore
from treadle.ports.secrets import Signer
from treadle.services.uploads import Upload
from treadle.services.values import arguments_key

pytestmark = pytest.mark.anyio

BOTH = pytest.mark.parametrize("cut", list(Cut), ids=lambda cut: cut.name.lower())


@pytest.fixture
def network(postgresql_url: str) -> Iterator[CuttingNetwork]:
    with cutting_network(postgresql_url) as made:
        yield made


@dataclass
class Gateway:
    desk: Desk
    objects: ObjectStore
    network: CuttingNetwork

    async def upload(self, title: str) -> None:
        await self.desk.uploads.upload(self.desk.user, Upload(title, artifact=tar_of(main_py=""), entrypoint="main.py"))

    async def submit(self, key: str | None = None) -> str:
        options = RunOptions(idempotency_key=key)
        return (await self.desk.jobs.submit(self.desk.user, "hello", None, "{}", options)).id

    async def jobs(self) -> list[str]:
        return [job.id for job in (await self.desk.jobs.page(self.desk.user, JobFilter())).jobs]


@pytest.fixture
async def gateway(
    tmp_path: Path, network: CuttingNetwork, signer: Signer, anyio_backend: str
) -> AsyncIterator[Gateway]:
    database = open_postgresql(network.url)
    async with a_desk(tmp_path, database, InProcessWakeUps(), signer) as desk:
        made = Gateway(desk, ObstoreObjects.in_folder(tmp_path / "objects"), network)
        await made.upload("hello")
        yield made
    await database.close()


@pytest.mark.parametrize(("cut", "is_there"), [(Cut.BEFORE_COMMIT, False), (Cut.AFTER_COMMIT, True)])
async def test_a_commit_whose_answer_is_lost_is_told_apart_from_what_was_surely_not_done(
    network: CuttingNetwork, cut: Cut, is_there: bool, anyio_backend: str
) -> None:
    database = open_postgresql(network.url)
    network.cuts.append(cut)
    with pytest.raises(OutcomeUnknownError, match="is there now or not") as caught:
        await database.write(lambda repositories: repositories.users.add(User("1", "ada"), NOON))
    assert caught.value.retry_after is None
    ada = await database.read(lambda repositories: repositories.users.by_name("ada"))
    assert (ada is not None) == is_there
    await database.close()


@BOTH
async def test_a_job_whose_commit_was_cut_off_is_accepted_once(gateway: Gateway, cut: Cut) -> None:
    gateway.network.cuts += [cut, cut]
    job_id = await gateway.submit()
    assert await gateway.jobs() == [job_id]
    assert await gateway.objects.get(arguments_key(job_id)) == b"{}"
    events = await gateway.desk.jobs.events(gateway.desk.user, job_id)
    assert [event.record.data["status"] for event in events] == ["QUEUED"]


async def test_the_same_key_is_the_same_job_and_another_key_is_another_one(gateway: Gateway) -> None:
    first = await gateway.submit("a")
    assert await gateway.submit("a") == first
    second = await gateway.submit("b")
    assert sorted(await gateway.jobs()) == sorted([first, second])


async def test_a_key_that_was_used_for_another_function_is_refused(gateway: Gateway) -> None:
    await gateway.submit("a")
    await gateway.upload("other")
    with pytest.raises(ConflictError, match="another function"):
        await gateway.desk.jobs.submit(gateway.desk.user, "other", None, "{}", RunOptions(idempotency_key="a"))
