"""Tables as full as those of a platform that has been used for a while."""

from collections import Counter
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Engine, Table, insert

from tests.conformance.conftest import NOON
from treadle.adapters.database.tables import (
    function_versions,
    functions,
    group_members,
    groups,
    job_counts,
    job_events,
    jobs,
    tokens,
    users,
)
from treadle.domain.lifecycle import JobStatus

USERS = 2000
FUNCTIONS = 3000
JOBS = 20_000
BUSY = "user-0"
"""A user who has half of all jobs, which are of the functions 0 to 4."""

_STATUSES = (JobStatus.QUEUED,) * 10 + (JobStatus.PENDING, JobStatus.RUNNING, JobStatus.STOPPING)


def fill(engine: Engine) -> None:
    """Fill empty tables of a database."""
    with engine.begin() as connection:
        for table, rows in _tables():
            connection.execute(insert(table), rows)
    if engine.dialect.name == "postgresql":  # which does so by itself, sooner or later; SQLite never does
        with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
            connection.exec_driver_sql("VACUUM ANALYZE")


def _tables() -> Iterator[tuple[Table, list[dict[str, Any]]]]:
    yield users, [{"id": _user(n), "name": f"name {n}", "created": NOON} for n in range(USERS)]
    yield tokens, [{"digest": f"digest {n}", "user_id": _user(n), "created": NOON} for n in range(USERS)]
    yield groups, [{"id": f"group-{n}", "name": f"group {n}", "created": NOON} for n in range(20)]
    yield group_members, [{"group_id": f"group-{n % 20}", "user_id": _user(n)} for n in range(USERS)]
    yield functions, [_function(n) for n in range(FUNCTIONS)]
    yield function_versions, [_version(n) for n in range(FUNCTIONS)]
    rows = [_job(n) for n in range(JOBS)]
    yield jobs, rows
    counted = Counter((row["author_id"], row["function_id"], row["status"]) for row in rows)
    keys = ("author_id", "function_id", "status", "count")
    yield job_counts, [dict(zip(keys, (*key, count), strict=True)) for key, count in counted.items()]
    yield job_events, [_event(n) for n in range(2 * JOBS)]


def _user(number: int) -> str:
    return f"user-{number}"


def _function(number: int) -> dict[str, Any]:
    return {
        "id": f"function-{number}",
        "author_id": _user(number % USERS),
        "title": f"title {number}",
        "current_version_id": f"version-{number}",
        "current_since": NOON,
        "current_by": _user(number % USERS),
        "created": NOON,
    }


def _version(number: int) -> dict[str, Any]:
    return {
        "id": f"version-{number}",
        "function_id": f"function-{number}",
        "number": 1,
        "author_id": _user(number % USERS),
        "entrypoint": "main.py",
        "dependencies": [],
        "env_vars": {},
        "type": "GENERIC",
        "runner": "ray",
        "arguments_schema": "{}",
        "sizes": {},
        "created": NOON,
    }


def _job(number: int) -> dict[str, Any]:
    busy = number % 2 == 0
    function = number // 2 % 5 if busy else number % FUNCTIONS
    status = _STATUSES[number // 100 % len(_STATUSES)] if number % 100 < 2 else JobStatus.SUCCEEDED
    on_engine = status in _STATUSES[-3:]
    return {
        "id": f"job-{number}",
        "author_id": BUSY if busy else _user(number % USERS),
        "function_id": f"function-{function}",
        "version_id": f"version-{function}",
        "status": status,
        "attempt": int(status is not JobStatus.QUEUED),
        "lease_until": NOON + timedelta(seconds=number % 60) if on_engine else None,
        "business_model": "SUBSIDIZED",
        "config": {},
        "created": created(number),
        "engine": "local" if on_engine else None,
        "dispatcher": f"dispatcher-{number % 3}" if on_engine else None,
    }


def created(number: int) -> datetime:
    """Return when a job was made."""
    return NOON + timedelta(seconds=number)


def _event(number: int) -> dict[str, Any]:
    return {
        "job_id": f"job-{number // 2}",
        "type": "STATUS_CHANGE",
        "origin": "API",
        "context": "RUN_PROGRAM",
        "data": {"status": "QUEUED", "sub_status": None},
        "created": created(number // 2),
    }
