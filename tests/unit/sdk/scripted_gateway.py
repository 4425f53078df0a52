"""A real HTTP server on loopback that answers what a test tells it to, and remembers what it was asked."""

import contextlib
import json
import socket
import threading
from collections import defaultdict, deque
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, ClassVar
from urllib.parse import parse_qsl, urlsplit

PROGRAMS = "/api/v1/programs/"


@dataclass(frozen=True)
class Answer:
    """What to answer.

    Attributes:
        body: JSON value, or bytes as they are.
        status: HTTP status.
        headers: Further headers.
        cut: Break the connection: "before" anything is sent, "after" what there is of the body, or "never": leave it open.
    """

    body: Any = field(default_factory=dict)
    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: str = ""

    @property
    def content(self) -> bytes:
        return self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()


def stream(*events: tuple[str, dict[str, Any], str], cut: str = "after") -> Answer:
    """A stream of server-sent events: name, data, id. It ends with a broken connection; ``cut=""`` for a clean end."""
    lines = [f"event: {name}\ndata: {json.dumps(data)}\nid: {number}\n\n" for name, data, number in events]
    return Answer("".join(lines).encode(), headers={"Content-Type": "text/event-stream"}, cut=cut)


@dataclass(frozen=True)
class Request:
    """What was asked."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes
    connection: int

    @property
    def json(self) -> Any:
        return json.loads(self.body)


class ScriptedGateway:
    """The server. What it has no answer for is a 404 in HTML, as on the incumbent's gateway."""

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._answers: dict[tuple[str, str], deque[Answer]] = defaultdict(deque)
        self.over = threading.Event()
        handler = type("HandlerOfThisGateway", (Handler,), {"gateway": self})
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
        self._server.daemon_threads = True  # a client may leave its connection open
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.01,))
        self.answer("GET", PROGRAMS, Answer([]))

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, method: str, path: str, *answers: Any) -> None:
        """Answer such requests with these, one after the other; the last one for ever."""
        self._answers[method, path] = deque(each if isinstance(each, Answer) else Answer(each) for each in answers)

    def asked(self, method: str, path: str) -> list[Request]:
        return [request for request in self.requests if (request.method, request.path) == (method, path)]

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        self.over.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def next_answer(self, request: Request) -> Answer:
        self.requests.append(request)
        answers = self._answers.get((request.method, request.path))
        if not answers:
            return Answer(b"<html>Not Found</html>", 404, {"Content-Type": "text/html"})
        return answers.popleft() if len(answers) > 1 else answers[0]


class Handler(BaseHTTPRequestHandler):
    """One connection to the server."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    gateway: ClassVar[ScriptedGateway]

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):  # the client has gone
            super().handle()

    def respond(self) -> None:
        answer = self.gateway.next_answer(self.read_request())
        if answer.cut == "before":
            self.close_connection = True
            return
        self.send_response(answer.status)
        length = len(answer.content) + (1 if answer.cut else 0)
        for name, value in {"Content-Length": str(length), **answer.headers}.items():
            self.send_header(name, value)
        self.end_headers()
        if answer.status != HTTPStatus.NO_CONTENT:
            self.wfile.write(answer.content)
        if answer.cut == "never":
            self.gateway.over.wait()
        self.close_connection = bool(answer.cut)

    do_GET = do_POST = do_DELETE = respond  # noqa: N815  (names of the standard library)

    def read_request(self) -> Request:
        parts = urlsplit(self.path)
        return Request(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query)),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(int(self.headers.get("Content-Length") or 0)),
            self.client_address[1],
        )

    def log_message(self, format: str, *args: Any) -> None:
        """Stay quiet."""


@contextmanager
def scripted_gateway() -> Iterator[ScriptedGateway]:
    gateway = ScriptedGateway()
    gateway.start()
    yield gateway
    gateway.close()


def refused_url() -> str:
    """A URL at which nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"
