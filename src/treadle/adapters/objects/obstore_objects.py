"""Objects through obstore: a local folder now, any cloud store with the same code."""

import asyncio
import logging
import os
from collections.abc import AsyncIterable, AsyncIterator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import LocalStore, ObjectStore

from treadle.domain.errors import StorageError, StorageUnavailableError

logger = logging.getLogger(__name__)

_BLOCK = 1 << 20
_RANGE = 4 << 20  # what is fetched at once: a store that is far away takes a while to answer
_SMALL = 5 << 20  # what is stored with a single request
_MOST_PARTS = 10_000
_WRITES_AT_ONCE = 2  # parts that a stream keeps in memory, of 5 MiB each unless very much may come


@dataclass(frozen=True, slots=True)
class ObstoreObject:
    """`treadle.ports.objects.StoredObject` on an obstore store."""

    store: ObjectStore
    key: str
    size: int
    mark: str

    async def blocks(self) -> AsyncIterator[bytes]:
        """Yield all bytes, in blocks of at most 1 MiB."""
        for start in range(0, self.size, _RANGE):
            length = min(_RANGE, self.size - start)
            with storage_errors():
                part = await obstore.get_range_async(self.store, self.key, start=start, length=length)
            whole = memoryview(part)
            for begin in range(0, length, _BLOCK):
                yield bytes(whole[begin : begin + _BLOCK])

    def read(self, start: int, length: int) -> bytes:
        """Return so many bytes from `start` on."""
        if not length:
            return b""
        with storage_errors():
            return obstore.get_range(self.store, self.key, start=start, length=length).to_bytes()


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
        with storage_errors():
            await obstore.put_async(self._store, key, data)
            await self._sync(key)

    async def put_stream(self, key: str, blocks: AsyncIterable[bytes], most: int = 2**34) -> None:
        """Store what `blocks` yields, in place of what the key held."""
        arriving = aiter(blocks)
        beginning, more = await _beginning(arriving)
        if not more:
            await self.put(key, beginning)
            return
        with storage_errors():
            whole = _continued(beginning, arriving)
            part = part_size(most)
            await obstore.put_async(self._store, key, whole, chunk_size=part, max_concurrency=_WRITES_AT_ONCE)
            await self._sync(key)

    async def _sync(self, key: str) -> None:
        if self._folder is not None:
            await asyncio.to_thread(_sync_file, self._folder, key)

    async def open(self, key: str) -> ObstoreObject | None:
        """Return what the key holds, to be read in parts, or None."""
        try:
            with storage_errors():
                meta = await obstore.head_async(self._store, key)
        except FileNotFoundError:
            return None
        return ObstoreObject(self._store, key, meta["size"], meta["e_tag"] or str(meta["last_modified"]))

    async def get(self, key: str) -> bytes | None:
        """Return what the key holds, or None."""
        try:
            with storage_errors():
                answer = await obstore.get_async(self._store, key)
                return bytes(await answer.bytes_async())
        except FileNotFoundError:
            return None

    async def read(self, key: str, start: int, length: int) -> bytes | None:
        """Return so many bytes from `start` on, or None when the key holds nothing."""
        try:
            with storage_errors():
                return (await obstore.get_range_async(self._store, key, start=start, length=length)).to_bytes()
        except FileNotFoundError:
            return None

    async def delete(self, key: str) -> None:
        """Forget what the key holds; harmless when it holds nothing."""
        try:
            with storage_errors():
                await obstore.delete_async(self._store, key)
        except FileNotFoundError:
            return


def part_size(most: int) -> int:
    """Return the bytes of each part of an object of at most `most` bytes: S3 takes 10,000 parts."""
    return max(_SMALL, -(-most // _MOST_PARTS))


async def _beginning(arriving: AsyncIterator[bytes]) -> tuple[bytes, bool]:
    """Return what comes first, and whether there is more: what is small needs no upload in parts."""
    received = bytearray()
    async for block in arriving:
        received += block
        if len(received) > _SMALL:
            return bytes(received), True
    return bytes(received), False


async def _continued(beginning: bytes, arriving: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    yield beginning
    async for block in arriving:
        yield block


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
def storage_errors() -> Iterator[None]:
    """Let what a store refuses be raised as `StorageError`; that a key holds nothing, or something already, is no refusal."""
    try:
        yield
    except (FileNotFoundError, AlreadyExistsError):
        raise
    except OSError as error:
        raise StorageError(
            f"The object store cannot be used: {error}.",
            hint="Check that the platform's disk has room and that its home folder can be written.",
        ) from error
    except BaseError as error:
        raise _refused(error) from error


def _refused(error: BaseError) -> StorageError:
    """Return the error for what a store said. Its words name hosts and keys: the log has them, users do not."""
    words = str(error).partition("\n")[0]
    logger.warning("the object store refused: %s", words)
    return StorageUnavailableError(
        "The object store does not do what the platform asks of it now.",
        hint="Try again in a while; if it stays so, the platform's operator finds the reason in the gateway's log.",
    )
