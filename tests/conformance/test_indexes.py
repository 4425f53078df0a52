"""What is asked all the time is found by indexes, in tables that are full: nothing takes longer because there is more."""

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import Engine, event

from tests.conformance.conftest import NOON
from tests.conformance.filled_tables import BUSY, JOBS, created, fill
from tests.postgresql import PostgresqlServer
from treadle.adapters.database.postgresql import postgresql_engine
from treadle.adapters.database.repositories import DatabaseRepositories
from treadle.adapters.database.schema import upgrade
from treadle.adapters.database.sqlite import sqlite_engine
from treadle.domain.jobs import Context, EventRecord, EventType, JobFilter, Origin, Placement
from treadle.domain.lifecycle import JobState, JobStatus
from treadle.ports.repositories import Repositories

HERE = Placement("local", "dispatcher-1")
LARGE = ("jobs", "job_events", "users", "tokens", "group_members", "function_versions", "functions", "job_counts")


@dataclass
class Filled:
    """A database whose tables are full, and the statements that it gets."""

    engine: Engine
    sent: list[tuple[str, Any]] = field(default_factory=list)

    def scans(self, work: Callable[[Repositories], Any]) -> list[str]:
        """Return which large tables the statements of `work` read from end to end; nothing that it writes stays."""
        with self.engine.connect() as connection:
            self.sent.clear()
            work(DatabaseRepositories.on(connection))
            statements = tuple(self.sent)
            found = [self._scanned(connection, *each) for each in statements]
            connection.rollback()
        assert statements
        return [table for tables in found for table in tables if table in LARGE]

    def _scanned(self, connection: Any, statement: str, values: Any) -> list[str]:
        if statement.startswith("INSERT"):
            return []
        if self.engine.dialect.name == "sqlite":
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
            return [step.detail.split()[1] for step in plan if re.match(r"SCAN (?!.*USING COVERING)", step.detail)]
        [[plan]] = connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement}", values)
        return [node["Relation Name"] for node in _nodes(plan[0]["Plan"]) if node["Node Type"].endswith("Seq Scan")]


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for child in plan.get("Plans", ()):
        yield from _nodes(child)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def filled(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Filled]:
    if request.param == "sqlite":
        engine = sqlite_engine(tmp_path_factory.mktemp("filled") / "db")
        upgrade(engine)
    else:
        server: PostgresqlServer = request.getfixturevalue("postgresql")
        engine = postgresql_engine(server.new_database())
    fill(engine)
    made = Filled(engine)
    event.listen(engine, "before_cursor_execute", lambda *call: made.sent.append(call[2:4]))
    yield made
    engine.dispose()


RUNNING = JobState(JobStatus.RUNNING, None, 1)
WORK: dict[str, Callable[[Repositories], Any]] = {
    "user of a token": lambda db: db.users.by_token("digest 7"),
    "user": lambda db: db.users.by_id("user-7"),
    "job": lambda db: db.jobs.get("job-77"),
    "active of a user": lambda db: db.jobs.count_active("user-7"),
    "active by author": lambda db: db.jobs.active_by_author(),
    "next of each user": lambda db: db.jobs.next_of_each_user(),
    "queued of users": lambda db: db.jobs.queued([BUSY, "user-1"], 10),
    "on engine": lambda db: db.jobs.on_engine(),
    "placed": lambda db: db.jobs.count_placed(HERE),
    "stopping": lambda db: db.jobs.stopping("dispatcher-1"),
    "silent": lambda db: db.jobs.silent(NOON + timedelta(seconds=30)),
    "claim": lambda db: db.jobs.change("job-0", JobState(), JobState(JobStatus.PENDING, None, 1), placement=HERE),
    "end": lambda db: db.jobs.change("job-551", RUNNING, JobState(JobStatus.SUCCEEDED, None, 1)),
    "heartbeat": lambda db: db.jobs.renew_lease("job-551", 1, NOON),
    "hold": lambda db: db.jobs.hold("job-551", 1, "dispatcher-1", HERE, NOON, lapsed=NOON),
    "event": lambda db: db.jobs.add_event(
        "job-7", EventRecord(EventType.ERROR, Origin.API, Context.RUN_PROGRAM, {}), NOON
    ),
    "events after": lambda db: db.jobs.events("job-77", 100),
    "version": lambda db: db.functions.version("version-7"),
    "function by title": lambda db: db.functions.by_title("user-7", "title 7"),
}
FILTERS: dict[str, dict[str, Any]] = {
    "all": {},
    "status": {"status": "SUCCEEDED"},
    "function": {"function": "title 3"},
    "function and status": {"function": "title 3", "status": "SUCCEEDED"},
    "own functions": {"of_providers": False},
    "created after": {"created_after": created(JOBS // 2)},
    "function, created after": {"function": "title 3", "created_after": created(JOBS // 2)},
}


@pytest.mark.parametrize("what", WORK)
def test_no_table_is_read_from_end_to_end(filled: Filled, what: str) -> None:
    assert filled.scans(WORK[what]) == []


@pytest.mark.parametrize("offset", [0, 3000], ids=["first page", "deep page"])
@pytest.mark.parametrize("filtered", FILTERS)
def test_a_page_of_a_listing_reads_no_table_from_end_to_end(filled: Filled, filtered: str, offset: int) -> None:
    job_filter = JobFilter(**FILTERS[filtered], limit=20, offset=offset)
    assert filled.scans(lambda repositories: repositories.jobs.page(BUSY, job_filter)) == []


def test_this_would_notice_a_statement_without_an_index(filled: Filled) -> None:
    assert filled.scans(lambda repositories: repositories.users.all()) != []
