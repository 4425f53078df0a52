"""Adapters under test. One behaviour suite per port; every adapter of the port runs it."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.conformance.dispatching import Desk, a_desk
from tests.s3 import S3Server
from treadle.adapters.auth.keys import FileSigner
from treadle.adapters.clock import SystemClock
from treadle.adapters.database.opening import open_postgresql
from treadle.adapters.database.schema import upgrade
from treadle.adapters.database.sqlite import SqliteDatabase, sqlite_engine
from treadle.adapters.files.folder import FolderFiles
from treadle.adapters.files.objects import ObjectFiles
from treadle.adapters.logs.folder import FolderLogs
from treadle.adapters.logs.objects import ObjectLogs
from treadle.adapters.objects.obstore_objects import ObstoreObjects
from treadle.adapters.objects.s3 import Bucket
from treadle.adapters.wakeups.in_process import InProcessWakeUps
from treadle.adapters.wakeups.postgresql import PostgresqlWakeUps
from treadle.ports.files import FileStore
from treadle.ports.logs import LogStore
from treadle.ports.objects import ObjectStore
from treadle.ports.repositories import Database
from treadle.ports.secrets import Signer
from treadle.ports.wakeups import WakeUps

NOON = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_kind(request: pytest.FixtureRequest) -> str:
    """Which database a platform has; its wake-ups go with it."""
    return str(request.param)


@pytest.fixture
async def database(request: pytest.FixtureRequest, database_kind: str, anyio_backend: str) -> AsyncIterator[Database]:
    """An empty database with the newest tables."""
    opened: Database = request.getfixturevalue(f"{database_kind}_database")
    yield opened
    await opened.close()


@pytest.fixture
def postgresql_database(postgresql_url: str) -> Database:
    return open_postgresql(postgresql_url)


@pytest.fixture
def sqlite_database(tmp_path: Path) -> Database:
    path = tmp_path / "treadle.db"
    engine = sqlite_engine(path)
    upgrade(engine)
    engine.dispose()
    return SqliteDatabase(path)


@pytest.fixture(params=["folder", "s3"])
def objects(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectStore:
    """An empty object store."""
    return _objects(request, request.param, tmp_path)


def _objects(request: pytest.FixtureRequest, where: str, tmp_path: Path) -> ObjectStore:
    if where == "folder":
        return ObstoreObjects.in_folder(tmp_path / "objects")
    return ObstoreObjects(request.getfixturevalue("bucket").store)


@pytest.fixture
def bucket(s3: S3Server) -> Bucket:
    """An empty prefix of a bucket."""
    return Bucket(s3.location())


@pytest.fixture(params=["folder", "s3"])
def logs(request: pytest.FixtureRequest, tmp_path: Path) -> LogStore:
    """An empty log store."""
    if request.param == "folder":
        return FolderLogs(tmp_path / "logs")
    return ObjectLogs(request.getfixturevalue("bucket").store)


@pytest.fixture(params=["folder", "sqlite and folder", "postgresql and s3"])
async def files(request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str) -> AsyncIterator[FileStore]:
    """An empty file store."""
    names, _, contents = request.param.partition(" and ")
    if not contents:
        yield FolderFiles(tmp_path / "files")
        return
    database: Database = request.getfixturevalue(f"{names}_database")
    yield ObjectFiles(database, _objects(request, contents, tmp_path), SystemClock())
    await database.close()


@pytest.fixture
async def wakeups(request: pytest.FixtureRequest, database_kind: str, anyio_backend: str) -> AsyncIterator[WakeUps]:
    """Wake-ups nobody waits for yet: within the process on SQLite, through the server on PostgreSQL."""
    made: WakeUps = InProcessWakeUps()
    if database_kind == "postgresql":
        made = PostgresqlWakeUps(request.getfixturevalue("postgresql_url"))
    await made.open()
    yield made
    made.close()
    await made.disconnect()


@pytest.fixture(params=["file"])
def signer(tmp_path: Path) -> Signer:
    """A signer with a new key."""
    return FileSigner.from_file(tmp_path / "secret.key")


@pytest.fixture
async def desk(tmp_path: Path, database: Database, wakeups: WakeUps, signer: Signer) -> AsyncIterator[Desk]:
    """A dispatcher, and what a user does beside it."""
    async with a_desk(tmp_path, database, wakeups, signer) as made:
        yield made
