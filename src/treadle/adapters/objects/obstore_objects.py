"""Objects through obstore: a local folder now, any cloud store with the same code."""

import asyncio
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from treadle.domain.errors import StorageError

_BLOCK = 1 << 20
_WRITES_AT_ONCE = 2  # of 5 MiB each: what a stream keeps in memory


@dataclass(frozen=True, slots=True)
class ObstoreObject:
    """`treadle.ports.objects.StoredObject` on an obstore store."""

    store: ObjectStore
    key: str
    size: int

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield all bytes, in blocks of at most 1 MiB."""
        for start in range(0, self.size, _BLOCK):
            length = min(_BLOCK, self.size - start)
            yield (await obstore.get_range_async(self.store, self.key, start=start, length=length)).to_bytes()

    def read(self, start: int, length: int) -> bytes:
        """Return so many bytes from `start` on."""
        return obstore.get_range(self.store, self.key, start=start, length=length).to_bytes() if length else b""


class ObstoreObjects:
    """`treadle.ports.objects.ObjectStore` on an obstore store."""

    def __init__(self, store: ObjectStore, folder: Path | None = None) -> None:
        """Use a store.

        Args:
            store: The store.
            folder: Where a local one keeps its files: it leaves them to the system's cache, so that a power cut would lose
                what was stored just before.
        """
        self._store = store
        self._folder = folder

    @classmethod
    def in_folder(cls, folder: Path) -> "ObstoreObjects":
        """Return objects kept as files below `folder`. Programs must not write there: the store follows links."""
        return cls(LocalStore(folder, mkdir=True), folder)

    async def put(self, key: str, data: bytes) -> None:
        """Store `data`, in place of what the key held."""
        with _storage_errors():
            await obstore.put_async(self._store, key, data)
            await self._sync(key)

    async def put_stream(self, key: str, blocks: AsyncIterable[bytes]) -> None:
        """Store what `blocks` yields, in place of what the key held."""
        with _storage_errors():
            await obstore.put_async(self._store, key, blocks, max_concurrency=_WRITES_AT_ONCE)
            await self._sync(key)

    async def _sync(self, key: str) -> None:
        if self._folder is not None:
            await asyncio.to_thread(_sync_file, self._folder, key)

    async def open(self, key: str) -> ObstoreObject | None:
        """Return what the key holds, to be read in parts, or None."""
        try:
            meta = await obstore.head_async(self._store, key)
        except FileNotFoundError:
            return None
        return ObstoreObject(self._store, key, meta["size"])

    async def get(self, key: str) -> bytes | None:
        """Return what the key holds, or None."""
        try:
            answer = await obstore.get_async(self._store, key)
        except FileNotFoundError:
            return None
        return bytes(await answer.bytes_async())

    async def delete(self, key: str) -> None:
        """Forget what the key holds; harmless when it holds nothing."""
        try:
            await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return


def _sync_file(folder: Path, key: str) -> None:
    """Have the disk keep a file, and that it is where it is (fsync(2))."""
    place = folder / key
    while place != folder.parent:
        descriptor = os.open(place, os.O_RDONLY | os.O_CLOEXEC)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        place = place.parent


@contextmanager
def _storage_errors() -> Iterator[None]:
    try:
        yield
    except (BaseError, OSError) as error:
        raise StorageError(
            f"The object store cannot be written: {error}.",
            hint="Check that the platform's disk has room and that its home folder can be written.",
        ) from error
