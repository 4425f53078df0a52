"""A platform in parts, for tests: gateways and dispatchers as processes with homes of their own, behind a load balancer."""

import contextlib
import secrets
import socket
import socketserver
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from qiskit_serverless import ServerlessClient
from tests.running_platform import RunningPlatform, start_platform
from treadle.domain.tokens import new_token


class LoadBalancer(socketserver.ThreadingTCPServer):
    """Gives each connection to the next gateway that answers. A connection ends with the gateway it was given to."""

    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Connection)
        self._ports: list[int] = []
        self._lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}"

    def add(self, gateway_url: str) -> None:
        """Let a gateway have its share from now on."""
        self._ports.append(int(gateway_url.rsplit(":", 1)[1]))

    def connect(self) -> socket.socket | None:
        """Return a connection to the gateway whose turn it is, else to any, None if none answers."""
        with self._lock:
            self._ports.append(self._ports.pop(0))
            ports = list(self._ports)
        for port in ports:
            with contextlib.suppress(ConnectionRefusedError):
                return socket.create_connection(("127.0.0.1", port))
        return None


class _Connection(socketserver.BaseRequestHandler):
    server: LoadBalancer

    def handle(self) -> None:
        gateway = self.server.connect()
        if gateway is None:
            return
        with gateway:
            up = threading.Thread(target=_pass_on, args=(self.request, gateway), daemon=True)
            up.start()
            _pass_on(gateway, self.request)
            up.join()


def _pass_on(source: socket.socket, target: socket.socket) -> None:
    with contextlib.suppress(OSError):  # the other direction has ended the connection
        while data := source.recv(65_536):
            target.sendall(data)
    for end in (source, target):
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)


@dataclass
class Parts:
    """A platform of two gateways and two dispatchers."""

    balancer: LoadBalancer
    gateways: list[RunningPlatform]
    dispatchers: list[RunningPlatform]
    token: str

    @property
    def all(self) -> list[RunningPlatform]:
        return [*self.gateways, *self.dispatchers]

    def client(self, url: str | None = None) -> ServerlessClient:
        """Return a client of the owner at the load balancer, or at one gateway."""
        return ServerlessClient(token=self.token, host=url or self.balancer.url)


@contextmanager
def platform_in_parts(**settings: str) -> Iterator[Parts]:
    """Run a platform of two gateways and two dispatchers, with a database and a bucket that the settings name."""
    token = new_token()
    with LoadBalancer() as balancer, contextlib.ExitStack() as stack:
        serving = threading.Thread(target=balancer.serve_forever, args=(0.01,))
        serving.start()
        stack.callback(serving.join)
        stack.callback(balancer.shutdown)
        shared = {
            "TREADLE_SECRET_KEY": secrets.token_hex(32),
            "TREADLE_OWNER_TOKEN": token,
            "TREADLE_URL": balancer.url,
            "TREADLE_ENGINE": "local",
            **settings,
        }
        parts = Parts(balancer, [], [], token)
        for role, started in (("gateway", parts.gateways), ("dispatcher", parts.dispatchers)) * 2:
            started.append(start_platform(TREADLE_ROLE=role, **shared))
            stack.callback(started[-1].close)
            if role == "gateway":
                balancer.add(started[-1].url)
        yield parts
