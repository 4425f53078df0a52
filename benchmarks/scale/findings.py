"""The measurements."""

import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx2
from sqlalchemy import text
from tests.postgresql import postgresql_server

from benchmarks.scale.filling import USERS, queue_up
from benchmarks.scale.simulation import simulation
from benchmarks.table import Finding, at_least, at_most
from treadle.adapters.database.postgresql import postgresql_engine

QUEUES = (0, 1_000, 10_000, 100_000)
RUNNING = 1_000
SECONDS = 15.0
ROUNDS = 200


def findings() -> Iterator[Finding]:
    """Measure a queue that grows, how fast it is worked off, and many jobs at once, on both databases."""
    with ExitStack() as stack:
        server = stack.enter_context(postgresql_server(durable=True))
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="treadle-scale-")))
        for name, new_database, pause in (("SQLite", lambda: None, 1.0), ("PostgreSQL", server.new_database, 4.0)):
            queue, running = new_database(), new_database()
            yield from growing_queue(name, folder / f"{name}-queue", queue)
            yield from claims(name, folder / f"{name}-queue", queue)
            yield from many_running(name, folder / f"{name}-running", running, pause)


def growing_queue(name: str, home: Path, database_url: str | None) -> Iterator[Finding]:
    """Time submissions and listings while the queue grows; one job that never ends holds the only slot."""
    with simulation(home, database_url, "hold", running_jobs=1) as simulated, simulated.http() as http:
        simulated.upload_hello()
        before = simulated.megabytes
        submits, lists = [], []
        for length in QUEUES:
            queue_up(home, database_url, length)
            submits.append(_median(lambda: _submit(http)))
            lists.append(_median(lambda: http.get("jobs/?limit=10").raise_for_status()))
        grown = simulated.megabytes - before
    yield from _flat(f"{name}: submit", submits)
    yield from _flat(f"{name}: list the newest jobs", lists)
    yield at_most(f"{name}: memory of the gateway, grown with {QUEUES[-1]} queued jobs", grown, "MB", 50)


def _flat(work: str, medians: list[float]) -> Iterator[Finding]:
    measured = ", ".join(f"{length}: {median:.3g} ms" for length, median in zip(QUEUES, medians, strict=True))
    yield at_most(
        f"{work}, {QUEUES[-1]} jobs queued against none", medians[-1] / medians[0], "x", 1.3, f"medians, {measured}"
    )


def claims(name: str, home: Path, database_url: str | None) -> Iterator[Finding]:
    """Count how many jobs a second are claimed, started and finished, from a long queue, and what a job takes in the database."""
    with simulation(home, database_url, "finish", running_jobs=100) as simulated:
        began, busy = time.perf_counter(), simulated.cpu_seconds
        time.sleep(SECONDS)
        told = simulated.told()
        seconds, busy = time.perf_counter() - began, simulated.cpu_seconds - busy
    remark = (
        f"{QUEUES[-1]} queued by {USERS} users; gateway {busy / seconds:.0%} of a core,"
        f" slowest call of a supervisor {told['slowest']:.2g} s"
    )
    yield at_least(f"{name}: jobs claimed, started and finished", told["finished"] / seconds, "jobs/s", 100, remark)
    size = _bytes(home, database_url) / QUEUES[-1]
    yield at_most(f"{name}: a job in the database, indexes included", size / 1000, "kB", 4)


def _bytes(home: Path, database_url: str | None) -> int:
    if database_url is None:
        return sum(path.stat().st_size for path in home.glob("treadle.db*"))
    engine = postgresql_engine(database_url)
    with engine.connect() as connection:
        size = int(connection.execute(text("SELECT pg_database_size(current_database())")).scalar_one())
    engine.dispose()
    return size


def many_running(name: str, home: Path, database_url: str | None, pause: float) -> Iterator[Finding]:
    """Let many jobs run at once, each with heartbeats and ten lines of log every `pause` seconds, and time what users do.

    With a bucket, where several gateways keep logs, supervisors are told to send what is printed all the time every few seconds.
    """
    with simulation(home, database_url, "hold", RUNNING, pause) as simulated, simulated.http() as http:
        simulated.upload_hello()
        queue_up(home, database_url, RUNNING)
        job = _submit(http)
        while simulated.told()["running"] < RUNNING:
            time.sleep(0.5)
        began, busy, before = time.perf_counter(), simulated.cpu_seconds, simulated.told()
        times = []
        while time.perf_counter() - began < SECONDS:
            times.append(_once(lambda: http.get(f"jobs/{job}/?with_result=false").raise_for_status()))
            time.sleep(0.01)
        seconds, busy, told = time.perf_counter() - began, simulated.cpu_seconds - busy, simulated.told()
        lost = http.get("jobs/?status=FAILED&limit=1").json()["count"]
        memory = simulated.megabytes
    parts, beats = told["parts"] - before["parts"], told["heartbeats"] - before["heartbeats"]
    p99 = statistics.quantiles(times, n=100)[98]
    remark = (
        f"{parts / seconds:.0f} parts of logs and {beats / seconds:.0f} heartbeats a second;"
        f" gateway {busy / seconds:.0%} of a core, {os.cpu_count()} cores for all"
    )
    yield at_most(f"{name}: GET a job while {RUNNING} run (p99)", p99, "ms", 100, remark)
    yield at_most(f"{name}: slowest call of a supervisor meanwhile", told["slowest"], "s", 4)
    yield at_most(f"{name}: jobs lost meanwhile, of the owner", lost, "jobs", 0)
    yield at_most(f"{name}: memory of the gateway with {RUNNING} running jobs", memory, "MB", 400)


def _submit(http: httpx2.Client) -> str:
    answer = http.post("programs/run/", json={"title": "hello", "arguments": "{}"})
    return str(answer.raise_for_status().json()["id"])


def _median(work: Callable[[], object]) -> float:
    """Return the median time that some work takes, in milliseconds."""
    return statistics.median(_once(work) for _ in range(ROUNDS))


def _once(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)
