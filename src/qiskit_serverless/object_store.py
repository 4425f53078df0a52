"""Large values straight from and to the platform's object store, by URLs that a gateway has signed.

Whoever has such a URL may use it: none stands in a message, and what might log requests (as HTTP libraries do) is not used. The
standard library alone, because supervisors call this too.
"""

import base64
import hashlib
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from typing import IO, Any, BinaryIO
from urllib.parse import urlsplit

from qiskit_serverless.connections import is_on_loopback
from qiskit_serverless.exceptions import QiskitServerlessException

_QUIET_SECONDS = 30.0
_PAUSES = (0.1, 0.5, 2.0)  # who gives up still has the way through the gateway
_BLOCK = 1 << 20
_WORTH_REPEATING = frozenset({408, 425, 429, 500, 502, 503, 504})
_PARTIAL = 206

Read = Callable[[int, int], bytes]
"""Returns so many bytes (second) from a place on (first)."""


class ObjectStoreError(QiskitServerlessException):
    """The object store cannot be reached from here, or does not do what it should."""


class _BrokenError(Exception):
    """The way to the store broke, or it refused. What a file on this side refuses is no such error."""

    def __init__(self, reason: Exception) -> None:
        super().__init__()
        self.reason = reason


@dataclass(frozen=True, slots=True)
class UploadOffer:
    """Where to put the parts of a value.

    Attributes:
        upload: What the gateway calls the upload.
        part_size: Bytes of each part but the last.
        urls: Where each part goes, in order.
    """

    upload: str
    part_size: int
    urls: Sequence[str]

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "UploadOffer":
        """Return the offer that a gateway's answer makes."""
        return cls(record["upload"], record["part_size"], record["urls"])


def upload(
    offer: UploadOffer, size: int, read: Read, after_block: Callable[[], object] = lambda: None
) -> dict[str, Any]:
    """Put a value into the object store. A part whose way there broke is sent again.

    Args:
        offer: Where to.
        size: Bytes of the value.
        read: Gives its bytes.
        after_block: Called after each MiB.

    Returns:
        What to tell the gateway, so that it counts.

    Raises:
        ObjectStoreError: The store does not take it.
    """
    etags = []
    for number, url in enumerate(offer.urls):
        start = number * offer.part_size
        etags.append(_put(url, read(start, min(offer.part_size, size - start)), after_block))
    return {"upload": offer.upload, "parts": etags}


def download(url: str, size: int, target: BinaryIO, after_block: Callable[[], object] = lambda: None) -> str:
    """Write a value to a file. Where the connection breaks it goes on from there.

    Args:
        url: Where it lies.
        size: Its bytes.
        target: The file.
        after_block: Called after each MiB.

    Returns:
        Its media type.

    Raises:
        ObjectStoreError: The store does not have it, or cannot be reached.
    """
    target.seek(0)
    target.truncate()
    pauses = iter(_PAUSES)
    while True:
        received = target.tell()
        try:
            kind = _get(url, target, after_block)
            if target.tell() == size:
                return kind
            error: Exception = HTTPException(f"{target.tell()} of {size} bytes came")
        except _BrokenError as broken:
            error = broken.reason
        if target.tell() > received:
            pauses = iter(_PAUSES)  # it goes forward
        _pause_after(error, pauses, url)


def _get(url: str, target: BinaryIO, after_block: Callable[[], object]) -> str:
    """Receive what follows what the file has already."""
    start = target.tell()
    request = urllib.request.Request(url, headers={"Range": f"bytes={start}-"} if start else {})  # noqa: S310  (below)
    with _opened(request) as answer:
        if start and answer.status != _PARTIAL:
            target.seek(0)
            target.truncate()
        while block := _read(answer):
            target.write(block)
            after_block()
        return str(answer.headers.get_content_type())


def _read(answer: HTTPResponse) -> bytes:
    try:
        return answer.read(_BLOCK)
    except (OSError, HTTPException) as error:
        raise _BrokenError(error) from error


def _put(url: str, part: bytes, after_block: Callable[[], object]) -> str:
    """Send a part and return what the store calls it. The store compares its checksum."""
    checksum = base64.b64encode(hashlib.md5(part, usedforsecurity=False).digest()).decode()
    headers = {"Content-MD5": checksum, "Content-Type": "application/octet-stream", "Content-Length": str(len(part))}
    pauses = iter(_PAUSES)
    while True:
        blocks = _blocks(part, after_block)
        request = urllib.request.Request(url, data=blocks, method="PUT", headers=headers)  # noqa: S310  (below)
        try:
            with _opened(request) as answer:
                return str(answer.headers["ETag"])
        except _BrokenError as broken:
            _pause_after(broken.reason, pauses, url)


def _blocks(part: bytes, after_block: Callable[[], object]) -> Iterator[bytes]:
    for start in range(0, len(part), _BLOCK):
        yield part[start : start + _BLOCK]
        after_block()


def _opened(request: urllib.request.Request) -> HTTPResponse:
    if request.type not in ("http", "https"):
        raise ObjectStoreError(f"The platform's object store is at a URL of kind {request.type!r}.")
    no_proxies = urllib.request.ProxyHandler({})
    opener = urllib.request.build_opener(*((no_proxies,) if is_on_loopback(request.full_url) else ()))
    try:
        answer: HTTPResponse = opener.open(request, timeout=_QUIET_SECONDS)
    except (OSError, HTTPException) as error:
        raise _BrokenError(error) from error
    return answer


def _pause_after(error: Exception, pauses: Iterator[float], url: str) -> None:
    """Wait before the next try, if one is worth it.

    Raises:
        ObjectStoreError: It is not.
    """
    refused = isinstance(error, urllib.error.HTTPError) and error.code not in _WORTH_REPEATING
    pause = None if refused else next(pauses, None)
    if isinstance(error, urllib.error.HTTPError):
        error.close()
    if pause is None:
        host = urlsplit(url).netloc
        raise ObjectStoreError(f"The platform's object store at {host} cannot be used: {error}.") from None
    time.sleep(pause)


def reading(file: IO[bytes]) -> Read:
    """Return what reads a file."""

    def read(start: int, length: int) -> bytes:
        file.seek(start)
        return file.read(length)

    return read
