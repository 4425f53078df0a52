"""The other side of the wire: a small HTTP server that speaks the runner protocol and keeps what it is told.

It can be switched off and on again, can refuse attempts, and does not answer if told so. Tests wait for what it is told,
never for a time.
"""

import hashlib
import io
import json
import re
import tarfile
import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

from tests.conformance.stored_spaces import Answer, StoredSpaces
from treadle.domain.outcome import Outcome

PATIENCE = 30.0
_ROUTE = re.compile(r"/api/runner/v1/jobs/([^/]+)/attempts/(\d+)/([\w/]+?)/?")


@dataclass
class Attempt:
    """One attempt as the gateway knows it.

    Attributes:
        job_id: The job.
        number: The attempt.
        token: What its supervisor must show.
        artifact: The tar file, None for a function without one.
        arguments: The arguments as submitted.
        tried: Names of the calls that arrived, in order.
        calls: Names of those that were accepted.
        stages: The stages that were reported.
        log: The log so far.
        files: The job's files.
        pause: Seconds to let pass between two parts of it.
        result: The result, once there is one.
        upload: What is answered to the question where a large result shall go: nothing means, to the gateway.
        outcome: The end, once there is one.
        stop: What heartbeats are answered.
        refusal: HTTP status with which every call is answered, None to serve it.
        refused: The same by name of a call.
        on_call: What is done, once, when a call of this name was taken or refused, before it is answered.
    """

    job_id: str
    number: int
    token: str
    artifact: bytes | None
    arguments: bytes
    tried: list[str] = field(default_factory=list)
    calls: list[str] = field(default_factory=list)
    stages: list[str] = field(default_factory=list)
    log: bytes = b""
    files: StoredSpaces = field(default_factory=StoredSpaces)
    pause: float = 0.0
    result: bytes | None = None
    upload: dict[str, Any] = field(default_factory=dict)
    outcome: Outcome | None = None
    stop: bool = False
    refusal: int | None = None
    refused: dict[str, int] = field(default_factory=dict)
    on_call: dict[str, Callable[[], object]] = field(default_factory=dict)

    @property
    def digest(self) -> str:
        """The key of its artifact."""
        return hashlib.sha256(self.artifact).hexdigest() if self.artifact is not None else ""

    @property
    def text(self) -> str:
        """The log as text."""
        return self.log.decode()


class RunnerGateway:
    """A running server."""

    def __init__(self) -> None:
        self.changed = threading.Condition()
        self._attempts: dict[tuple[str, int], Attempt] = {}
        self._port = 0
        self._server: _Server | None = None
        self._port = self.on()

    @property
    def url(self) -> str:
        """Base URL; the same whenever it is on, unless it was moved."""
        return f"http://127.0.0.1:{self._port}"

    def add(self, artifact: bytes | None, arguments: bytes = b"{}") -> Attempt:
        """Make the first attempt at a new job."""
        attempt = Attempt(str(uuid.uuid4()), 1, uuid.uuid4().hex, artifact, arguments)
        self._attempts[attempt.job_id, 1] = attempt
        return attempt

    def on(self) -> int:
        """Answer. Returns the port."""
        self._server = _Server(("127.0.0.1", self._port), self)
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()
        return int(self._server.server_address[1])

    def off(self) -> None:
        """Be gone: refuse connections, drop those that are open."""
        assert self._server is not None
        self._server.leave()
        self._server = None

    def move(self) -> None:
        """Be gone, and come back at another port."""
        self.close()
        self._port = 0
        self._port = self.on()

    def close(self) -> None:
        """Be gone for good."""
        if self._server is not None:
            self.off()

    def wait(self, condition: Callable[[], Any], what: str) -> None:
        """Wait until a condition holds, looking whenever the gateway was told something."""
        with self.changed:
            assert self.changed.wait_for(condition, PATIENCE), f"waited in vain for {what}"

    def outcome(self, attempt: Attempt) -> Outcome:
        """Wait for the end of an attempt and return it."""
        self.wait(lambda: attempt.outcome, f"the end of the job; its log: {attempt.log!r}, its calls: {attempt.calls}")
        assert attempt.outcome is not None
        return attempt.outcome

    def answer(self, method: str, target: str, headers: Message, body: bytes) -> Answer:
        """Return status, body and headers of the answer to a request."""
        route = _ROUTE.fullmatch(urlsplit(target).path)
        attempt = self._attempts.get((route[1], int(route[2]))) if route else None
        if route is None or attempt is None:
            return 404, b'{"message": "no such attempt"}', {}
        if headers.get("Authorization") != f"Bearer {attempt.token}":
            return 401, b'{"detail": "not your token"}', {}
        with self.changed:
            try:
                query = parse_qs(urlsplit(target).query)
                return self._serve(attempt, method, route[3], query, headers.get("Range"), body)
            finally:
                attempt.on_call.pop(route[3], lambda: None)()
                self.changed.notify_all()

    def _serve(
        self, attempt: Attempt, method: str, name: str, query: dict[str, list[str]], part: str | None, body: bytes
    ) -> Answer:
        attempt.tried.append(name)
        refusal = attempt.refused.get(name, attempt.refusal)
        if refusal is None and attempt.outcome is not None:
            refusal = 409  # over
        if refusal is not None:
            return refusal, b'{"message": "refused by the test"}', {}
        attempt.calls.append(name)
        if name.startswith("files/"):
            return attempt.files.answer(method, name.removeprefix("files/"), query.get("file", [""])[0], part, body)
        if method == "GET":
            found = attempt.artifact if name == "artifact" else attempt.arguments
            return (200, found, {}) if found is not None else (404, b'{"message": "not here"}', {})
        return 200, json.dumps(self._take(attempt, name, query, body)).encode(), {}

    def _take(self, attempt: Attempt, name: str, query: dict[str, list[str]], body: bytes) -> dict[str, Any]:
        match name:
            case "logs":
                known = len(attempt.log) - int(query["offset"][0])
                attempt.log += body[known:] if known >= 0 else b""
                return {"length": len(attempt.log), "pause": attempt.pause}
            case "result":
                attempt.result = body
            case "result/upload":
                return attempt.upload
            case "status":
                stage = json.loads(body)["sub_status"]
                if attempt.stages[-1:] != [stage]:  # a call is repeated when its answer was lost
                    attempt.stages.append(stage)
            case "finished":
                attempt.outcome = Outcome.from_dict(json.loads(body))
            case "started" | "heartbeat":
                return {"stop": attempt.stop}
        return {}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, address: tuple[str, int], gateway: RunnerGateway) -> None:
        super().__init__(address, _Handler)
        self.gateway = gateway
        self._connections: set[Any] = set()

    def process_request(self, request: Any, client_address: Any) -> None:
        self._connections.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self._connections.discard(request)
        super().shutdown_request(request)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing: connections break here because tests break them."""

    def leave(self) -> None:
        self.shutdown()
        self.server_close()
        for connection in list(self._connections):
            self.shutdown_request(connection)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # one segment per answer
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, answer, headers = self.server.gateway.answer(self.command, self.path, self.headers, body)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)

    do_POST = do_PUT = do_GET  # noqa: N815

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


def tar_of(files: dict[str, str]) -> bytes:
    """Return a tar file of some text files."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(text.encode())
            tar.addfile(member, io.BytesIO(text.encode()))
    return buffer.getvalue()
