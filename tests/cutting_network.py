"""A network on loopback before a PostgreSQL server, which breaks in the middle of commits."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import ClassVar

from sqlalchemy import make_url

_PORT = 5432
_COMMIT = b"COMMIT\0"


class Cut(Enum):
    """Where a connection breaks."""

    BEFORE_COMMIT = "the server never hears of the commit"
    AFTER_COMMIT = "the server commits, and its answer is lost"


class CuttingNetwork(socketserver.ThreadingTCPServer):
    """Passes on what both sides send, but cuts the connections of the next commits as it is told.

    Attributes:
        cuts: What to do with the next commits; those after them pass.
    """

    daemon_threads: ClassVar[bool] = True

    def __init__(self, url: str) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        address = make_url(url)
        self.socket_path = str(Path(str(address.query["host"]), f".s.PGSQL.{_PORT}"))
        self.url = f"postgresql://postgres@127.0.0.1:{self.server_address[1]}/{address.database}?sslmode=disable"
        self.cuts: list[Cut] = []


class _Connection(socketserver.BaseRequestHandler):
    server: CuttingNetwork

    def handle(self) -> None:
        with socket.socket(socket.AF_UNIX) as server:
            server.connect(self.server.socket_path)
            self._cut: Cut | None = None
            down = threading.Thread(target=self._pass_down, args=(server,))
            down.start()
            self._pass_up(server)
            down.join()

    def _pass_up(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the other direction has ended the connection
            while data := self.request.recv(65_536):
                if _COMMIT in data and self.server.cuts:
                    self._cut = self.server.cuts.pop(0)
                if self._cut is Cut.BEFORE_COMMIT:
                    break
                server.sendall(data)
        self._end(server)

    def _pass_down(self, server: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while data := server.recv(65_536):
                if self._cut is not None:
                    break
                self.request.sendall(data)
        self._end(server)

    def _end(self, server: socket.socket) -> None:
        for end in (self.request, server):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def cutting_network(url: str) -> Iterator[CuttingNetwork]:
    """Run such a network before the server that a URL with a Unix socket names."""
    with CuttingNetwork(url) as network:
        thread = threading.Thread(target=network.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield network
        finally:
            network.shutdown()
            thread.join()
