"""Files in a folder of this machine, where programs see them at once."""

import asyncio
import contextlib
import errno
import os
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import ParamSpec, TypeVar

from qiskit_serverless.spaces.folders import (
    FoundFile,
    is_absent,
    names_in,
    open_regular,
    opened_folder,
    regular_files,
    status_of,
)
from qiskit_serverless.spaces.names import is_clean
from treadle.adapters.files.checksums import CHUNK, Checksums
from treadle.adapters.files.limits import MOST_LISTED, too_large, too_many, unplaceable
from treadle.adapters.files.partial_file import PartialFile
from treadle.domain.errors import StorageError
from treadle.domain.files import Space, StoredFile
from treadle.ports.files import SMALL

P = ParamSpec("P")
T = TypeVar("T")

_MOST_HASHED = 20 * 2**30  # bytes read for checksums at a time; a program can leave files of any size that take no room
_HASHING = 2  # listings that compute checksums at the same time; each keeps one thread busy
_LATEST = datetime(9999, 12, 31, tzinfo=UTC).timestamp()
_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class FolderFiles:
    """`treadle.ports.files.FileStore` in a folder."""

    def __init__(self, root: Path) -> None:
        """Use a folder.

        Args:
            root: The folder; made when it is not there.
        """
        self._root = root
        self._partials = root / ".partial"
        self._partials.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._checksums = Checksums()
        self._hashing = asyncio.Semaphore(_HASHING)

    def folder(self, space: Space) -> str:
        """Return the folder in which programs find the files of a space."""
        return str(self._root.joinpath(*space.segments))

    async def names(self, space: Space) -> list[str]:
        """Return the names of the files that lie directly in a space, in order."""
        return await asyncio.to_thread(self._names, space)

    def _names(self, space: Space) -> list[str]:
        with self._existing(space) as folder:
            if folder is None:
                return []
            return sorted(name for name in names_in(folder) if is_clean(name) and status_of(folder, name))

    async def all(self, space: Space, folder: str, *, checksums: bool) -> list[StoredFile]:
        """Return every file of a space, also those in folders, in order of their paths."""
        if not checksums:
            return await asyncio.to_thread(self._all, space, folder, False)
        async with self._hashing:
            return await asyncio.to_thread(self._all, space, folder, True)

    def _all(self, space: Space, below: str, checksums: bool) -> list[StoredFile]:
        found: list[StoredFile] = []
        left = _MOST_HASHED
        prefix = f"{below}/" if below else ""
        with self._existing(space, *below.split("/") if below else ()) as folder:
            for file in regular_files(folder, prefix) if folder is not None else ():
                if len(found) >= MOST_LISTED:
                    raise too_many()
                known = self._checksums.known(file.status) if checksums else None
                if checksums and known is None and file.status.st_size <= left:
                    left -= file.status.st_size
                    known = self._computed(file)
                found.append(_described(file.path, file.status, known))
        return sorted(found, key=lambda file: file.path)

    def _computed(self, file: FoundFile) -> str | None:
        descriptor = open_regular(file.folder, file.name)
        if descriptor is None:
            return None
        with contextlib.closing(FolderFile(descriptor, self._checksums)) as opened:
            return opened.digest()

    async def write(self, space: Space, path: str, content: AsyncIterator[bytes], largest: int) -> StoredFile:
        """Store what `content` yields, in place of what was there."""
        with contextlib.closing(await _storing(path, PartialFile, self._partials)) as partial:
            writing: asyncio.Future[None] = asyncio.ensure_future(asyncio.sleep(0))
            try:
                async for batch in _batches(content, largest, path):
                    await writing  # while one batch is written, the next one comes in
                    writing = asyncio.ensure_future(_storing(path, partial.append, batch))
            finally:
                await writing
            return await _storing(path, self._place, partial, space, path)

    def _place(self, partial: PartialFile, space: Space, path: str) -> StoredFile:
        *folders, name = path.split("/")
        with opened_folder(self._root, (*space.segments, *folders), make=True) as folder:
            status = partial.move(folder, name)
        self._checksums.remember(status, partial.sha256)
        return _described(path, status, partial.sha256)

    async def write_small(self, space: Space, contents: Mapping[str, bytes]) -> None:
        """Store small files by their paths, one after the other."""
        for path, content in contents.items():
            await self.write(space, path, _once(content), len(content))

    async def read_small(self, space: Space, paths: Sequence[str]) -> list[bytes | None]:
        """Return the content of some files in the order of their paths; None for what is not there or not small."""
        return [await self._read_small(space, path) for path in paths]

    async def _read_small(self, space: Space, path: str) -> bytes | None:
        opened = await self.open(space, path)
        if opened is None:
            return None
        with contextlib.closing(opened):
            return await opened.read(0, opened.size) if opened.size <= SMALL else None

    async def open(self, space: Space, path: str) -> "FolderFile | None":
        """Open a file for reading; None when there is none."""
        *folders, name = path.split("/")
        with self._existing(space, *folders) as folder:
            descriptor = open_regular(folder, name) if folder is not None else None
        return FolderFile(descriptor, self._checksums) if descriptor is not None else None

    async def location(self, space: Space, path: str) -> None:
        """Return None: files are read here."""

    async def delete(self, space: Space, path: str) -> bool:
        """Remove a file. Returns whether there was one."""
        *folders, name = path.split("/")
        with self._existing(space, *folders) as folder:
            if folder is None or status_of(folder, name) is None:
                return False
            try:
                os.unlink(name, dir_fd=folder)
            except OSError as error:
                if is_absent(error):
                    return False
                raise
            return True

    async def delete_unchanged(self, space: Space, digests: Mapping[str, str]) -> None:
        """Remove files by their paths, but only those that still have the checksum that goes with the path."""
        for path, digest in digests.items():
            opened = await self.open(space, path)
            if opened is not None:
                with contextlib.closing(opened):
                    unchanged = await opened.sha256() == digest
                if unchanged:
                    await self.delete(space, path)

    async def sweep(self) -> None:
        """Remove what writes have left that a crash cut off."""
        for path in self._partials.iterdir():
            path.unlink()

    @contextlib.contextmanager
    def _existing(self, space: Space, *folders: str) -> Iterator[int | None]:
        """Yield a descriptor of a folder in a space; None when there is none."""
        with contextlib.ExitStack() as stack:
            try:
                folder = stack.enter_context(opened_folder(self._root, (*space.segments, *folders)))
            except OSError as error:
                if not is_absent(error):
                    raise
                folder = None
            yield folder


class FolderFile:
    """`treadle.ports.files.OpenFile` on a descriptor."""

    def __init__(self, descriptor: int, checksums: Checksums) -> None:
        """Take over a descriptor of a regular file."""
        self._descriptor: int | None = descriptor
        self._checksums = checksums
        self._status = os.fstat(descriptor)
        self._lock = threading.Lock()

    @property
    def size(self) -> int:
        """Its bytes."""
        return self._status.st_size

    @property
    def modified(self) -> datetime:
        """When it was last written."""
        return _modified(self._status)

    @property
    def etag(self) -> str:
        """A word that changes whenever its content does."""
        return f"{self._status.st_ino:x}-{self._status.st_size:x}-{self._status.st_mtime_ns:x}"

    async def read(self, start: int, length: int) -> bytes:
        """Return at most `length` bytes from `start`; empty at the end."""
        return await asyncio.to_thread(self._read, start, length)

    async def sha256(self) -> str | None:
        """Return the SHA-256 of its content in hexadecimal; None when it is too large to be read for that."""
        known = self._checksums.known(self._status)
        return known or (await asyncio.to_thread(self.digest) if self.size <= _MOST_HASHED else None)

    def digest(self) -> str:
        """Read it all in this thread, and return the SHA-256 of its content in hexadecimal."""
        return self._checksums.computed(self._status, self._read)

    def close(self) -> None:
        """Let go of it. A read in another thread ends first, as the number of the descriptor may get another meaning."""
        with self._lock:
            if self._descriptor is not None:
                os.close(self._descriptor)
            self._descriptor = None

    def _read(self, start: int, length: int) -> bytes:
        with self._lock:
            if self._descriptor is None:
                raise ValueError("read of a closed file")
            return os.pread(self._descriptor, length, start)


async def _once(content: bytes) -> AsyncIterator[bytes]:
    yield content


async def _batches(content: AsyncIterator[bytes], largest: int, path: str) -> AsyncIterator[list[bytes]]:
    """Yield the same bytes, several chunks at a time: each batch is written in a thread, and going there has its price.

    Raises:
        TooLargeError: There are more than `largest`.
    """
    batch: list[bytes] = []
    yielded = size = 0
    async for chunk in content:
        batch.append(chunk)
        size += len(chunk)
        if size > largest:
            raise too_large(path, largest)
        if size - yielded >= CHUNK:
            yield batch
            batch, yielded = [], size
    yield batch


async def _storing(path: str, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
    """Do `work` for a file in a thread; turn what the system says into errors of the platform."""
    try:
        return await asyncio.to_thread(work, *args, **kwargs)
    except (IsADirectoryError, NotADirectoryError) as error:
        raise unplaceable(path) from error
    except OSError as error:
        reason = "the disk is full" if error.errno in _FULL else error.strerror
        raise StorageError(
            f"The file {path!r} cannot be stored: {reason}.",
            hint="Nothing of it was kept. Delete files you no longer need, or ask the operator of the platform for room.",
        ) from error


def _described(path: str, status: os.stat_result, sha256: str | None = None) -> StoredFile:
    return StoredFile(path, status.st_size, _modified(status), sha256)


def _modified(status: os.stat_result) -> datetime:
    seconds = min(max(status.st_mtime, 0.0), _LATEST)  # programs can set any time, also such as no calendar has
    return datetime.fromtimestamp(seconds, UTC)
