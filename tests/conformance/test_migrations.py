"""From one release to the next: what was stored is there, the release before goes on working, and nobody has to wait for long.

What an older release knew of the tables is told by its migration: the tables as they are after it, read from a database. So these
tests need no older code, and hold for each release to come.
"""

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from pathlib import Path
from typing import Any, cast

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import JSON, Boolean, Column, DateTime, Engine, Integer, MetaData, Table, insert, select, text, update

from tests.conformance.conftest import NOON
from tests.postgresql import PostgresqlServer
from treadle.adapters.database import schema
from treadle.adapters.database.opening import open_database, open_postgresql
from treadle.adapters.database.postgresql import postgresql_engine
from treadle.adapters.database.sqlite import sqlite_engine
from treadle.domain.jobs import JobFilter
from treadle.ports.repositories import Database, Repositories

Row = dict[str, Any]

MIGRATIONS = ScriptDirectory(str(Path(schema.__file__).parent / "migrations"))
REVISIONS = sorted(script.revision for script in MIGRATIONS.walk_revisions())
RELEASED = [revision for revision in REVISIONS[:-1] if revision >= "0002"]
"""After which of them old code may still run when the newest tables are made."""

_WORDS = {
    "status": "QUEUED",
    "sub_status": "MAPPING",
    "business_model": "SUBSIDIZED",
    "type": "STATUS_CHANGE",
    "origin": "API",
    "context": "RUN_PROGRAM",
}
_OF_ENVIRONMENTS = {"status": "READY", "requirements": []}
_OF_VERSIONS = {"type": "GENERIC", "dependencies": [], "sizes": {}, "env_vars": {}}


@pytest.fixture(params=["sqlite", "postgresql"])
def make_engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[], Engine]]:
    """Makes engines of new databases without tables."""
    made: list[Engine] = []

    def make() -> Engine:
        if request.param == "sqlite":
            made.append(sqlite_engine(tmp_path / f"db{len(made)}"))
        else:
            server: PostgresqlServer = request.getfixturevalue("postgresql")
            made.append(postgresql_engine(server.empty_database()))
        return made[-1]

    yield make
    for engine in made:
        engine.dispose()


def tables_of(engine: Engine) -> list[Table]:
    """Return the tables that a database has, in an order in which they can be filled."""
    metadata = MetaData()
    metadata.reflect(engine)
    return [table for table in metadata.sorted_tables if table.name != "alembic_version"]


def row_of(table: Table, number: int) -> Row:
    """Return a row that refers to the rows of the same number in other tables."""
    return {column.name: _value(table.name, column, number) for column in table.columns}


def _value(table: str, column: Column[Any], number: int) -> Any:
    for key in column.foreign_keys:
        return _value(key.column.table.name, key.column, number)
    words = {**_WORDS, **{"environments": _OF_ENVIRONMENTS, "function_versions": _OF_VERSIONS}.get(table, {})}
    if column.name in words:
        return words[column.name]
    if column.name == "current_version_id":
        return f"id of function_versions {number}"
    if isinstance(column.type, JSON):
        return {}
    if isinstance(column.type, Boolean):
        return True
    if isinstance(column.type, Integer):
        return number
    if isinstance(column.type, DateTime):
        return NOON
    return f"{column.name} of {table} {number}"


def stored(engine: Engine, table: Table) -> list[Row]:
    """Return the rows of a table as a release reads them that knows these columns."""
    with engine.connect() as connection:
        rows = connection.execute(select(table).order_by(*table.primary_key.columns)).mappings().all()
    return [{name: _comparable(value) for name, value in row.items()} for row in rows]


def _comparable(value: Any) -> Any:
    """Return a time without its zone, which SQLite does not keep."""
    return value.replace(tzinfo=None) if isinstance(value, datetime) else value


def fill(engine: Engine, tables: list[Table]) -> None:
    with engine.begin() as connection:
        for table in tables:
            connection.execute(insert(table), [row_of(table, number) for number in range(1, 4)])


def opened(engine: Engine) -> Database:
    if engine.dialect.name == "sqlite":
        return open_database(Path(cast(str, _path_of(engine))))
    return open_postgresql(engine.url.render_as_string(hide_password=False).replace("+psycopg", ""))


def _path_of(engine: Engine) -> str:
    with engine.connect() as connection:
        return str(connection.exec_driver_sql("PRAGMA database_list").one()[2])


@pytest.mark.anyio
@pytest.mark.parametrize("revision", REVISIONS[:-1])
async def test_what_an_older_release_has_stored_is_there_after_the_upgrade_and_can_be_read(
    make_engine: Callable[[], Engine], revision: str
) -> None:
    engine = make_engine()
    schema.upgrade(engine, revision)
    old = tables_of(engine)
    fill(engine, old)
    before = {table.name: stored(engine, table) for table in old}
    engine.dispose()
    database = opened(engine)
    for table in tables_of(engine):
        if table.name in before:
            kept = before[table.name][0].keys() & table.columns.keys()
            now = [{name: row[name] for name in kept} for row in stored(engine, table)]
            assert now == [{name: row[name] for name in kept} for row in before[table.name]]
    await database.read(_reads_everything)
    await database.close()


def _reads_everything(repositories: Repositories) -> None:
    [first, *_] = repositories.users.all()
    _, [job, *others] = repositories.jobs.page(None, JobFilter())
    assert len(others) == 2
    assert repositories.jobs.events(job.id)
    assert repositories.functions.version(job.version_id).entrypoint.startswith("entrypoint of")
    assert repositories.functions.versions(job.function_id)
    assert repositories.jobs.next_of_each_user()
    assert repositories.users.by_id(first.id) == first


@pytest.mark.parametrize("revision", RELEASED)
def test_an_older_release_reads_and_writes_the_newest_tables(make_engine: Callable[[], Engine], revision: str) -> None:
    of_its_time, newest = make_engine(), make_engine()
    schema.upgrade(of_its_time, revision)
    schema.upgrade(newest)
    known = tables_of(of_its_time)
    fill(newest, known)
    with newest.begin() as connection:
        for table in known:
            named = {column.name: column for column in table.columns if not column.primary_key}
            if named:
                connection.execute(update(table).values(named))
    for table in known:
        assert [set(row) for row in stored(newest, table)] == [set(table.columns.keys())] * 3
    with newest.begin() as connection:
        for table in reversed(known):
            assert connection.execute(table.delete()).rowcount == 3


def test_tables_of_a_newer_release_are_left_as_they_are(make_engine: Callable[[], Engine]) -> None:
    engine = make_engine()
    schema.upgrade(engine)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    schema.upgrade(engine)
    assert schema.current_version(engine) == "9999"


@pytest.mark.parametrize("revision", [None, *RELEASED])
def test_of_several_gateways_that_start_at_once_one_makes_the_tables(
    postgresql: PostgresqlServer, revision: str | None
) -> None:
    url = postgresql.empty_database()
    engine = postgresql_engine(url)
    if revision is not None:
        schema.upgrade(engine, revision)
    with ThreadPoolExecutor(4) as threads:
        databases = list(threads.map(open_postgresql, [url] * 4))
    assert schema.current_version(engine) == schema.NEWEST
    for database in databases:
        database._engine.dispose()
    engine.dispose()


def test_an_upgrade_does_not_hold_up_others_while_a_table_is_in_use(
    postgresql: PostgresqlServer, caplog: pytest.LogCaptureFixture
) -> None:
    url = postgresql.empty_database()
    engine = postgresql_engine(url)
    schema.upgrade(engine, "0002")
    gave_up = threading.Event()
    caplog.set_level(logging.WARNING)
    caplog.handler.addFilter(lambda record: gave_up.set() is None if "are in use" in record.message else True)
    with ThreadPoolExecutor(1) as thread, engine.connect() as reading:
        reading.execute(text("SELECT count(*) FROM jobs"))  # and its transaction stays open
        upgrading = thread.submit(open_postgresql, url)
        assert gave_up.wait(30)
        with engine.connect() as other:
            assert other.execute(text("SELECT count(*) FROM jobs")).scalar() == 0
        reading.rollback()
        upgrading.result()._engine.dispose()
    assert schema.current_version(engine) == schema.NEWEST
    engine.dispose()
