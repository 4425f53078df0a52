"""The measurements."""

import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import psutil

from benchmarks.platform import HELLO, client_at, upload
from benchmarks.table import Finding, at_least, at_most
from treadle.adapters.clock import SystemClock
from treadle.adapters.database.sqlite import SqliteDatabase
from treadle.domain.ids import new_id
from treadle.domain.jobs import Context, EventRecord, EventType, Job, Origin
from treadle.domain.lifecycle import JobState, JobStatus
from treadle.domain.users import OWNER, User
from treadle.ports.repositories import Repositories

QUEUES = (0, 1_000, 10_000, 100_000)
USERS = 100
RUNNING = 1_000
SECONDS = 15.0
ROUNDS = 200


@dataclass(frozen=True)
class Simulation:
    """A platform whose engine is simulated, and its fleet.

    Attributes:
        home: The home folder.
        url: Where it answers.
        gateway: Its process.
        fleet: The process of its supervisors.
    """

    home: Path
    url: str
    gateway: psutil.Process
    fleet: "subprocess.Popen[str]"

    def http(self) -> httpx2.Client:
        """Return a client of the owner."""
        token = (self.home / "token").read_text().strip()
        return httpx2.Client(base_url=f"{self.url}/api/v1/", headers={"Authorization": f"Bearer {token}"}, timeout=60)

    @property
    def megabytes(self) -> float:
        """What the gateway's process holds in memory."""
        return self.gateway.memory_info().rss / 2**20

    def told(self) -> dict[str, Any]:
        """Return what the fleet has done so far."""
        assert self.fleet.stdin is not None
        assert self.fleet.stdout is not None
        self.fleet.stdin.write("\n")
        self.fleet.stdin.flush()
        return dict(json.loads(self.fleet.stdout.readline()))


@contextlib.contextmanager
def simulation(home: Path, mode: str, running_jobs: int) -> Iterator[Simulation]:
    """Run a platform and its fleet."""
    socket = str(home.parent / f"{mode}.socket")
    fleet = _python("benchmarks.scale.fleet", socket, mode)
    assert fleet.stdout is not None
    fleet.stdout.readline()
    settings = {"TREADLE_RUNNING_JOBS": str(running_jobs), "TREADLE_ACTIVE_JOBS_PER_USER": str(10**9)}
    gateway = _python("benchmarks.scale.platform", str(home), socket, **settings)
    assert gateway.stdout is not None
    try:
        yield Simulation(home, gateway.stdout.readline().strip(), psutil.Process(gateway.pid), fleet)
    finally:
        gateway.terminate()
        gateway.wait()
        fleet.kill()
        fleet.wait()


def _python(module: str, *arguments: str, **variables: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", module, *arguments]
    environment = {**os.environ, **variables}
    return subprocess.Popen(
        command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )


def findings() -> Iterator[Finding]:
    """Measure a queue that grows, how fast it is worked off, and many jobs at once."""
    with tempfile.TemporaryDirectory(prefix="treadle-scale-") as folder:
        yield from growing_queue(Path(folder) / "home")
        yield from claims(Path(folder) / "home")
    with tempfile.TemporaryDirectory(prefix="treadle-scale-") as folder:
        yield from many_running(Path(folder) / "home")


def growing_queue(home: Path) -> Iterator[Finding]:
    """Time submissions and listings while the queue grows; one job that never ends holds the only slot."""
    with simulation(home, "hold", running_jobs=1) as simulated, simulated.http() as http:
        upload(client_at(home, simulated.url), "hello", HELLO)
        before = simulated.megabytes
        submits, lists = [], []
        for length in QUEUES:
            _queue_up(home, length)
            submits.append(_milliseconds(lambda: _submit(http)))
            lists.append(_milliseconds(lambda: http.get("jobs/?limit=10").raise_for_status()))
        grown = simulated.megabytes - before
    yield from _flat("submit", submits)
    yield from _flat("list the newest jobs", lists)
    yield at_most(f"memory of the gateway, grown with {QUEUES[-1]} queued jobs", grown, "MB", 50)


def _flat(work: str, medians: list[float]) -> Iterator[Finding]:
    measured = ", ".join(f"{length}: {median:.3g} ms" for length, median in zip(QUEUES, medians, strict=True))
    yield at_most(
        f"{work}, {QUEUES[-1]} jobs queued against none", medians[-1] / medians[0], "x", 1.3, f"medians, {measured}"
    )


def claims(home: Path) -> Iterator[Finding]:
    """Count how many jobs a second are claimed, started and finished, from a long queue."""
    with simulation(home, "finish", running_jobs=100) as simulated:
        began = time.perf_counter()
        time.sleep(SECONDS)
        told = simulated.told()
        rate = told["finished"] / (time.perf_counter() - began)
    remark = f"{QUEUES[-1]} queued by {USERS} users; slowest call of a supervisor {told['slowest']:.2g} s"
    yield at_least("jobs claimed, started and finished", rate, "jobs/s", 100, remark)


def many_running(home: Path) -> Iterator[Finding]:
    """Let many jobs run at once, each with heartbeats and ten lines of log a second, and time what users do meanwhile."""
    with simulation(home, "hold", RUNNING) as simulated, simulated.http() as http:
        upload(client_at(home, simulated.url), "hello", HELLO)
        _queue_up(home, RUNNING)
        job = _submit(http)
        while simulated.told()["running"] < RUNNING:
            time.sleep(0.5)
        busy = simulated.gateway.cpu_times()
        began = time.perf_counter()
        times = []
        while time.perf_counter() - began < SECONDS:
            times.append(_once(lambda: http.get(f"jobs/{job}/?with_result=false").raise_for_status()))
        seconds = time.perf_counter() - began
        now = simulated.gateway.cpu_times()
        lost = http.get("jobs/?status=FAILED&limit=1").json()["count"]
        memory, told = simulated.megabytes, simulated.told()
    cpu = (now.user + now.system - busy.user - busy.system) / seconds
    p99 = statistics.quantiles(times, n=100)[98]
    remark = f"{told['parts']} parts of logs, {told['heartbeats']} heartbeats in all; gateway {cpu:.0%} of a core"
    yield at_most(f"GET a job while {RUNNING} run (p99)", p99, "ms", 100, remark)
    yield at_most("slowest call of a supervisor meanwhile", told["slowest"], "s", 4)
    yield at_most("jobs lost meanwhile, of the owner", lost, "jobs", 0)
    yield at_most(f"memory of the gateway with {RUNNING} running jobs", memory, "MB", 400)


def _submit(http: httpx2.Client) -> str:
    answer = http.post("programs/run/", json={"title": "hello", "arguments": "{}"})
    return str(answer.raise_for_status().json()["id"])


def _milliseconds(work: Callable[[], object]) -> float:
    return statistics.median(_once(work) for _ in range(ROUNDS))


def _once(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - began)


def _queue_up(home: Path, length: int) -> None:
    """Have so many jobs wait, of many users, the owner among them."""
    asyncio.run(_fill(home, length))


async def _fill(home: Path, length: int) -> None:
    database = SqliteDatabase(home / "treadle.db")

    def work(repositories: Repositories) -> None:
        owner = repositories.users.by_name(OWNER)
        assert owner is not None
        function = repositories.functions.by_title(owner.id, "hello")
        assert function is not None
        users = [owner, *(_user(repositories, number) for number in range(1, USERS))]
        missing = length - sum(repositories.jobs.count_active(user.id) for user in users)
        first = SystemClock().now() - timedelta(seconds=10**6)
        for number in range(missing):
            author = users[number % USERS]
            created = first + timedelta(milliseconds=number)
            job = Job(new_id(), author.id, function.id, function.title, function.current.id, created, JobState())
            repositories.jobs.add(job)
            data = {"status": JobStatus.QUEUED, "sub_status": None}
            record = EventRecord(EventType.STATUS_CHANGE, Origin.API, Context.RUN_PROGRAM, data)
            repositories.jobs.add_event(job.id, record, created)

    await database.write(work)
    await database.close()


def _user(repositories: Repositories, number: int) -> User:
    name = f"user{number}"
    known = repositories.users.by_name(name)
    if known is None:
        known = User(new_id(), name)
        repositories.users.add(known, SystemClock().now())
    return known
