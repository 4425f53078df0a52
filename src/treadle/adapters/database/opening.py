"""Opening the database of a platform, and bringing its tables to the newest version."""

import logging
import time
from pathlib import Path

from sqlalchemy import Engine, text
from sqlalchemy.exc import ArgumentError, DatabaseError, OperationalError

from treadle.adapters.database.postgresql import PostgresqlDatabase, postgresql_engine
from treadle.adapters.database.schema import is_new_enough, upgrade
from treadle.adapters.database.sqlite import SqliteDatabase, sqlite_engine
from treadle.domain.errors import HomeFolderError, SettingsError, StorageError

logger = logging.getLogger(__name__)

_TRY_LOCK = text("SELECT pg_try_advisory_lock(7243827)")
_UNLOCK = text("SELECT pg_advisory_unlock(7243827)")
_LOCK_NOT_AVAILABLE = "55P03"
_TRIES = 30
_PAUSE = 0.5  # seconds


def open_database(path: Path) -> SqliteDatabase:
    """Open the database in `path` and bring its tables to the newest version; make it if there is none.

    Raises:
        HomeFolderError: It cannot be opened.
    """
    try:
        engine = sqlite_engine(path)
        upgrade(engine)
        engine.dispose()
        return SqliteDatabase(path)
    except DatabaseError as error:
        raise HomeFolderError(
            f"The database {path} cannot be opened: {error.orig}.",
            hint="Bring back a copy of it that is whole, or choose another folder with --home or TREADLE_HOME.",
        ) from error


def open_postgresql(url: str) -> PostgresqlDatabase:
    """Open a PostgreSQL database and bring its tables to the newest version; an empty one gets them.

    Raises:
        SettingsError: The URL names no PostgreSQL database, or the driver is not installed.
        StorageError: The database cannot be reached, or refuses.
    """
    engine = _engine(url)
    try:
        if not is_new_enough(engine):
            _upgrade_alone(engine)
        return PostgresqlDatabase(engine)
    except DatabaseError as error:
        engine.dispose()
        raise StorageError(
            f"The database of TREADLE_DATABASE cannot be opened: {_in_one_line(error.orig)}.",
            hint="Check its address, user, password and database, that PostgreSQL runs there and that the user may make tables.",
        ) from error


def _in_one_line(error: BaseException | None) -> str:
    """Return the words of a database driver, which come in several lines and with an end of their own."""
    return " ".join(str(error).split()).rstrip(".?")


def _upgrade_alone(engine: Engine) -> None:
    """Upgrade the tables; of several platforms that start at once, one does, and the others wait for it."""
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        while not connection.execute(
            _TRY_LOCK
        ).scalar():  # a statement that waited here would hold up CREATE INDEX CONCURRENTLY
            time.sleep(_PAUSE)
        try:
            _upgrade_with_patience(engine)
        finally:
            connection.execute(_UNLOCK)


def _upgrade_with_patience(engine: Engine) -> None:
    """Upgrade the tables. A table that others use for long is left to them, and tried again: who waits for it holds up all."""
    for patience in range(_TRIES, -1, -1):
        try:
            upgrade(engine)
        except OperationalError as error:
            if not patience or getattr(error.orig, "sqlstate", None) != _LOCK_NOT_AVAILABLE:
                raise
            logger.warning("the tables are in use, their upgrade is tried again: %s", error.orig)
            time.sleep(_PAUSE)
        else:
            return


def _engine(url: str) -> Engine:
    hint = "It looks like this: postgresql://user:password@host:5432/name."
    if not url.startswith(("postgresql://", "postgres://")):
        raise SettingsError("TREADLE_DATABASE is no URL of a PostgreSQL database.", hint=hint)
    try:
        return postgresql_engine(url)
    except (ArgumentError, ValueError):
        raise SettingsError("TREADLE_DATABASE cannot be read.", hint=hint) from None  # the error would show the URL
    except ImportError as error:
        raise SettingsError(
            "TREADLE_DATABASE names PostgreSQL, whose driver is not installed.",
            hint='Install it: pip install "treadle[server,postgresql]".',
        ) from error


def is_newest(path: Path) -> bool:
    """Return whether the tables of the database in `path` have the newest version already."""
    engine = sqlite_engine(path)
    try:
        return is_new_enough(engine)
    except DatabaseError:
        return False  # opening it tells why
    finally:
        engine.dispose()
