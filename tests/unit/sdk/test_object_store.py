"""Values to and from an object store by URLs: what is repeated, what is not, and that no URL is told to anybody."""

import base64
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from io import BytesIO
from typing import Any

import pytest

from qiskit_serverless import object_store
from qiskit_serverless.object_store import ObjectStoreError, UploadOffer, download, reading, upload

SECRET = "X-Amz-Signature=secret"


class Store(ThreadingHTTPServer):
    """A store with one object, which answers as it is told first.

    Attributes:
        content: The object.
        parts: What was put, by path.
        troubles: Statuses with which the next requests are answered; 0 breaks the answer in its middle.
        ranges: What the requests asked for.
    """

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.content = bytes(range(256)) * 100
        self.parts: dict[str, bytes] = {}
        self.troubles: list[int] = []
        self.ranges: list[str | None] = []

    def url(self, path: str = "object") -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/{path}?{SECRET}"


class _Handler(BaseHTTPRequestHandler):
    server: Store

    def do_GET(self) -> None:
        trouble = self.server.troubles.pop(0) if self.server.troubles else 200
        asked = self.headers["Range"]
        self.server.ranges.append(asked)
        start = int(asked.removeprefix("bytes=").rstrip("-")) if asked else 0
        rest = self.server.content[start:]
        self.send_response(trouble if trouble >= 400 else (206 if asked else 200))
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(rest)))
        self.end_headers()
        self.wfile.write(rest if trouble == 200 else rest[: len(rest) // 2])

    def do_PUT(self) -> None:
        part = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.headers["Content-MD5"] == base64.b64encode(hashlib.md5(part).digest()).decode()
        trouble = self.server.troubles.pop(0) if self.server.troubles else 200
        self.server.parts[self.path.partition("?")[0]] = part
        self.send_response(trouble)
        self.send_header("ETag", f'"{len(part)}"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@pytest.fixture
def store() -> Iterator[Store]:
    with Store() as running:
        thread = threading.Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_pauses(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(object_store, "_PAUSES", (0.0, 0.0, 0.0))


def test_a_download_goes_on_where_the_connection_broke(store: Store) -> None:
    store.troubles = [0, 0]
    target = BytesIO(b"what was there before")
    assert download(store.url(), len(store.content), target) == "application/json"
    assert target.getvalue() == store.content
    assert store.ranges == [None, "bytes=12800-", "bytes=19200-"]


def test_a_download_waits_for_a_store_that_is_busy(store: Store) -> None:
    store.troubles = [503, 500]
    target = BytesIO()
    download(store.url(), len(store.content), target)
    assert target.getvalue() == store.content


@pytest.mark.parametrize("troubles", [[403], [503] * 4], ids=["refused", "busy for too long"])
def test_a_store_that_gives_nothing_is_told_of_without_the_url(store: Store, troubles: list[int]) -> None:
    store.troubles = list(troubles)
    with pytest.raises(ObjectStoreError, match=rf"at 127\.0\.0\.1:.*{troubles[0]}") as raised:
        download(store.url(), len(store.content), BytesIO())
    assert "secret" not in str(raised.value)
    assert raised.value.__cause__ is None


def test_an_object_of_another_size_is_refused(store: Store) -> None:
    with pytest.raises(ObjectStoreError, match="25600 of 25601 bytes"):
        download(store.url(), 25_601, BytesIO())


def test_parts_are_sent_with_their_checksums_and_again_after_trouble(store: Store) -> None:
    store.troubles = [500]
    offer = UploadOffer.from_json({"upload": "u", "part_size": 10, "urls": [store.url("1"), store.url("2")]})
    told = upload(offer, 14, reading(BytesIO(b"0123456789abcd")))
    assert store.parts == {"/1": b"0123456789", "/2": b"abcd"}
    assert told == {"upload": "u", "parts": ['"10"', '"4"']}


def test_only_what_the_web_knows_is_opened() -> None:
    with pytest.raises(ObjectStoreError, match="of kind 'file'"):
        download("file:///etc/passwd", 1, BytesIO())


def test_a_target_that_cannot_be_written_is_no_fault_of_the_store(store: Store) -> None:
    class Full(BytesIO):
        def write(self, _: Any) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left"):
        download(store.url(), len(store.content), Full())
