"""A network on loopback between a client and a gateway, which breaks."""

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager


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
        self._left = limit
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def break_again(self, limit: int) -> None:
        """Pass on so many bytes more, then break once more."""
        with self._lock:
            self._left, self.broken = limit, False

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
        with socket.create_connection(("127.0.0.1", self.server.gateway_port)) as gateway:
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
