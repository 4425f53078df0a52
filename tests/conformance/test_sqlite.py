"""What is particular to SQLite: migrations, and a disk that is full or read-only."""

import sqlite3
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import event

from tests.conformance.conftest import NOON
from tests.conformance.test_database import a_function, a_job, a_user
from treadle.adapters.database import schema
from treadle.adapters.database.sqlite import SqliteDatabase, sqlite_engine
from treadle.adapters.database.tables import metadata
from treadle.domain.errors import StorageError
from treadle.domain.jobs import JobFilter
from treadle.domain.users import User

pytestmark = pytest.mark.anyio


STORED_BY_0001 = (
    "INSERT INTO users VALUES ('u', 'ada', '2026-11-22 12:00:00')",
    "INSERT INTO functions VALUES ('f', 'u', 'hello', 'v', '2026-11-22 12:00:00')",
    "INSERT INTO function_versions VALUES ('v', 'f', 1, 'main.py', NULL, '[]', '{}', NULL, NULL, 'GENERIC', 'ray', '{}',"
    " '2026-11-22 12:00:00')",
    "INSERT INTO jobs VALUES ('j', 'u', 'f', 'v', 'QUEUED', NULL, 0, NULL, NULL, '2026-11-22 12:00:00')",
    "INSERT INTO job_events VALUES (1, 'j', 'STATUS_CHANGE', 'API', 'RUN_PROGRAM', '{}', '2026-11-22 12:00:00')",
)


def migrated(path: Path, revision: str = "head") -> None:
    engine = sqlite_engine(path)
    schema.upgrade(engine, revision)
    engine.dispose()


def test_the_migrations_make_exactly_the_tables_of_the_code(tmp_path: Path) -> None:
    migrated(tmp_path / "db")
    engine = sqlite_engine(tmp_path / "db")
    with engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), metadata) == []
    engine.dispose()


def test_the_newest_migration_is_the_one_the_code_names(tmp_path: Path) -> None:
    migrations = ScriptDirectory(str(Path(schema.__file__).parent / "migrations"))
    assert migrations.get_current_head() == schema.NEWEST


def test_migrating_twice_is_harmless(tmp_path: Path) -> None:
    migrated(tmp_path / "db")
    migrated(tmp_path / "db")


async def test_what_an_older_platform_has_stored_is_all_there_after_the_upgrade(tmp_path: Path) -> None:
    path = tmp_path / "db"
    migrated(path, "0001")
    engine = sqlite_engine(path)
    with engine.begin() as connection:
        for statement in STORED_BY_0001:
            connection.exec_driver_sql(statement)
    engine.dispose()
    migrated(path)
    database = SqliteDatabase(path)
    job = await database.read(lambda repositories: repositories.jobs.get("j"))
    assert job is not None
    assert (job.function_title, job.provider, job.business_model, job.config) == ("hello", None, "SUBSIDIZED", {})
    version = await database.read(lambda repositories: repositories.functions.version(job.version_id))
    assert (version.author_id, version.entrypoint, version.sizes) == ("u", "main.py", {})
    [listed] = await database.read(lambda repositories: repositories.functions.versions("f"))
    assert (listed.version, listed.current_since, listed.current_by) == (version, NOON.replace(microsecond=0), "ada")
    assert len(await database.read(lambda repositories: repositories.jobs.events("j"))) == 1
    await database.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
    connection.close()


async def test_a_database_that_refuses_to_write_says_so_and_goes_on_when_it_can(tmp_path: Path) -> None:
    migrated(tmp_path / "db")
    database = SqliteDatabase(tmp_path / "db")
    other = sqlite3.connect(tmp_path / "db", isolation_level=None)
    page_count = other.execute("PRAGMA page_count").fetchone()[0]
    raw = database._writer.connection.driver_connection
    assert raw is not None
    raw.execute(f"PRAGMA max_page_count = {page_count}")  # what a full disk looks like to SQLite
    with pytest.raises(StorageError, match="full") as caught:
        await database.write(lambda repositories: repositories.users.add(User("1", "x" * 100_000), NOON))
    assert "disk has room" in caught.value.hint
    assert await database.read(lambda repositories: repositories.users.by_name("ada")) is None
    raw.execute("PRAGMA max_page_count = 1000000")
    await database.write(lambda repositories: repositories.users.add(User("2", "ada"), NOON))
    assert await database.read(lambda repositories: repositories.users.by_name("ada")) == User("2", "ada")
    await database.close()
    other.close()


async def test_what_was_committed_is_there_for_the_next_process(tmp_path: Path) -> None:
    migrated(tmp_path / "db")
    first = SqliteDatabase(tmp_path / "db")
    await first.write(lambda repositories: repositories.users.add(User("1", "ada"), NOON))
    second = SqliteDatabase(tmp_path / "db")  # the first is still open, as after a kill
    assert await second.read(lambda repositories: repositories.users.by_name("ada")) == User("1", "ada")
    await first.close()
    await second.close()


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"status": "FAILED"},
        {"function": "hello"},
        {"function": "hello", "status": "FAILED"},
        {"of_providers": False},
        {"created_after": NOON},
        {"function": "hello", "created_after": NOON},
    ],
    ids=lambda fields: " ".join(fields) or "all",
)
async def test_a_page_deep_in_a_long_listing_is_found_in_an_index_alone(tmp_path: Path, fields: dict[str, Any]) -> None:
    migrated(tmp_path / "db")
    database = SqliteDatabase(tmp_path / "db")
    ada = await a_user(database)
    await a_job(database, await a_function(database, ada))
    sent: list[tuple[str, Any]] = []
    event.listen(database._reader_engine, "before_cursor_execute", lambda *call: sent.append(call[2:4]))
    job_filter = JobFilter(**fields, offset=10)
    await database.read(lambda repositories: repositories.jobs.page(ada.id, job_filter))
    of_jobs = [
        step
        for statement, values in tuple(sent)
        for _, _, _, step in database._reader.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", values)
        if step.split()[1] == "jobs"
    ]
    by_id = "SEARCH jobs USING INDEX sqlite_autoindex_jobs_1 (id=?)"
    assert all(step == by_id or step.startswith("SEARCH jobs USING COVERING INDEX") for step in of_jobs), of_jobs
    assert any("COVERING" in step for step in of_jobs)
    await database.close()
