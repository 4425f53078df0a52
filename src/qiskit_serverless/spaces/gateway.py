"""The gateway as the processes of a job see it when they move files: each call is repeated until it is settled."""

import http.client
import json
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import quote

from qiskit_serverless.spaces.errors import FilesError, JobOverError

Value = TypeVar("Value")

_TIMEOUT = 60.0  # a store may be slow to take a large file in
_FIRST_PAUSE = 0.05
_LONGEST_PAUSE = 5.0
_OVER = frozenset({401, 409, 410})
_TEMPORARY = frozenset({408, 425, 429})
_NOTHING_THERE = frozenset({404, 416})
_FULL = 507
_FULL_PATIENCE = 600.0  # seconds in which somebody may make room in a store that is full
# No proxy of the program's variables stands between the machines of a platform.
_opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))


class _TroubleError(Exception):
    """The call is not settled."""


class _FullError(_TroubleError):
    """The store has no room."""


@dataclass(frozen=True, slots=True)
class Body:
    """What is sent.

    Attributes:
        size: Its bytes.
        blocks: Yields them, anew for each try.
        media_type: Their kind.
    """

    size: int
    blocks: Callable[[], Iterable[bytes]]
    media_type: str = "application/octet-stream"


def whole(data: bytes, media_type: str = "application/octet-stream") -> Body:
    """Return a body that is in memory."""
    return Body(len(data), lambda: (data,), media_type)


def as_json(value: object) -> Body:
    """Return a body of JSON."""
    return whole(json.dumps(value).encode(), "application/json")


@dataclass(frozen=True)
class FilesGateway:
    """The routes about the files of one attempt. Threads may share it.

    Attributes:
        url: Base URL of the gateway.
        job_id: The job.
        attempt: Number of the attempt.
        token: The job's token.
        address_file: ``gateway.json`` of a platform on this machine, which may come back at another address; else None.
        full_patience: Seconds to wait for room in a store that is full.
    """

    url: str
    job_id: str
    attempt: int
    token: str = field(repr=False)
    address_file: Path | None = None
    full_patience: float = _FULL_PATIENCE

    def call(
        self,
        method: str,
        path: str,
        take: Callable[[HTTPResponse], Value],
        body: Body | None = None,
        file: str | None = None,
        part: range | None = None,
    ) -> Value | None:
        """Do a call and return what `take` makes of the answer; None when what a GET asks for is not there.

        Args:
            method: HTTP method.
            path: Path below that of the attempt's files.
            take: Reads the answer; it is called again when the connection breaks.
            body: What is sent.
            file: Path of the file that it is about.
            part: Which of its bytes are wanted; all of them by default.

        Waits for as long as the gateway is away, and says so now and then on standard error.

        Raises:
            FilesError: The gateway refuses.
            JobOverError: It wants nothing more from this attempt.
        """
        pause, give_up = _FIRST_PAUSE, time.monotonic() + self.full_patience
        while True:
            request = self._request(method, path, body, file)
            if part is not None:
                request.add_header("Range", f"bytes={part.start}-{part.stop - 1}")
            try:
                return _try(request, take)
            except _TroubleError as trouble:
                if isinstance(trouble, _FullError) and time.monotonic() + pause > give_up:
                    raise FilesError(str(trouble)) from trouble
                if pause == _LONGEST_PAUSE:
                    print(f"still waiting for the files of this job: {trouble}", file=sys.stderr, flush=True)
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _request(self, method: str, path: str, body: Body | None, file: str | None) -> urllib.request.Request:
        route = f"/api/runner/v1/jobs/{self.job_id}/attempts/{self.attempt}/files/{path}"
        url = self._address() + route + (f"?file={quote(file, safe='')}" if file is not None else "")
        request = urllib.request.Request(url, body.blocks() if body is not None else None, method=method)  # noqa: S310
        if body is not None:
            request.add_header("Content-Length", str(body.size))
            request.add_header("Content-Type", body.media_type)
        request.add_unredirected_header("Authorization", f"Bearer {self.token}")  # it is for the gateway alone
        return request

    def _address(self) -> str:
        try:
            address = json.loads(self.address_file.read_text())["url"] if self.address_file is not None else None
        except (OSError, ValueError, KeyError, TypeError):  # away, or about to write it
            address = None
        return address.rstrip("/") if isinstance(address, str) else self.url


def _try(request: urllib.request.Request, take: Callable[[HTTPResponse], Value]) -> Value | None:
    try:
        with _opener.open(request, timeout=_TIMEOUT) as answer:
            return take(answer)
    except urllib.error.HTTPError as refusal:
        with refusal:
            _judge(refusal, is_read=request.get_method() == "GET")
            return None
    except urllib.error.URLError as error:
        raise _TroubleError(str(error.reason)) from error
    except (ConnectionError, TimeoutError, http.client.HTTPException) as error:
        raise _TroubleError(str(error)) from error


def _judge(refusal: urllib.error.HTTPError, *, is_read: bool) -> None:
    """Say what an answer means that is no success, unless it is that there is no such thing to be read."""
    message = _message(refusal)
    if refusal.code in _OVER:
        raise JobOverError(message)
    if refusal.code == _FULL:
        raise _FullError(message)
    if refusal.code in _TEMPORARY or refusal.code >= 500:
        raise _TroubleError(message)
    if not (is_read and refusal.code in _NOTHING_THERE):
        raise FilesError(message)


def _message(refusal: urllib.error.HTTPError) -> str:
    try:
        body = refusal.read()
        fields: Any = json.loads(body)
        return str(fields.get("message") or fields.get("detail"))
    except (OSError, http.client.HTTPException, ValueError, AttributeError):
        return f"the gateway answers with status {refusal.code}"
