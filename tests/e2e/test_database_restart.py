"""A PostgreSQL server that is stopped and started in the middle of load."""

import asyncio
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest

from qiskit_serverless.connections import Patience
from tests.e2e.conftest import client_of, uploader
from tests.postgresql import PostgresqlServer, postgresql_server
from tests.running_platform import RunningPlatform
from treadle.adapters.database.opening import open_postgresql
from treadle.domain.lifecycle import TERMINAL
from treadle.ports.repositories import Repositories

ECHO = """
from qiskit_serverless import get_arguments, save_result
save_result(get_arguments()["number"])
"""
CLIENTS = 3


@pytest.fixture
def server() -> Iterator[PostgresqlServer]:
    with postgresql_server(durable=True) as made:
        yield made


class Prober:
    """A client that does not repeat anything: sees what the gateway answers."""

    def __init__(self, platform: RunningPlatform) -> None:
        self.answers: set[tuple[int, str | None]] = set()
        self.unavailable = threading.Event()
        self.over = threading.Event()
        self._http = httpx2.Client(base_url=platform.url, headers={"Authorization": f"Bearer {platform.token}"})

    def run(self) -> None:
        while not self.over.is_set():
            for answer in (self._http.get("/api/v1/jobs/"), self._http.post("/api/v1/programs/run/", json={})):
                self.answers.add((answer.status_code, answer.headers.get("Retry-After")))
                if answer.status_code == 503:
                    self.unavailable.set()
        self._http.close()


def keep_running(echo: Any, over: threading.Event) -> list[str]:
    """Submit jobs, one after the other, and see that each has its own result; return their ids."""
    ids: list[str] = []
    while not over.is_set():
        job = echo.run(number=len(ids))
        assert job.result() == len(ids)
        ids.append(job.job_id)
    return ids


async def ends(url: str, job_ids: list[str]) -> list[int]:
    """Return how often each job has ended."""

    def work(repositories: Repositories) -> list[int]:
        histories = [repositories.jobs.events(job_id) for job_id in job_ids]
        return [sum(event.record.data.get("status") in TERMINAL for event in history) for history in histories]

    database = open_postgresql(url)
    counted = await database.read(work)
    await database.close()
    return counted


def test_what_was_answered_with_success_is_there_and_ends_once(
    make_platform: Callable[..., RunningPlatform], server: PostgresqlServer, tmp_path: Path
) -> None:
    url = server.new_database()
    platform = make_platform(TREADLE_DATABASE=url)
    client, prober = client_of(platform), Prober(platform)
    client._transport.patience = Patience(in_all=30)
    echo = uploader(client, tmp_path)("echo", ECHO)
    with ThreadPoolExecutor(CLIENTS + 1) as threads:
        probing = threads.submit(prober.run)
        running = [threads.submit(keep_running, echo, prober.over) for _ in range(CLIENTS)]
        for crash in (False, True):
            prober.unavailable.clear()
            server.stop(crash=crash)
            assert prober.unavailable.wait(20)
            server.start()
            assert echo.run(number=7).result() == 7
        prober.over.set()
        probing.result()
        accepted = [job_id for each in running for job_id in each.result()]
    assert prober.answers <= {(200, None), (400, None), (503, "1")}
    listed = [job.job_id for job in client.jobs(limit=10_000)]
    assert len(listed) == len(set(listed)) == len(accepted) + 2
    assert set(accepted) <= set(listed)
    assert asyncio.run(ends(url, listed)) == [1] * len(listed)
