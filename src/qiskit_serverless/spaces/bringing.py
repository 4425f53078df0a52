"""Bringing the files of a space into a folder: small ones together, large ones in parts, or from this machine's cache."""

import hashlib
import json
import os
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from datetime import datetime
from http.client import HTTPResponse
from pathlib import Path
from typing import Any

from qiskit_serverless.spaces.bundles import LARGEST_BUNDLE, MOST_FILES, unpacked
from qiskit_serverless.spaces.cache import ContentCache
from qiskit_serverless.spaces.errors import FilesError
from qiskit_serverless.spaces.gateway import FilesGateway, as_json
from qiskit_serverless.spaces.known import KnownFile, look_of
from qiskit_serverless.spaces.names import is_clean

SMALL = 2**18
"""Most bytes of a file that travels together with others."""

_PART = 4 * 2**20
_AT_ONCE = 4


class _GoneError(Exception):
    """A file was removed before it came in."""


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file that the gateway has.

    Attributes:
        path: Its path in the space.
        size: Its bytes.
        modified: When it was last written, in seconds since 1970.
        sha256: SHA-256 of its content in hexadecimal; None where the gateway does not know it.
    """

    path: str
    size: int
    modified: float
    sha256: str | None


class Bringing:
    """One space on its way into an empty folder."""

    def __init__(self, gateway: FilesGateway, space: str, folder: Path, cache: ContentCache | None) -> None:
        self._gateway = gateway
        self._space = space
        self._folder = folder
        self._cache = cache
        self._known: dict[str, KnownFile] = {}

    def run(self) -> dict[str, KnownFile]:
        """Bring all files and return them by their paths. One that is removed meanwhile is left out.

        Raises:
            FilesError: The gateway refuses.
            OSError: There is no room for them.
        """
        files = self._listed()
        for folder in {os.path.dirname(file.path) for file in files}:  # noqa: PTH120  (thousands of them)
            (self._folder / folder).mkdir(mode=0o700, parents=True, exist_ok=True)
        with ThreadPoolExecutor(_AT_ONCE, "files") as threads:
            for brought in threads.map(self._bring_small, _bundles(file for file in files if file.size <= SMALL)):
                self._known.update(brought)
            for file in files:
                if file.path not in self._known:  # or it is no small one any more
                    self._bring_large(file, threads)
        return self._known

    def _listed(self) -> list[ListedFile]:
        answer = self._gateway.call("GET", f"{self._space}/", lambda answer: json.loads(answer.read()))
        if answer is None:
            raise FilesError("The gateway does not know the space of this job's files.")
        return [_listed_file(fields) for fields in answer["files"] if is_clean(fields["name"])]

    def _bring_small(self, files: list[ListedFile]) -> dict[str, KnownFile]:
        asked = as_json({"files": [file.path for file in files]})
        answer = self._gateway.call("POST", f"{self._space}/contents/", lambda answer: answer.read(), asked)
        contents = unpacked(answer or b"[]\n")
        brought = {}
        for file in files:
            content = contents.get(file.path)
            if content is not None:
                brought[file.path] = self._write(file, content)
        return brought

    def _write(self, file: ListedFile, content: bytes) -> KnownFile:
        descriptor = os.open(self._folder / file.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb", buffering=0) as target:
            target.write(content)
            return _settled(descriptor, file, hashlib.sha256(content).hexdigest())

    def _bring_large(self, file: ListedFile, threads: ThreadPoolExecutor) -> None:
        target = self._folder / file.path
        try:
            digest = self._from_cache(file, target, threads) or self._download(file.path, target, threads)
            self._known[file.path] = _settled(target, file, digest)
        except _GoneError:
            target.unlink(missing_ok=True)

    def _from_cache(self, file: ListedFile, target: Path, threads: ThreadPoolExecutor) -> str | None:
        """Copy a file from this machine's cache, fetched there if need be. Returns its digest, None if it has no place there."""
        if self._cache is None or file.sha256 is None:
            return None
        if self._cache.copy(file.sha256, target):
            return file.sha256
        if not self._cache.has_room(file.size):
            return None
        digest = self._cache.add(lambda draft: self._download(file.path, draft, threads))
        return digest if self._cache.copy(digest, target) else None

    def _download(self, path: str, target: Path, threads: ThreadPoolExecutor) -> str:
        """Fetch a file in parts, all of the same content, and return its digest."""
        with target.open("w+b", buffering=0) as file:
            while not self._fetch(path, file.fileno(), threads):
                file.truncate(0)
            file.seek(0)
            return hashlib.file_digest(file, "sha256").hexdigest()

    def _fetch(self, path: str, target: int, threads: ThreadPoolExecutor) -> bool:
        """Fetch a file. Returns False if it was replaced while it came in."""
        first = self._part(path, 0, target)
        if first is None:
            raise _GoneError(path)
        rest = [threads.submit(self._part, path, start, target) for start in range(_PART, first.size, _PART)]
        try:
            return all(part.result() == first for part in rest)
        finally:
            for part in rest:
                part.cancel()
            wait(rest)  # those under way write to the file

    def _part(self, path: str, start: int, target: int) -> "_Content | None":
        """Fetch a part and write it to its place. Returns what it is a part of, None if there is nothing there."""

        def take(answer: HTTPResponse) -> _Content:
            data = answer.read()
            rest = memoryview(data)
            while rest:
                rest = rest[os.pwrite(target, rest, start + len(data) - len(rest)) :]
            _, _, size = answer.headers.get("Content-Range", "").rpartition("/")
            return _Content(answer.headers.get("ETag", ""), int(size or len(data)))

        part = range(start, start + _PART)
        return self._gateway.call("GET", f"{self._space}/content/", take, file=path, part=part)


@dataclass(frozen=True, slots=True)
class _Content:
    """What a part belongs to: its tag, and how many bytes all of it has."""

    tag: str
    size: int


def _bundles(files: Iterable[ListedFile]) -> Iterator[list[ListedFile]]:
    """Divide small files into those that travel together."""
    bundle: list[ListedFile] = []
    size = 0
    for file in files:
        if bundle and (size + file.size > LARGEST_BUNDLE or len(bundle) == MOST_FILES):
            yield bundle
            bundle, size = [], 0
        bundle.append(file)
        size += file.size
    if bundle:
        yield bundle


def _settled(place: int | Path, file: ListedFile, digest: str) -> KnownFile:
    """Give a file that was brought its time, and return what is known of it."""
    os.utime(place, (file.modified, file.modified))
    return KnownFile(look_of(os.stat(place)), digest)  # noqa: PTH116  (it may be a descriptor)


def _listed_file(fields: dict[str, Any]) -> ListedFile:
    modified = datetime.fromisoformat(fields["modified"]).timestamp()
    return ListedFile(fields["name"], fields["size"], modified, fields["sha256"])
