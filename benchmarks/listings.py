"""Listing jobs when there are 100,000 of them."""

import asyncio
import json
import statistics
import tempfile
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import httpx2

from benchmarks.platform import platform_up
from benchmarks.table import Finding, at_most
from treadle.adapters.clock import SystemClock
from treadle.adapters.database.sqlite import SqliteDatabase
from treadle.domain.functions import Function, FunctionVersion
from treadle.domain.ids import new_id
from treadle.domain.jobs import Job
from treadle.domain.lifecycle import JobState, JobStatus
from treadle.domain.users import OWNER
from treadle.ports.repositories import Repositories

JOBS = 100_000
FUNCTIONS = 5
ENDED = (JobStatus.SUCCEEDED, JobStatus.SUCCEEDED, JobStatus.FAILED, JobStatus.STOPPED)
QUERIES = {
    "the newest": "limit=10",
    "the oldest": f"limit=10&offset={JOBS - 20}",
    "a full page": "limit=100&offset=5000",
    "the oldest of one function": f"limit=10&function=f1&offset={JOBS // FUNCTIONS - 20}",
    "the oldest with one status": f"limit=10&status=FAILED&offset={JOBS // len(ENDED) - 20}",
    "the oldest of one function with one status": "limit=10&function=f1&status=SUCCEEDED&offset=9000",
    "the oldest without a provider": f"limit=10&filter=serverless&offset={JOBS - 20}",
    "since some day": "limit=10&created_after={middle}",
}


def findings(rounds: int = 200) -> Iterator[Finding]:
    """Time each kind of page through HTTP, and tell the 99th percentile."""
    with tempfile.TemporaryDirectory(prefix="treadle-bench-") as folder:
        home = Path(folder)
        with platform_up(home):
            pass  # it has a database and an owner now
        middle = asyncio.run(_fill(home))
        with platform_up(home) as (_, url, _):
            headers = {"Authorization": (home / "token").read_text().strip()}
            with httpx2.Client(base_url=f"{url}/api/v1/jobs/", headers=headers) as http:
                for name, query in QUERIES.items():
                    yield _timed(http, name, query.format(middle=middle), rounds)


def _timed(http: httpx2.Client, name: str, query: str, rounds: int) -> Finding:
    times = []
    for _ in range(rounds):
        began = time.perf_counter()
        answer = http.get(f"?{query}")
        times.append(1000 * (time.perf_counter() - began))
    shown = json.loads(answer.content)
    assert len(shown["results"]) >= 10, query
    p99 = statistics.quantiles(times, n=100)[98]
    remark = f"{rounds} rounds, median {statistics.median(times):.3g}; {shown['count']} match"
    return at_most(f"list jobs, {JOBS} in the database: {name} (p99)", p99, "ms", 20, remark)


async def _fill(home: Path) -> str:
    """Store ended jobs of the owner, a second apart; return the time of the middle one."""
    database = SqliteDatabase(home / "treadle.db")
    first = SystemClock().now() - timedelta(seconds=JOBS)

    def work(repositories: Repositories) -> None:
        owner = repositories.users.by_name(OWNER)
        assert owner is not None
        functions = [_function(number, owner.id) for number in range(FUNCTIONS)]
        for function in functions:
            repositories.functions.add(function)
        for number in range(JOBS):
            function, status = functions[number % FUNCTIONS], ENDED[number % len(ENDED)]
            created = first + timedelta(seconds=number)
            state = JobState(status, None, 1)
            repositories.jobs.add(
                Job(new_id(), owner.id, function.id, function.title, function.current.id, created, state)
            )

    await database.write(work)
    await database.close()
    return (first + timedelta(seconds=JOBS // 2)).strftime("%Y-%m-%dT%H:%M:%SZ")


def _function(number: int, author_id: str) -> Function:
    version = FunctionVersion(new_id(), 1, "main.py", author_id=author_id)
    return Function(new_id(), f"f{number}", author_id, SystemClock().now(), version)
