"""The gateway in the process of the tests: its routes, services and stores, and no engine. The tests are the supervisors."""

from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass, field
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import tar_of
from treadle.adapters.clock import SystemClock
from treadle.adapters.database.opening import open_database
from treadle.adapters.engines.local import LocalEngine
from treadle.api.platform import Platform
from treadle.composition import build
from treadle.domain.jobs import Context, Origin
from treadle.domain.lifecycle import Claimed
from treadle.domain.outcome import Ending, Outcome
from treadle.home_folder import make
from treadle.ports.repositories import Database
from treadle.ports.wakeups import WakeUps, job_topic
from treadle.services.engines import Engines
from treadle.services.transitions import apply
from treadle.settings import Settings

URL = "http://gateway"


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@dataclass
class Attempt:
    """What the supervisor of an attempt tells the gateway.

    Attributes:
        http: A client that sends what the test wants.
        job_id: The job.
        number: Number of the attempt.
        headers: What identifies it.
    """

    http: httpx2.AsyncClient
    job_id: str
    number: int
    headers: dict[str, str] = field(repr=False)

    async def tell(self, method: str, what: str, **content: Any) -> httpx2.Response:
        path = f"/api/runner/v1/jobs/{self.job_id}/attempts/{self.number}/{what}"
        return await self.http.request(method, path, headers=self.headers, **content)

    async def finish(self, exit_code: int | None = 0, **outcome: Any) -> httpx2.Response:
        told = asdict(Outcome(Ending.EXITED, exit_code=exit_code, **outcome))
        return await self.tell("POST", "finished/", json=told)


@dataclass
class Gateway:
    """A gateway, its user ``ada``, and the database behind it."""

    platform: Platform
    database: Database
    wakeups: WakeUps
    http: httpx2.AsyncClient

    async def submit(self, title: str = "hello", **fields: Any) -> str:
        """Upload a function and run it; return the job's id."""
        artifact = {"artifact": ("artifact.tar", tar_of(main_py="pass"))}
        data = {"title": title, "entrypoint": "main.py"}
        answer = await self.http.post("/api/v1/programs/upload/", data=data, files=artifact)
        assert answer.status_code == 200, answer.text
        answer = await self.http.post("/api/v1/programs/run/", json={"title": title, "arguments": "{}", **fields})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["id"])

    async def claim(self, job_id: str) -> Attempt:
        """Do what the dispatcher does with a job that goes next."""
        now = SystemClock().now()
        change = await self.database.write(
            lambda repositories: apply(repositories, job_id, Claimed(), Origin.SCHEDULER, Context.SCHEDULE_JOBS, now)
        )
        token = self.platform.access.job_token(job_id, change.state.attempt)
        return Attempt(self.http, job_id, change.state.attempt, {"Authorization": f"Bearer {token}"})

    async def running(self, title: str = "hello") -> Attempt:
        """Submit a job and let it run."""
        attempt = await self.claim(await self.submit(title))
        assert (await attempt.tell("POST", "started/")).json() == {"stop": False}
        return attempt

    async def job(self, job_id: str) -> dict[str, Any]:
        answer = await self.http.get(f"/api/v1/jobs/{job_id}/", params={"with_result": "false"})
        return dict(answer.json())

    async def until(self, job_id: str, status: str) -> None:
        """Wait until a job has a status."""
        with self.wakeups.subscribe(job_topic(job_id)) as subscription:
            while (await self.job(job_id))["status"] != status:
                await subscription.wait()


@pytest.fixture(scope="module")
async def gateway(tmp_path_factory: pytest.TempPathFactory, anyio_backend: str) -> AsyncIterator[Gateway]:
    """A gateway on a home folder of its own, one for all tests of a module."""
    home = tmp_path_factory.mktemp("gateway") / "home"
    make(home)
    built = build(Settings(home=home), URL, Engines({"local": LocalEngine(home, interpreter="/bin/false")}))
    platform: Platform = built.app.state.platform
    await platform.access.register("ada", "token-of-ada")
    database = open_database(home / "treadle.db")
    transport = httpx2.ASGITransport(built.app, raise_app_exceptions=False)
    headers = {"Authorization": "Bearer token-of-ada"}
    async with httpx2.AsyncClient(transport=transport, base_url=URL, headers=headers) as http:
        yield Gateway(platform, database, built.wakeups, http)
    built.wakeups.close()
    await database.close()
    await platform.access._database.close()
