"""Queued jobs of many users, written straight to the database: through the gateway they would take minutes."""

import asyncio
from datetime import timedelta
from functools import partial
from pathlib import Path

from treadle.adapters.clock import SystemClock
from treadle.adapters.database.opening import open_database, open_postgresql
from treadle.domain.ids import new_id
from treadle.domain.jobs import Context, EventRecord, EventType, Job, Origin
from treadle.domain.lifecycle import JobState, JobStatus
from treadle.domain.users import OWNER, User
from treadle.ports.repositories import Repositories

USERS = 100
_BATCH = 10_000  # jobs in one transaction


def queue_up(home: Path, database_url: str | None, length: int) -> None:
    """Have so many jobs of the function ``hello`` wait, as many of each user, the owner among them."""
    asyncio.run(_fill(home, database_url, length))


async def _fill(home: Path, database_url: str | None, length: int) -> None:
    database = open_postgresql(database_url) if database_url else open_database(home / "treadle.db")
    users = await database.write(_users)
    while missing := length - await database.read(lambda repositories: _waiting(repositories, users)):
        count = min(missing, _BATCH)
        if count < 0:
            break
        await database.write(partial(_add, users, count))
    await database.close()


def _waiting(repositories: Repositories, users: list[User]) -> int:
    return sum(repositories.jobs.count_active(user.id) for user in users)


def _add(users: list[User], count: int, repositories: Repositories) -> None:
    function = repositories.functions.by_title(users[0].id, "hello")
    assert function is not None
    first = SystemClock().now() - timedelta(days=1)
    for number in range(count):
        author, created = users[number % USERS], first + timedelta(milliseconds=number)
        job = Job(new_id(), author.id, function.id, function.title, function.current.id, created, JobState())
        repositories.jobs.add(job)
        data = {"status": JobStatus.QUEUED, "sub_status": None}
        record = EventRecord(EventType.STATUS_CHANGE, Origin.API, Context.RUN_PROGRAM, data)
        repositories.jobs.add_event(job.id, record, created)


def _users(repositories: Repositories) -> list[User]:
    owner = repositories.users.by_name(OWNER)
    assert owner is not None
    return [owner, *(_user(repositories, f"user{number}") for number in range(1, USERS))]


def _user(repositories: Repositories, name: str) -> User:
    known = repositories.users.by_name(name)
    if known is not None:
        return known
    user = User(new_id(), name)
    repositories.users.add(user, SystemClock().now())
    return user
