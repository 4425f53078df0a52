"""SQLite: one writer and one reader connection, both used in the event loop.

A point read takes some 10 microseconds and a commit some 200, less than handing the work to a thread and back. One writer
also means that no transaction of this process ever waits for another.
"""

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, StaticPool, create_engine, event
from sqlalchemy.exc import OperationalError

from treadle.adapters.database.repositories import DatabaseRepositories
from treadle.domain.errors import StorageError
from treadle.ports.repositories import Repositories

T = TypeVar("T")

_PRAGMAS = (
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # a commit survives a power failure
    "PRAGMA foreign_keys = ON",
    "PRAGMA busy_timeout = 5000",
)


class SqliteDatabase:
    """`treadle.ports.repositories.Database` on a SQLite file whose tables exist."""

    def __init__(self, path: Path) -> None:
        self._writer_engine = sqlite_engine(path)
        self._reader_engine = sqlite_engine(path, read_only=True)
        self._writer = self._writer_engine.connect()
        self._reader = self._reader_engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        self._writing: Repositories = DatabaseRepositories.on(self._writer)
        self._reading: Repositories = DatabaseRepositories.on(self._reader)

    async def write(self, work: Callable[[Repositories], T]) -> T:
        """Run `work` in a transaction and return what it returns, after the commit."""
        try:
            with self._writer.begin():
                return work(self._writing)
        except OperationalError as error:
            raise StorageError(
                f"The database cannot be written: {error.orig}.",
                hint="Check that the platform's disk has room and that its home folder can be written.",
            ) from error

    async def read(self, work: Callable[[Repositories], T]) -> T:
        """Run `work`, which only reads, and return what it returns."""
        return work(self._reading)

    async def close(self) -> None:
        """Release all connections."""
        for connection, engine in ((self._writer, self._writer_engine), (self._reader, self._reader_engine)):
            connection.close()
            engine.dispose()


def sqlite_engine(path: Path, *, read_only: bool = False) -> Engine:
    """Return an engine with a single connection to a SQLite file, which is made if it does not exist."""
    engine = create_engine(
        "sqlite+pysqlite://",
        creator=lambda: _connect(path, read_only),
        poolclass=StaticPool,
    )
    event.listen(engine, "begin", _begin_reading if read_only else _begin_writing)
    return engine


def _connect(path: Path, read_only: bool) -> sqlite3.Connection:
    # Transactions are begun by _begin_writing: the driver's own rules would begin them late and only for some statements.
    connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
    for pragma in _PRAGMAS:
        connection.execute(pragma)
    if read_only:
        connection.execute("PRAGMA query_only = ON")
    return connection


def _begin_writing(connection: Connection) -> None:
    connection.exec_driver_sql("BEGIN IMMEDIATE")  # take the write lock now, not at the first write


def _begin_reading(_: Connection) -> None:
    """Begin nothing: each statement of a reader is a transaction of its own."""
