"""What machines on which programs run are told: the lock of an environment, and nothing else for that token."""

import pytest

from tests.in_process.conftest import Gateway
from treadle.adapters.clock import SystemClock
from treadle.domain.environments import Environment, EnvironmentStatus, Lock

pytestmark = pytest.mark.anyio

LOCK = Lock("a" * 64, "x==1.0 --hash=sha256:00\n")


def headers(gateway: Gateway, digest: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {gateway.platform.access.environment_token(digest)}"}


@pytest.fixture
async def path(gateway: Gateway) -> str:
    now = SystemClock().now()
    environment = Environment(LOCK, ("x",), EnvironmentStatus.BUILDING, now, now)
    await gateway.database.write(lambda repositories: repositories.environments.put(environment))
    return f"/api/runner/v1/environments/{LOCK.digest}/"


async def test_the_token_of_an_environment_opens_its_lock(gateway: Gateway, path: str) -> None:
    answer = await gateway.http.get(path, headers=headers(gateway, LOCK.digest))
    assert answer.json() == {"digest": LOCK.digest, "lock": LOCK.text}


async def test_no_other_token_does(gateway: Gateway, path: str) -> None:
    other = headers(gateway, "b" * 64)
    refused = [await gateway.http.get(path, headers=each) for each in (other, {"Authorization": "Bearer x"}, {})]
    assert [answer.status_code for answer in refused] == [401, 401, 401]


async def test_it_opens_nothing_else(gateway: Gateway, path: str) -> None:
    assert (await gateway.http.get("/api/v1/jobs/", headers=headers(gateway, LOCK.digest))).status_code == 401
    unknown = "b" * 64
    answer = await gateway.http.get(path.replace(LOCK.digest, unknown), headers=headers(gateway, unknown))
    assert (answer.status_code, answer.json()["message"]) == (400, f"There is no environment {unknown}.")
