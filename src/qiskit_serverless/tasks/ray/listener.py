"""Where the workers of a program on a cluster call it.

Each lease has a secret of its own, which reaches it inside a task of Ray's. Nobody who does not know it is heard.
"""

import contextlib
import hmac
import os
import secrets
import socket
import struct
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

CONTROL, OUTPUT = 0, 1
"""What a connection is for: messages both ways; and whatever the tasks write to standard output and error."""

_SECRET_BYTES = 32
_GREETING = struct.Struct(
    f">{_SECRET_BYTES}sQBQ"
)  # secret, number of the worker, what the connection is for, process id
_GREETING_SECONDS = 30
_PAUSE_SECONDS = 0.05
_BACKLOG = 128


class Address(NamedTuple):
    """Where a worker calls.

    Attributes:
        host: Address of the program's node.
        port: Its port.
        number: Number of the worker.
        secret: By which the program knows it.
    """

    host: str
    port: int
    number: int
    secret: bytes


class Caller(NamedTuple):
    """A worker that has called.

    Attributes:
        connection: The connection.
        purpose: `CONTROL` or `OUTPUT`.
        pid: Process id on its node.
    """

    connection: socket.socket
    purpose: int
    pid: int


def call(address: Address, purpose: int) -> socket.socket:
    """Call the program from a worker.

    Raises:
        ConnectionError: It has ended.
    """
    try:
        connection = socket.create_connection((address.host, address.port))
    except OSError as error:
        raise ConnectionError(f"the program of this task cannot be reached: {error}") from error
    connection.sendall(_GREETING.pack(address.secret, address.number, purpose, os.getpid()))
    return connection


class Listener:
    """Waits for workers to call."""

    def __init__(self, host: str, on_call: Callable[[int, Caller], None]) -> None:
        """Listen on a free port.

        Args:
            host: Address of this node, as the other nodes of the cluster know it.
            on_call: Called with the number of the worker, in a thread of its own, for each that has shown its secret.
        """
        self._socket = socket.create_server((host, 0), backlog=_BACKLOG)
        self._host = host
        self._on_call = on_call
        self._secrets: dict[int, bytes] = {}
        self._closed = False
        threading.Thread(target=self._listen, name="qiskit-serverless-listener", daemon=True).start()

    def expect(self, number: int) -> Address:
        """Return where a worker with this number is to call."""
        secret = self._secrets[number] = secrets.token_bytes(_SECRET_BYTES)
        return Address(self._host, self._socket.getsockname()[1], number, secret)

    def forget(self, number: int) -> None:
        """Expect this worker no more."""
        self._secrets.pop(number, None)

    def _listen(self) -> None:
        while not self._closed:
            try:
                connection, _ = self._socket.accept()
            except OSError:  # it was closed, the caller has hung up, or no descriptor is free
                time.sleep(_PAUSE_SECONDS)
            else:
                threading.Thread(target=self._greet, args=(connection,), daemon=True).start()

    def _greet(self, connection: socket.socket) -> None:
        connection.settimeout(_GREETING_SECONDS)
        try:
            greeting = connection.recv(_GREETING.size, socket.MSG_WAITALL)
        except OSError:
            greeting = b""
        if len(greeting) < _GREETING.size:
            connection.close()
            return
        secret, number, purpose, pid = _GREETING.unpack(greeting)
        if hmac.compare_digest(secret, self._secrets.get(number, secrets.token_bytes(_SECRET_BYTES))):
            connection.setblocking(False)
            self._on_call(number, Caller(connection, purpose, pid))
        else:
            connection.close()

    def close(self) -> None:
        """Listen no more."""
        self._closed = True
        with contextlib.suppress(OSError):
            self._socket.shutdown(socket.SHUT_RDWR)  # wakes the thread
        self._socket.close()
