"""SQLite and PostgreSQL: jobs that are claimed, started and ended; look-ups; processes that wake each other."""

import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from tests.postgresql import postgresql_server

from benchmarks.table import Finding, at_least, at_most
from treadle.adapters.clock import SystemClock
from treadle.adapters.database.opening import open_database, open_postgresql
from treadle.adapters.wakeups.postgresql import PostgresqlWakeUps
from treadle.domain.functions import Function, FunctionVersion
from treadle.domain.ids import new_id
from treadle.domain.jobs import Context, Job, Origin, Placement
from treadle.domain.lifecycle import Claimed, Ended, JobState, Started
from treadle.domain.scheduling import choose, first_users
from treadle.domain.users import User
from treadle.ports.repositories import Database, Repositories
from treadle.services.transitions import apply

USERS = 20
PROCESSES = 4
SLOTS = 8
READERS = 8


def findings(jobs: int = 1000, look_ups: int = 3000, wake_ups: int = 500) -> Iterator[Finding]:
    """Measure both databases; the PostgreSQL server waits for its disk, as those that are used do."""
    with tempfile.TemporaryDirectory(prefix="treadle-bench-") as folder, postgresql_server(durable=True) as server:
        sqlite, url = str(Path(folder, "db")), server.new_database()
        of_sqlite = _jobs_per_second(sqlite, jobs, 1)
        yield at_least("jobs claimed, started and ended, SQLite", of_sqlite, "jobs/s", 100)
        for processes in (1, PROCESSES):
            rate = _jobs_per_second(url, jobs, processes)
            work = f"the same, PostgreSQL, {processes} process{'es' * (processes > 1)}"
            yield at_least(work, rate, "jobs/s", 50, f"{rate / of_sqlite:.2f} x SQLite")
        reads = {name: asyncio.run(_look_ups_per_second(name, look_ups)) for name in (sqlite, url)}
        yield at_least("look-ups of one job, SQLite", reads[sqlite], "/s", 1000)
        yield at_least("the same, PostgreSQL", reads[url], "/s", 500, f"{reads[url] / reads[sqlite]:.2f} x SQLite")
        latency, spread = asyncio.run(_wake_up_latency(url, wake_ups))
        yield at_most("wake-up of another process, PostgreSQL", latency, "ms", 5, spread)


def _open(name: str) -> Database:
    return open_postgresql(name) if name.startswith("postgresql") else open_database(Path(name))


def _jobs_per_second(name: str, jobs: int, processes: int) -> float:
    """Let processes take jobs from one queue to their end until it is empty."""
    asyncio.run(_fill(name, jobs))
    command = [sys.executable, "-m", "benchmarks.databases", "dispatch", name]
    started = [
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(processes)
    ]
    for process in started:
        assert process.stdout is not None
        process.stdout.readline()  # it is connected
    began = time.perf_counter()
    for process in started:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()
    assert sum(int(process.communicate()[0]) for process in started) == jobs
    return jobs / (time.perf_counter() - began)


async def _fill(name: str, jobs: int) -> None:
    database = _open(name)
    now = SystemClock().now()

    def work(repositories: Repositories) -> None:
        for number in range(USERS):
            user = User(new_id(), f"user {new_id()}")
            repositories.users.add(user, now)
            version = FunctionVersion(new_id(), 1, "main.py", author_id=user.id)
            function = Function(new_id(), "hello", user.id, now, version)
            repositories.functions.add(function)
            for _ in range(number, jobs, USERS):
                state = JobState()
                repositories.jobs.add(Job(new_id(), user.id, function.id, "hello", version.id, now, state))

    await database.write(work)
    await database.close()


async def _dispatch(name: str) -> int:
    """Do with the database what a dispatcher and its programs do; return how many jobs were brought to their end."""
    database, here, ended = _open(name), Placement("local", new_id()), 0
    await database.read(lambda repositories: repositories.jobs.on_engine())
    print("ready", flush=True)
    sys.stdin.readline()
    while claimed := await database.write(lambda repositories: _claim(repositories, here)):
        for job_id in claimed:
            for event in (Started(1), Ended(1, succeeded=True)):
                await database.write(
                    lambda repositories, job_id=job_id, event=event: _apply(repositories, job_id, event)
                )  # type: ignore[misc]
        ended += len(claimed)
    await database.close()
    return ended


def _claim(repositories: Repositories, here: Placement) -> list[str]:
    active = repositories.jobs.active_by_author()
    users = first_users(repositories.jobs.next_of_each_user(), active, SLOTS)
    chosen = choose(repositories.jobs.queued(users, SLOTS), active, SLOTS)
    for job in chosen:
        now = SystemClock().now()
        apply(repositories, job.id, Claimed(), Origin.SCHEDULER, Context.SCHEDULE_JOBS, now, placement=here)
    return [job.id for job in chosen]


def _apply(repositories: Repositories, job_id: str, event: Started | Ended) -> None:
    apply(repositories, job_id, event, Origin.SCHEDULER, Context.UPDATE_JOB_STATUS, SystemClock().now())


async def _look_ups_per_second(name: str, look_ups: int) -> float:
    """Look up one job from several tasks at once."""
    await _fill(name, USERS)
    database = _open(name)
    [job, *_] = await database.read(lambda repositories: repositories.jobs.next_of_each_user())

    async def read() -> None:
        for _ in range(look_ups // READERS):
            await database.read(lambda repositories: repositories.jobs.get(job.id))

    began = time.perf_counter()
    await asyncio.gather(*(read() for _ in range(READERS)))
    seconds = time.perf_counter() - began
    await database.close()
    return look_ups / seconds


async def _wake_up_latency(url: str, rounds: int) -> tuple[float, str]:
    """Return half the time of a wake-up and its answer from another process, in milliseconds."""
    command = [sys.executable, "-m", "benchmarks.databases", "answer", url]
    other = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    assert other.stdout is not None
    await other.stdout.readline()
    wakeups = PostgresqlWakeUps(url)
    await wakeups.open()
    times = []
    with wakeups.subscribe("answer") as subscription:
        for _ in range(rounds):
            began = time.perf_counter()
            wakeups.publish("question")
            assert await subscription.wait(10)
            times.append(500 * (time.perf_counter() - began))
    await wakeups.disconnect()
    other.terminate()
    await other.wait()
    return statistics.median(times), f"{rounds} rounds, p99 {statistics.quantiles(times, n=100)[98]:.3g}"


async def _answer(url: str) -> None:
    wakeups = PostgresqlWakeUps(url)
    await wakeups.open()
    with wakeups.subscribe("question") as subscription:
        print("ready", flush=True)
        while await subscription.wait():
            wakeups.publish("answer")


if __name__ == "__main__":
    match sys.argv[1]:
        case "dispatch":
            print(asyncio.run(_dispatch(sys.argv[2])))
        case "answer":
            asyncio.run(_answer(sys.argv[2]))
