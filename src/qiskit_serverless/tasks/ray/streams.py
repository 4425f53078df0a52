"""Messages over TCP: each a length, then one pickled tuple of the message and what travels beside it."""

import pickle
import select
import socket
import struct
from collections import deque
from collections.abc import Sequence
from typing import Any

from qiskit_serverless.tasks.messages import Message

_LENGTH = struct.Struct(">Q")
_READ_BYTES = 256 * 2**10
_COPY_BYTES = 64 * 2**10


class Stream:
    """One end of a connection. Whether it waits is up to the socket: it raises `BlockingIOError` where that would."""

    def __init__(self, connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        self._connection = connection
        self._received = bytearray()
        self._unsent: deque[memoryview] = deque()

    def fileno(self) -> int:
        """Return the descriptor of the socket."""
        return self._connection.fileno()

    def send(self, message: Message, handles: Sequence[Any]) -> None:
        """Send a message, or as much of it as there is room for; `flush` sends the rest.

        Raises:
            BlockingIOError: Some of it still has to be sent.
            ConnectionError: The other side has gone.
        """
        data = pickle.dumps((message, tuple(handles)), 5)
        head = _LENGTH.pack(len(data))
        parts = [head, data] if len(data) > _COPY_BYTES else [head + data]
        self._unsent.extend(map(memoryview, parts))
        self.flush()

    def flush(self) -> None:
        """Send what has not been sent; raises as `send` does."""
        while self._unsent:
            sent = self._connection.send(self._unsent[0])
            rest = self._unsent[0][sent:]
            if rest.nbytes:
                self._unsent[0] = rest
            else:
                self._unsent.popleft()

    def receive(self) -> tuple[Message, list[Any]] | None:
        """Return the next message and what travelled beside it, or None if the other side has gone.

        Raises:
            BlockingIOError: There is none.
        """
        head = self._take(_LENGTH.size, keep=True)
        if head is None:
            return None
        (length,) = _LENGTH.unpack(head)
        data = self._take(_LENGTH.size + length)
        if data is None:
            return None
        message, handles = pickle.loads(memoryview(data)[_LENGTH.size :])  # noqa: S301  (the connection is ours)
        return message, list(handles)

    def _take(self, size: int, *, keep: bool = False) -> bytes | None:
        while len(self._received) < size:
            try:
                more = self._connection.recv(_READ_BYTES)
            except ConnectionError:
                return None
            if not more:
                return None
            self._received += more
        data = bytes(memoryview(self._received)[:size])
        if not keep:
            del self._received[:size]
        return data

    def is_readable(self, timeout: float | None) -> bool:
        """Wait until there is something to receive; say whether there is."""
        if len(self._received) >= _LENGTH.size:
            return True
        poll = select.poll()
        poll.register(self._connection, select.POLLIN)
        return bool(poll.poll(None if timeout is None else timeout * 1000))

    def close(self) -> None:
        """Hang up."""
        self._connection.close()
