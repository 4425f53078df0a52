"""PostgreSQL: a small pool of connections, used in threads, so that the event loop never waits for the network.

Writers take turns, those of all gateways: each transaction begins with one advisory lock, which its end lets go. So a write sees
everything before it and nothing beside it, as on SQLite, and the numbers of events become visible in their order.
"""

import asyncio
import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

from sqlalchemy import URL, Connection, Engine, create_engine, make_url, text
from sqlalchemy.exc import DataError, DBAPIError, InterfaceError, OperationalError

from treadle.adapters.database.repositories import DatabaseRepositories
from treadle.domain.errors import InvalidError, OutcomeUnknownError, StorageError, StorageUnavailableError, TreadleError
from treadle.ports.repositories import Repositories

logger = logging.getLogger(__name__)

T = TypeVar("T")

_READERS = 3
_TAKE_TURN = text("SELECT pg_advisory_xact_lock(7243826)")  # any number, the same for all gateways
# A gateway that the network cuts off, or one that hangs, must not hold up the others for long.
_DISK_FULL = "53100"
_NOT_NOW = frozenset(
    {"25006", "25P03"}
)  # a server that only reads, as while another takes over; a transaction that hung
# Costs are those of disks without moving parts; statements are so short that compiling them never pays.
_OPTIONS = "-c lock_timeout=10s -c idle_in_transaction_session_timeout=30s -c random_page_cost=1.1 -c jit=off"
_CONNECTION = {
    "options": _OPTIONS,
    "application_name": "treadle",
    "connect_timeout": 5,
    # A server that is cut off, or whose machine is gone, is noticed within a minute, also where nothing is asked of it.
    "keepalives_idle": 20,
    "keepalives_interval": 10,
    "keepalives_count": 3,
    "tcp_user_timeout": 50_000,  # milliseconds; keepalives are not sent while something sent is not acknowledged
}


class PostgresqlDatabase:
    """`treadle.ports.repositories.Database` on a PostgreSQL database whose tables exist."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._reading = self._engine.execution_options(isolation_level="AUTOCOMMIT")
        # Writes of one gateway would only wait for each other in the database, and take connections from reads meanwhile.
        self._writer = ThreadPoolExecutor(1, "database-writer")
        self._readers = ThreadPoolExecutor(_READERS, "database-reader")

    async def write(self, work: Callable[[Repositories], T]) -> T:
        """Run `work` in a transaction and return what it returns, after the commit."""
        return await asyncio.get_running_loop().run_in_executor(self._writer, _translated, self._write, work)

    async def read(self, work: Callable[[Repositories], T]) -> T:
        """Run `work`, which only reads, and return what it returns."""
        return await asyncio.get_running_loop().run_in_executor(self._readers, _translated, self._read, work)

    async def close(self) -> None:
        """Release all connections, when what is under way has ended."""
        await asyncio.to_thread(self._writer.shutdown)
        await asyncio.to_thread(self._readers.shutdown)
        self._engine.dispose()

    def _write(self, work: Callable[[Repositories], T]) -> T:
        with self._engine.connect() as connection:
            _take_turn(connection)
            result = work(DatabaseRepositories.on(connection))
            try:
                connection.commit()
            except (OperationalError, InterfaceError) as error:
                logger.warning("the connection to the database was lost in the middle of a commit: %s", error.orig)
                raise OutcomeUnknownError(
                    "The database went away while this was stored; it is there now or not.",
                    hint="Look whether it is there before you send it again.",
                ) from error
            return result

    def _read(self, work: Callable[[Repositories], T]) -> T:
        try:
            return self._read_once(work)
        except DBAPIError as error:
            if not error.connection_invalidated:
                raise
            return self._read_once(work)  # it was lost while nobody used it; the pool has thrown away the others, too

    def _read_once(self, work: Callable[[Repositories], T]) -> T:
        with self._reading.connect() as connection:
            return work(DatabaseRepositories.on(connection))


def _take_turn(connection: Connection) -> None:
    """Wait for the turn to write, on a connection anew if this one was lost while nobody used it."""
    try:
        connection.execute(_TAKE_TURN)
    except DBAPIError as error:
        if not error.connection_invalidated:
            raise
        connection.rollback()
        connection.execute(_TAKE_TURN)


def postgresql_engine(url: str) -> Engine:
    """Return an engine with a small pool. That a connection was lost while nobody used it is for its user to notice.

    Asking before each use would cost as much as what is then asked.

    Args:
        url: `postgresql://user:password@host:port/name`.
    """
    return create_engine(
        _address(url),
        pool_size=_READERS + 1,
        max_overflow=0,
        connect_args=_CONNECTION,
    )


def connection_parameters(url: str) -> dict[str, Any]:
    """Return the keywords with which psycopg makes a connection as those of `postgresql_engine` are.

    Args:
        url: `postgresql://user:password@host:port/name`.
    """
    address = _address(url)
    _, parameters = address.get_dialect()().create_connect_args(address)
    return {**parameters, **_CONNECTION}


def _address(url: str) -> URL:
    return make_url(url).set(drivername="postgresql+psycopg")


def _translated(transaction: Callable[[Callable[[Repositories], T]], T], work: Callable[[Repositories], T]) -> T:
    try:
        return transaction(work)
    except DBAPIError as error:
        meaning = _meaning(error)
        if meaning is None:
            raise
        raise meaning from error


def _meaning(error: DBAPIError) -> TreadleError | None:
    """Return what an error of the driver means to who asked; None if it is no more than a fault of ours."""
    state = getattr(error.orig, "sqlstate", None)
    if isinstance(error, DataError):
        return InvalidError(f"This cannot be stored: {error.orig}.")
    if state == _DISK_FULL:
        return StorageError("The database has no room.", hint="Make room on the disk of the PostgreSQL server.")
    if isinstance(error, OperationalError | InterfaceError) or state in _NOT_NOW:
        logger.warning(
            "the database does not answer: %s", error.orig
        )  # names hosts and users, which are not for clients
        return StorageUnavailableError(
            "The database does not answer.",
            hint="Check that PostgreSQL runs and that TREADLE_DATABASE names it; the platform goes on as soon as it does.",
        )
    return None
