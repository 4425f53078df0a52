"""Brings the tables of a database to the newest version."""

from importlib.resources import as_file, files

from sqlalchemy import Engine, inspect, text

NEWEST = "0001"
"""The newest migration. A test compares it with the migrations folder."""


def upgrade(engine: Engine) -> None:
    """Run the migrations that `engine`'s database has not seen."""
    if current_version(engine) == NEWEST:
        return  # spares importing alembic at each start
    from alembic import command
    from alembic.config import Config

    with as_file(files("treadle.adapters.database") / "migrations") as folder, engine.connect() as connection:
        config = Config()
        config.set_main_option("script_location", str(folder))
        config.set_main_option("path_separator", "os")
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()


def current_version(engine: Engine) -> str | None:
    """Return the newest migration that the database has seen, None for an empty one."""
    if not inspect(engine).has_table("alembic_version"):
        return None
    with engine.connect() as connection:
        return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
