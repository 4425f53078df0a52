"""Opening the database of a home folder."""

from pathlib import Path

from sqlalchemy.exc import DatabaseError

from treadle.adapters.database.schema import NEWEST, current_version, upgrade
from treadle.adapters.database.sqlite import SqliteDatabase, sqlite_engine
from treadle.domain.errors import HomeFolderError


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


def is_newest(path: Path) -> bool:
    """Return whether the tables of the database in `path` have the newest version already."""
    engine = sqlite_engine(path)
    try:
        return current_version(engine) == NEWEST
    except DatabaseError:
        return False  # opening it tells why
    finally:
        engine.dispose()
