"""Sending back what a program has changed in a space: regular files with clean names, whatever else lies there."""

import contextlib
import fcntl
import hashlib
import json
import os
import signal
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from http.client import HTTPResponse
from pathlib import Path

from qiskit_serverless.spaces.bringing import SMALL
from qiskit_serverless.spaces.bundles import LARGEST_BUNDLE, MOST_FILES, packed
from qiskit_serverless.spaces.errors import FilesError
from qiskit_serverless.spaces.folders import is_absent, open_regular, opened_folder, regular_files
from qiskit_serverless.spaces.gateway import Body, FilesGateway, as_json, whole
from qiskit_serverless.spaces.known import KnownFile, look_of

_BLOCK = 2**20
_SETTLED_SECONDS = 2.0  # a file that was written to later may be written to again without looking different


class _ChangedError(Exception):
    """A file is written to while it is sent."""


@dataclass(frozen=True, slots=True)
class _Small:
    """A small file that has changed."""

    content: bytes
    known: KnownFile


class Delivery:
    """What lies in a folder, on its way to the store."""

    def __init__(
        self, gateway: FilesGateway, space: str, folder: Path, known: dict[str, KnownFile], *, while_running: bool
    ) -> None:
        """Look at a folder.

        Args:
            gateway: Where to send.
            space: Name of the space.
            folder: Its files.
            known: What lies in the store; kept up to date, also when sending fails.
            while_running: Whether the program still works there: what it has just written, or has open, waits.
        """
        self._gateway = gateway
        self._space = space
        self._folder = folder
        self._known = known
        self._while_running = while_running

    def run(self) -> None:
        """Send what has changed: what was removed first, so that a file can take the place of a folder.

        Raises:
            FilesError: The gateway refuses something.
        """
        if self._while_running:
            signal.signal(signal.SIGIO, signal.SIG_IGN)  # sent to us when a file is opened that we just look at
        with _opened_root(self._folder) as root:
            found = {file.path: file.status for file in regular_files(root)} if root is not None else {}
            self._remove([path for path in self._known if path not in found])
            # Small files rest together as they are sent, and are asked for in this order.
            changed = sorted(path for path, status in found.items() if self._differs(path, status))
            if root is not None:
                self._send(root, changed, found)

    def _send(self, root: int, changed: list[str], found: dict[str, os.stat_result]) -> None:
        self._send_small(root, (path for path in changed if found[path].st_size <= SMALL))
        for path in changed:
            if found[path].st_size > SMALL:
                self._send_large(root, path)

    def _differs(self, path: str, status: os.stat_result) -> bool:
        known = self._known.get(path)
        if known is not None and known.look == look_of(status):
            return False
        return not self._while_running or time.time() - max(status.st_mtime, status.st_ctime) > _SETTLED_SECONDS

    def _remove(self, paths: list[str]) -> None:
        for start in range(0, len(paths), MOST_FILES):
            some = paths[start : start + MOST_FILES]
            digests = {path: self._known[path].sha256 for path in some}
            self._gateway.call("POST", f"{self._space}/removed/", _nothing, as_json({"files": digests}))
            for path in some:
                del self._known[path]

    def _send_small(self, root: int, paths: Iterable[str]) -> None:
        bundle: dict[str, _Small] = {}
        size = 0
        for path in paths:
            with self._opened(root, path) as descriptor:
                file = self._small(path, descriptor) if descriptor is not None else None
            if file is None:
                continue
            if size + len(file.content) > LARGEST_BUNDLE or len(bundle) == MOST_FILES:
                self._send_bundle(bundle)
                bundle, size = {}, 0
            bundle[path] = file
            size += len(file.content)
        self._send_bundle(bundle)

    def _small(self, path: str, descriptor: int) -> _Small | None:
        """Read a small file. Returns None if it has grown, is being written to, or has the content that the store knows."""
        look = look_of(os.fstat(descriptor))
        content = os.pread(descriptor, SMALL + 1, 0)
        if len(content) > SMALL or (self._while_running and look != look_of(os.fstat(descriptor))):
            return None
        file = _Small(content, KnownFile(look, hashlib.sha256(content).hexdigest()))
        known = self._known.get(path)
        if known is not None and known.sha256 == file.known.sha256:
            self._known[path] = file.known
            return None
        return file

    def _send_bundle(self, bundle: dict[str, _Small]) -> None:
        if not bundle:
            return
        body = whole(packed({path: file.content for path, file in bundle.items()}))
        self._gateway.call("PUT", f"{self._space}/contents/", _nothing, body)
        self._known.update({path: file.known for path, file in bundle.items()})

    def _send_large(self, root: int, path: str) -> None:
        with self._opened(root, path) as descriptor:
            if descriptor is None:
                return
            status = os.fstat(descriptor)
            body = Body(status.st_size, lambda: self._blocks(path, descriptor, status))
            with contextlib.suppress(_ChangedError):  # then the next delivery sends it
                stored = self._gateway.call("PUT", f"{self._space}/content/", _digest, body, file=path)
                self._known[path] = KnownFile(look_of(status), stored or "")

    def _blocks(self, path: str, descriptor: int, status: os.stat_result) -> Iterator[bytes]:
        """Yield a file, but not its last block when it was written to meanwhile: half a file is not stored."""
        for start in range(0, status.st_size, _BLOCK):
            length = min(_BLOCK, status.st_size - start)
            block = os.pread(descriptor, length, start)
            if (
                start + length == status.st_size
                and self._while_running
                and look_of(os.fstat(descriptor)) != look_of(status)
            ):
                raise _ChangedError(path)
            if len(block) < length:
                raise FilesError(f"The file {path!r} became shorter while it was stored.")
            yield block

    @contextlib.contextmanager
    def _opened(self, root: int, path: str) -> Iterator[int | None]:
        """Yield a descriptor of a file; None if it is no regular file any more, or the program has it open for writing."""
        *folders, name = path.split("/")
        try:
            with opened_folder(root, folders) as folder:
                descriptor = open_regular(folder, name)
        except OSError:  # a folder of it is gone, or is a link now
            descriptor = None
        if descriptor is None:
            yield None
            return
        try:
            yield None if self._while_running and _is_written(descriptor) else descriptor
        finally:
            os.close(descriptor)


@contextlib.contextmanager
def _opened_root(folder: Path) -> Iterator[int | None]:
    """Yield a descriptor of a folder; None if the program has removed it, or put a link in its place."""
    with contextlib.ExitStack() as stack:
        try:
            root = stack.enter_context(opened_folder(folder, ()))
        except OSError as error:
            if not is_absent(error):
                raise
            root = None
        yield root


def _is_written(descriptor: int) -> bool:
    """Return whether somebody has a file open for writing: then there is no read lease on it (fcntl(2), F_SETLEASE)."""
    try:
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(descriptor, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except BlockingIOError:
        return True
    except OSError:  # a file system without leases: that it has not changed for a while must do
        return False
    return False


def _nothing(answer: HTTPResponse) -> None:
    answer.read()


def _digest(answer: HTTPResponse) -> str:
    return str(json.loads(answer.read())["sha256"])
