"""The connection of one attempt to the gateway: the client side of the runner protocol in docs/architecture.md."""

import contextlib
import http.client
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO
from urllib.parse import urlsplit

from qiskit_serverless import object_store
from qiskit_serverless.encodings import LOCATED, LOCATION_HEADER, LOCATION_TYPE
from treadle.domain.launch import HEARTBEAT_SECONDS

_CONNECT_TIMEOUT = 2.0
_TIMEOUT = 10.0
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0
_OVER = frozenset({401, 404, 409, 410})
_TEMPORARY = frozenset({408, 425, 429})
_BLOCK = 1 << 20


class GatewayAwayError(Exception):
    """The gateway did not answer, or not in a way that settles the call: repeat it at `Gateway.retry_at`."""


class AttemptOverError(Exception):
    """The gateway wants nothing more from this attempt.

    Attributes:
        status: HTTP status of the answer that said so.
    """

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


class RefusedError(Exception):
    """The gateway does not accept this very call; repeating it is of no use."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call of the runner protocol.

    Attributes:
        method: HTTP method.
        path: Path below that of the attempt.
        body: What is sent; a file is sent from its start.
    """

    method: str
    path: str
    body: bytes | BinaryIO = b"{}"


class Gateway:
    """A kept-alive connection for one attempt. Calls follow one another.

    Attributes:
        heartbeat_seconds: Time between two signs of life.
        retry_at: Time (`time.monotonic`) before which a failed call should not be repeated.
    """

    def __init__(
        self,
        url: str,
        job_id: str,
        attempt: int,
        token: str,
        address_file: Path,
        heartbeat_seconds: float = HEARTBEAT_SECONDS,
    ) -> None:
        """Make a connection; it is opened with the first call.

        Args:
            url: Base URL of the gateway.
            job_id: The job.
            attempt: Number of the attempt.
            token: Token of the attempt.
            address_file: ``gateway.json``; read again when the gateway is away, for it may come back at another address.
            heartbeat_seconds: Time between two signs of life.
        """
        self._url = url
        self._job = f"/api/runner/v1/jobs/{job_id}/attempts/{attempt}/"
        self._headers = {"Authorization": f"Bearer {token}", LOCATION_HEADER: LOCATED}
        self._address_file = address_file
        self._connection: http.client.HTTPConnection | None = None
        self._proven = False
        self._pause = 0.0
        self._heartbeat_due = 0.0
        self.heartbeat_seconds = heartbeat_seconds
        self.retry_at = 0.0

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when the answer to `begin` arrives."""
        assert self._connection is not None and self._connection.sock is not None  # noqa: S101, PT018  (begin was called)
        return self._connection.sock.fileno()

    def begin(self, call: Call) -> None:
        """Send a call.

        Raises:
            GatewayAwayError: It could not be sent.
        """
        try:
            self._send(call)
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from error

    def finish(self) -> bytes:
        """Receive the answer to the call that was begun; return its body.

        Raises:
            GatewayAwayError: There is none, or it says that the gateway has trouble.
            AttemptOverError: The attempt is over.
            RefusedError: The call was refused for good.
        """
        return self._receive(None)

    def call(self, call: Call) -> bytes:
        """Do a whole call; raises what `begin` and `finish` raise."""
        self.begin(call)
        return self.finish()

    def download(self, path: str, target: BinaryIO) -> None:
        """Do a GET and write the answer's body to a file; raises what `call` raises."""
        self.begin(Call("GET", path, b""))
        location = self._receive(target)
        if location:
            self._download_located(path, answer_object(location), target)

    def _download_located(self, path: str, location: dict[str, Any], target: BinaryIO) -> None:
        """Fetch what lies in the object store; by the gateway if the store cannot be reached from this machine."""
        try:
            object_store.download(location["url"], location["size"], target, self.stay_alive)
        except object_store.ObjectStoreError as error:
            self.stay_with_gateway(error)
            self.download(path, target)

    def stay_alive(self) -> None:
        """Send a heartbeat if it is time for one: something else takes long. What the gateway misses it asks for later."""
        if time.monotonic() >= self._heartbeat_due:
            self._heartbeat_due = time.monotonic() + self.heartbeat_seconds
            with contextlib.suppress(GatewayAwayError):
                self.call(Call("POST", "heartbeat"))

    @property
    def knows_other_ways(self) -> bool:
        """Whether the object store itself can be reached from this machine, as far as we know."""
        return LOCATION_HEADER in self._headers

    def stay_with_gateway(self, error: object_store.ObjectStoreError) -> None:
        """Exchange nothing with the object store any more."""
        print(f"large values go through the gateway: {error}", file=sys.stderr)
        self._headers.pop(LOCATION_HEADER, None)

    def close(self) -> None:
        """Drop the connection; the next call opens another one."""
        if self._connection is not None:
            self._connection.close()
        self._connection = None
        self._proven = False

    def retry_now(self) -> None:
        """Do not wait any longer: somebody says that the gateway is back."""
        self._look_up_address()
        self._pause = self.retry_at = 0.0

    def give_up(self) -> None:
        """Drop the call that was begun, for its answer does not come."""
        self._away(TimeoutError("no answer"))

    def _send(self, call: Call) -> None:
        if self._connection is None:
            self._connection = _connection(self._url)
        if not isinstance(call.body, bytes):
            call.body.seek(0)
        headers = {**self._headers, "Content-Length": str(_length(call.body))}
        path = urlsplit(self._url).path.rstrip("/") + self._job + call.path
        self._connection.request(call.method, path, call.body, headers)

    def _receive(self, target: BinaryIO | None) -> bytes:
        assert self._connection is not None  # noqa: S101  (begin was called)
        try:
            response = self._connection.getresponse()
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from error
        is_location = response.headers.get_content_type() == LOCATION_TYPE
        wanted = target if response.status == 200 and not is_location else None
        body = self._read(response, None) if wanted is None else self._save(response, wanted)
        if response.will_close:
            self.close()
        self._judge(response.status, body)
        return body

    def _save(self, response: http.client.HTTPResponse, target: BinaryIO) -> bytes:
        target.seek(0)
        target.truncate()
        while block := self._read(response, _BLOCK):
            target.write(block)
        if response.length:  # read(amount) takes a connection that breaks for the end
            raise self._away(http.client.IncompleteRead(b"", response.length))
        return b""

    def _read(self, response: http.client.HTTPResponse, amount: int | None) -> bytes:
        try:
            return response.read(amount)
        except (OSError, http.client.HTTPException) as error:
            raise self._away(error) from error

    def _judge(self, status: int, body: bytes) -> None:
        if status in _OVER:
            raise AttemptOverError(_message(body), status)
        if 400 <= status < 500 and status not in _TEMPORARY:
            raise RefusedError(_message(body))
        if not 200 <= status < 300:
            raise self._away(http.client.HTTPException(f"status {status}: {_message(body)}"))
        self._proven = self._connection is not None
        self._pause = 0.0

    def _away(self, error: Exception) -> GatewayAwayError:
        """Drop the connection and choose when to try again: at once if it was an old one that may just have expired."""
        expired = self._proven
        self.close()
        if not expired:
            self._pause = min(max(_FIRST_PAUSE, 2 * self._pause), _LONGEST_PAUSE)
            self._look_up_address()
        self.retry_at = time.monotonic() + (0.0 if expired else self._pause)
        return GatewayAwayError(str(error))

    def _look_up_address(self) -> None:
        try:
            address = json.loads(self._address_file.read_text())["url"]
        except (OSError, ValueError, KeyError, TypeError):  # away, or about to write it
            return
        if isinstance(address, str) and urlsplit(address).hostname:
            self._url = address.rstrip("/")


def answer_object(body: bytes) -> dict[str, Any]:
    """Return an answer's body as a JSON object; an empty one if it is anything else."""
    try:
        value = json.loads(body)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _connection(url: str) -> http.client.HTTPConnection:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    connection = kind(parts.hostname or "127.0.0.1", parts.port, timeout=_CONNECT_TIMEOUT, blocksize=_BLOCK)
    connection.connect()
    connection.sock.settimeout(_TIMEOUT)
    return connection


def _length(body: bytes | BinaryIO) -> int:
    if isinstance(body, bytes):
        return len(body)
    end = body.seek(0, 2)
    body.seek(0)
    return end


def _message(body: bytes) -> str:
    fields = answer_object(body)
    return str(fields.get("message") or fields.get("detail") or body[:200].decode(errors="replace"))
