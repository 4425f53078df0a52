"""Brings the tables of a database to the newest version."""

import contextlib
from collections.abc import Iterator
from importlib.resources import as_file, files

from sqlalchemy import Connection, Engine, inspect, text

NEWEST = "0005"
"""The newest migration. A test compares it with the migrations folder."""


def upgrade(engine: Engine, revision: str = "head") -> None:
    """Run the migrations that `engine`'s database has not seen, up to `revision`.

    Tables that a newer release has made are left as they are: each release's code runs on the tables of the next one.
    """
    if is_new_enough(engine):
        return  # spares importing alembic at each start
    from alembic import command
    from alembic.config import Config

    with as_file(files("treadle.adapters.database") / "migrations") as folder, engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        with _tables_replaceable(connection), _giving_up_soon(connection):
            command.upgrade(config, revision)
            connection.commit()


@contextlib.contextmanager
def _tables_replaceable(connection: Connection) -> Iterator[None]:
    """Let migrations put a new table in the place of an old one that others refer to, as SQLite wants it for most changes."""
    if connection.dialect.name != "sqlite":
        yield
        return
    driver = connection.connection.driver_connection  # SQLAlchemy would begin a transaction, in which these do nothing
    assert driver is not None  # noqa: S101  (the connection is open)
    driver.execute("PRAGMA foreign_keys = OFF")
    yield
    driver.execute("PRAGMA foreign_keys = ON")


@contextlib.contextmanager
def _giving_up_soon(connection: Connection) -> Iterator[None]:
    """Let migrations on PostgreSQL wait for a table no longer than two seconds: all others wait behind them."""
    if connection.dialect.name != "postgresql":
        yield
        return
    connection.execute(text("SET lock_timeout = '2s'"))
    connection.commit()
    try:
        yield
    finally:
        connection.invalidate()  # nobody else gets it with this setting


def is_new_enough(engine: Engine) -> bool:
    """Return whether the tables need no migration of this release."""
    version = current_version(engine)
    return version is not None and version >= NEWEST


def current_version(engine: Engine) -> str | None:
    """Return the newest migration that the database has seen, None for an empty one."""
    if not inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
