"""A network on loopback between a client and a gateway, which breaks."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class BreakingNetwork(socketserver.ThreadingTCPServer):
    """Passes on what both sides send, until `limit` bytes in all: then it breaks that connection, and is good from then on.

    Attributes:
        broken: Whether it has broken a connection.
    """

    daemon_threads = True

    def __init__(self, gateway_url: str, limit: int) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self.gateway_port = int(gateway_url.rsplit(":", 1)[1])
        self.broken = False
        self._away = False
        self._open: set[socket.socket] = set()
        self._left = limit
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def break_again(self, limit: int) -> None:
        """Pass on so many bytes more, then break once more."""
        with self._lock:
            self._left, self.broken = limit, False

    def go_away(self) -> None:
        """Break all connections, those that are made from now on included."""
        self._away = True
        for connection in list(self._open):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def come_back(self) -> None:
        """Be a network again."""
        self._away = False

    def verify_request(self, request: socket.socket | tuple[bytes, socket.socket], client_address: Any) -> bool:
        """Let nobody in while it is away."""
        return not self._away

    @contextmanager
    def known(self, connection: socket.socket) -> Iterator[None]:
        """Remember a connection while it is open."""
        self._open.add(connection)
        try:
            yield
        finally:
            self._open.remove(connection)

    def breaks(self, size: int) -> bool:
        """Return whether it breaks with these bytes."""
        with self._lock:
            self._left -= size
            breaks = self._left < 0 and not self.broken
            self.broken = self.broken or breaks
            return breaks


class _Connection(socketserver.BaseRequestHandler):
    server: BreakingNetwork

    def handle(self) -> None:
        with socket.create_connection(("127.0.0.1", self.server.gateway_port)) as gateway, self.server.known(gateway):
            up = threading.Thread(target=self.pass_on, args=(self.request, gateway))
            up.start()
            self.pass_on(gateway, self.request)
            up.join()

    def pass_on(self, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):  # the other direction has ended the connection
            while (data := source.recv(65_536)) and not self.server.breaks(len(data)):
                target.sendall(data)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


@contextmanager
def breaking_network(gateway_url: str, limit: int) -> Iterator[BreakingNetwork]:
    """Run such a network."""
    with BreakingNetwork(gateway_url, limit) as network:
        thread = threading.Thread(target=network.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield network
        finally:
            network.shutdown()
            thread.join()
