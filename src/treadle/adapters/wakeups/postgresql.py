"""Wake-ups between processes that share a PostgreSQL database, by its LISTEN and NOTIFY.

Whoever waits in this process is woken at once. The others hear of it through the server: one connection sends what was published,
another one listens. Topics that are published while others are on their way travel together, each once.

A publication is a hint, made after the commit it tells of, and those who wait look again by themselves after a while. So it never
fails and never waits: what cannot be sent now is sent when the database is back, and whoever could not listen for a while wakes
everybody, since something may have been missed.
"""

import asyncio
import logging
import random
import secrets
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractContextManager, suppress
from typing import TypeAlias

import psycopg

from treadle.adapters.database.postgresql import connection_parameters
from treadle.adapters.wakeups.in_process import EventSubscription, InProcessWakeUps

logger = logging.getLogger(__name__)

_Connection: TypeAlias = psycopg.AsyncConnection[tuple[object, ...]]

_LISTEN = "LISTEN treadle_wakeups"
_NOTIFY = "SELECT pg_notify('treadle_wakeups', payload) FROM unnest(%s::text[]) AS payload"
_LARGEST_PAYLOAD = 7999  # bytes; PostgreSQL refuses 8000
_MOST_UNSENT = 10_000  # topics; more of them travel as one word for all
_EVERYBODY = "*"
_FIRST_PAUSE = 0.1
_LONGEST_PAUSE = 10.0
_LAST_SECONDS = 1.0  # that the end of the platform waits for what is still to be sent


class PostgresqlWakeUps:
    """`treadle.ports.wakeups.WakeUps` among all processes that use one PostgreSQL database."""

    def __init__(self, url: str) -> None:
        self._parameters = connection_parameters(url)
        self._local = InProcessWakeUps()
        self._name = secrets.token_hex(8)  # by which this process knows its own publications
        self._unsent: set[str] = set()
        self._something_unsent = asyncio.Event()
        self._tried_to_listen = asyncio.Event()
        self._leaving = False
        self._listening: asyncio.Task[None] | None = None
        self._sending: asyncio.Task[None] | None = None

    @property
    def closed(self) -> bool:
        """Whether the platform is shutting down."""
        return self._local.closed

    async def open(self) -> None:
        """Begin to exchange publications. A server that does not answer now is tried again, not waited for."""
        self._listening = asyncio.create_task(self._stay_connected(self._listen))
        self._sending = asyncio.create_task(self._stay_connected(self._send))
        await self._tried_to_listen.wait()

    def publish(self, topic: str) -> None:
        """Wake everybody who waits for `topic`, in this process at once and in the others as soon as they hear of it."""
        self._local.publish(topic)
        self._unsent.add(_on_its_way(topic) if len(self._unsent) < _MOST_UNSENT else _EVERYBODY)
        self._something_unsent.set()

    def subscribe(self, topic: str) -> AbstractContextManager[EventSubscription]:
        """Begin to take interest in `topic`."""
        return self._local.subscribe(topic)

    def close(self) -> None:
        """Wake everybody in this process, for good."""
        self._local.close()

    async def disconnect(self) -> None:
        """Send what is still to be sent, unless that takes long, and end the exchange."""
        self._leaving = True
        self._something_unsent.set()
        if self._sending is None or self._listening is None:
            return
        await asyncio.wait([self._sending], timeout=_LAST_SECONDS)
        for task in (self._sending, self._listening):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _stay_connected(self, use: Callable[[_Connection], Awaitable[None]]) -> None:
        """Use a connection until `use` returns; when it breaks, use a new one, after pauses that grow while none lasts."""
        pauses, now = growing_pauses(), asyncio.get_running_loop().time
        while True:
            began = now()
            try:
                async with await psycopg.AsyncConnection.connect(**self._parameters, autocommit=True) as connection:
                    return await use(connection)
            except (psycopg.Error, OSError) as error:
                logger.warning("wake-ups of other processes wait for the database: %s", error)
                self._tried_to_listen.set()
            if now() - began > _LONGEST_PAUSE:
                pauses = growing_pauses()
            await asyncio.sleep(next(pauses))

    async def _listen(self, connection: _Connection) -> None:
        await connection.execute(_LISTEN)
        self._local.wake_everybody()  # nobody listened until now
        self._tried_to_listen.set()
        async for notification in connection.notifies():
            self._hear(notification.payload)

    def _hear(self, payload: str) -> None:
        sender, *topics = payload.split("\n")
        if sender == self._name:
            return
        for topic in topics:
            if topic == _EVERYBODY:
                self._local.wake_everybody()
            else:
                self._local.publish(topic)

    async def _send(self, connection: _Connection) -> None:
        await connection.execute("SET synchronous_commit = off")  # a hint need not survive a power cut
        while self._unsent or not self._leaving:
            await self._something_unsent.wait()
            self._something_unsent.clear()
            topics, self._unsent = self._unsent, set()
            try:
                await connection.execute(_NOTIFY, [list(_payloads(self._name, topics))])
            except psycopg.Error:
                self._unsent |= topics
                self._something_unsent.set()
                raise


def growing_pauses() -> Iterator[float]:
    """Yield seconds to wait before each further try to connect, by chance a bit less: not all processes shall come at once."""
    pause = _FIRST_PAUSE
    while True:
        yield pause * random.uniform(0.5, 1)  # noqa: S311
        pause = min(2 * pause, _LONGEST_PAUSE)


def _on_its_way(topic: str) -> str:
    """Return what stands for a topic in a payload."""
    fits = len(topic) < _LARGEST_PAYLOAD / 2 and topic.isascii() and topic.isprintable()
    return topic if fits else _EVERYBODY


def _payloads(sender: str, topics: set[str]) -> Iterator[str]:
    """Yield payloads that hold all topics, a line each after one for who sends them."""
    payload = sender
    for topic in topics:
        if len(payload) + 1 + len(topic) > _LARGEST_PAYLOAD:
            yield payload
            payload = sender
        payload = f"{payload}\n{topic}"
    yield payload
