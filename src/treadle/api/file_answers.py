"""Answers that send a file, whole or from where a broken download got to (RFC 9110, section 14)."""

import base64
import contextlib
import mimetypes
import re
from collections.abc import AsyncIterator, Mapping
from email.utils import format_datetime
from urllib.parse import quote

from fastapi import Request, Response
from fastapi.responses import StreamingResponse
from starlette.types import Receive, Scope, Send

from treadle.api.answers import JsonAnswer
from treadle.ports.files import OpenFile

_CHUNK = 2**20
_RANGE = re.compile(r"bytes=(\d{0,19})-(\d{0,19})")


class _Download(StreamingResponse):
    """Sends a part of a file, and closes the file whatever happens."""

    def __init__(self, file: OpenFile, part: range, status_code: int, headers: Mapping[str, str]) -> None:
        super().__init__(_content(file, part), status_code, headers)
        self._file = file

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send it."""
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._file.close()


async def file_answer(request: Request, file: OpenFile, name: str) -> Response:
    """Return the answer that sends a file, or the part of it that was asked for; it closes the file.

    Args:
        request: The request: its method, ``Range``, ``If-Range`` and ``Want-Repr-Digest`` count.
        file: The file.
        name: Name under which to save it.
    """
    with contextlib.ExitStack() as stack:
        stack.callback(file.close)
        headers = await _headers(request, file, name)
        asked = _asked_part(request, file.size, headers)
        if asked is not None and not asked:
            message = f"The file has {file.size} bytes; the range {request.headers['range']} lies beyond them."
            return JsonAnswer({"message": message}, 416, {"content-range": f"bytes */{file.size}"})
        part = range(file.size) if asked is None else asked
        headers["content-length"] = str(len(part))
        if asked is not None:
            headers["content-range"] = f"bytes {part.start}-{part.stop - 1}/{file.size}"
        if request.method == "HEAD":
            return Response(headers=headers)
        stack.pop_all()
        return _Download(file, part, 200 if asked is None else 206, headers)


async def _headers(request: Request, file: OpenFile, name: str) -> dict[str, str]:
    kind, encoding = mimetypes.guess_type(name)
    headers = {
        "content-type": kind if kind and not encoding else "application/octet-stream",
        "content-disposition": _attachment(name),
        "accept-ranges": "bytes",
        "etag": f'"{file.etag}"',
        "last-modified": format_datetime(file.modified, usegmt=True),
    }
    if "sha-256" in request.headers.get("want-repr-digest", ""):  # RFC 9530
        sha256 = await file.sha256()
        if sha256 is not None:
            headers["repr-digest"] = f"sha-256=:{base64.b64encode(bytes.fromhex(sha256)).decode()}:"
    return headers


def _attachment(name: str) -> str:
    """Return a Content-Disposition that no name can break out of."""
    if re.fullmatch(r"[A-Za-z0-9_.-]+", name):
        return f'attachment; filename="{name}"'
    plain = re.sub(r"[^A-Za-z0-9_.-]+", "_", name)
    return f"attachment; filename=\"{plain}\"; filename*=utf-8''{quote(name, safe='')}"


def _asked_part(request: Request, size: int, headers: Mapping[str, str]) -> range | None:
    """Return the part of a file that a request asks for: empty if it has none such, None for the whole of it.

    What is not understood, and several ranges at once, mean the whole, as RFC 9110 allows.
    """
    match = _RANGE.fullmatch(request.headers.get("range", ""))
    current = request.headers.get("if-range", headers["etag"]) in (headers["etag"], headers["last-modified"])
    if match is None or not current or request.method != "GET":
        return None
    first, last = match.groups()
    if not first:
        return range(max(0, size - int(last)), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1, size) if last else size)


async def _content(file: OpenFile, part: range) -> AsyncIterator[bytes]:
    position = part.start
    while position < part.stop:
        chunk = await file.read(position, min(_CHUNK, part.stop - position))
        if not chunk:  # it became shorter; the server ends the connection, so that the client sees it
            return
        yield chunk
        position += len(chunk)
