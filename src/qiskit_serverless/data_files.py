"""Files on their way between this machine and a gateway: read and written piece by piece, counted and hashed."""

import base64
import contextlib
import hashlib
import re
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, Self

from qiskit_serverless.exceptions import ChecksumError, InvalidArgumentError
from qiskit_serverless.progress import Bar

if TYPE_CHECKING:
    import httpx2

_PART = 206
_DIGEST = re.compile(r"sha-256=:([A-Za-z0-9+/=]+):")


@dataclass(frozen=True, slots=True)
class DataFile:
    """A file on a platform. What the platform does not tell is None.

    Attributes:
        name: Its name, with ``/`` between the folders it lies in, e.g. ``runs/1/out.csv``.
        size: Its bytes.
        modified: When it was last written.
        sha256: SHA-256 of its content in hexadecimal.
    """

    name: str
    size: int | None = None
    modified: datetime | None = None
    sha256: str | None = None

    @classmethod
    def from_json(cls, data: dict[str, Any] | str) -> "DataFile":
        """Return the file that the gateway describes; some gateways know nothing but its name."""
        if isinstance(data, str):
            return cls(data)
        return cls(data["name"], data["size"], datetime.fromisoformat(data["modified"]), data["sha256"])


class SentFile:
    """A file of this machine that is sent. HTTP clients read it like an open file, again from its beginning if they must.

    Attributes:
        path: The file.
        size: Its bytes so far read.
    """

    def __init__(self, path: Path, bar: Bar) -> None:
        """Open a file.

        Args:
            path: The file.
            bar: Shows how far it is.
        """
        self.path = path
        self.size = 0
        self._bar = bar
        self._file = path.open("rb")
        self._digest = hashlib.sha256()

    def __enter__(self) -> Self:
        """Return the file itself."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._file.close()

    def fileno(self) -> int:
        """Return its descriptor, of which the HTTP client reads how long it is."""
        return self._file.fileno()

    def seek(self, position: int) -> int:
        """Begin again. The HTTP client has no other use for it."""
        self._bar.advance(position - self.size)
        self._digest = hashlib.sha256()
        self.size = self._file.seek(position)
        return self.size

    def read(self, size: int = -1) -> bytes:
        """Return the next bytes."""
        data = self._file.read(size)
        self._digest.update(data)
        self.size += len(data)
        self._bar.advance(len(data))
        return data

    def check(self, stored: DataFile) -> None:
        """See that what was stored is what was sent.

        Raises:
            ChecksumError: It is something else.
        """
        if stored.sha256 not in (None, self._digest.hexdigest()):
            raise ChecksumError(
                f"{self.path} was changed on its way to the gateway, or while it was read. Upload it again."
            )


class ReceivedFile:
    """A file that comes from a gateway: beside its place until it is complete.

    Attributes:
        position: Bytes that are there.
        complete: Whether all are there.
    """

    def __init__(self, target: Path, bar: Bar) -> None:
        """Begin to receive.

        Args:
            target: Where it shall lie; folders that are missing are made.
            bar: Shows how far it is.
        """
        self.position = 0
        self.complete = False
        self._target = target
        self._partial = target.with_name(f".{secrets.token_hex(8)}.partial")  # others may receive the same file
        self._file: BinaryIO | None = None
        self._bar = bar
        self._digest = hashlib.sha256()
        self._expected: str | None = None
        self._tag: str | None = None

    def headers(self) -> dict[str, str]:
        """Return the headers with which to ask for what is missing."""
        headers = {"Accept-Encoding": "identity", "Want-Repr-Digest": "sha-256=1"}
        if self.position and self._tag:
            headers |= {"Range": f"bytes={self.position}-", "If-Range": self._tag}
        return headers

    def begin(self, answer: "httpx2.Response") -> None:
        """Look at an answer: its content goes on where the last one broke, or is the whole file again."""
        goes_on = answer.headers.get("Content-Range", "").startswith(f"bytes {self.position}-")
        if self._file is None or answer.status_code != _PART or not goes_on:
            self._begin_anew()
        if length := answer.headers.get("Content-Length"):
            self._bar.expect(self.position + int(length))
        self._tag = answer.headers.get("ETag")
        match = _DIGEST.search(answer.headers.get("Repr-Digest", ""))
        self._expected = base64.b64decode(match[1]).hex() if match else None

    def _begin_anew(self) -> None:
        self.close()
        self._target.parent.mkdir(parents=True, exist_ok=True)
        self._file = self._partial.open("wb")
        self._digest = hashlib.sha256()
        self._bar.advance(-self.position)
        self.position = 0

    def add(self, data: bytes) -> None:
        """Write the next bytes of the content that `begin` has looked at."""
        assert self._file is not None  # noqa: S101  (begun)
        self._file.write(data)
        self._digest.update(data)
        self.position += len(data)
        self._bar.advance(len(data))

    def end(self) -> None:
        """Put the file, which has now all its bytes, in its place.

        Raises:
            ChecksumError: They are not those that the gateway has.
        """
        if self._expected not in (None, self._digest.hexdigest()):
            raise ChecksumError(
                f"{self._target} was changed on its way from the gateway, or while it was read. Download it again."
            )
        assert self._file is not None  # noqa: S101  (begun)
        self._file.close()
        self._partial.replace(self._target)
        self.complete = True

    def close(self) -> None:
        """Remove what was received if it is not complete."""
        if self._file is not None and not self.complete:
            self._file.close()
            self._partial.unlink()


def local_files(source: Path, name: str | None) -> list[tuple[Path, str]]:
    """Return the files to send, and what each shall be called.

    Args:
        source: A file, or a folder of which all files are sent.
        name: What it shall be called, by default what it is called here.

    Raises:
        InvalidArgumentError: It is a folder without a file.
    """
    name = name or source.resolve().name
    if not source.is_dir():
        return [(source, name)]
    paths = sorted(path for path in source.rglob("*") if path.is_file())
    if not paths:
        raise InvalidArgumentError(f"The folder {source} has no file to upload.")
    return [(path, f"{name}/{path.relative_to(source).as_posix()}") for path in paths]


def total_size(*paths: Path) -> int:
    """Return the bytes of files in all."""
    return sum(path.stat().st_size for path in paths)


def file_target(target: Path, name: str) -> Path:
    """Return where a file called `name` is saved: at `target`, or in it if that is a folder."""
    return local_target(target, name) if target.is_dir() else target


def local_target(folder: Path, name: str) -> Path:
    """Return where a file of a gateway lies in a folder of this machine.

    Raises:
        InvalidArgumentError: Its name leads out of the folder.
    """
    target = folder / name
    if not target.resolve().is_relative_to(folder.resolve()):
        raise InvalidArgumentError(f"The gateway has a file {name!r}, whose name leads out of the folder {folder}.")
    return target


@contextlib.contextmanager
def receiving(target: Path, bar: Bar) -> Iterator[ReceivedFile]:
    """Receive a file; nothing of it stays unless it becomes complete."""
    with contextlib.closing(ReceivedFile(target, bar)) as received:
        yield received
