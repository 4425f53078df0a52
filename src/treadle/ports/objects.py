"""Where large things are kept: artifacts, arguments, results. Keys are digests and ids, never text of users."""

from collections.abc import AsyncIterable, AsyncIterator
from typing import Protocol


class StoredObject(Protocol):
    """What a key holds, to be read in parts."""

    @property
    def size(self) -> int:
        """How many bytes."""

    @property
    def mark(self) -> str:
        """Differs when the key holds something else."""

    def blocks(self) -> AsyncIterator[bytes]:
        """Yield all bytes, in blocks of at most 1 MiB."""

    def read(self, start: int, length: int) -> bytes:
        """Return so many bytes from `start` on, which must be there. It blocks: for threads other than the event loop's."""


class ObjectStore(Protocol):
    """Bytes by key. A key is made of segments of ``[A-Za-z0-9._-]`` with slashes between them."""

    async def put(self, key: str, data: bytes) -> None:
        """Store `data`, in place of what the key held. Whoever reads sees the old or the new value, nothing between.

        Once this returns it survives a power cut.

        Raises:
            treadle.domain.errors.StorageError: The store refuses to write.
        """

    async def put_stream(self, key: str, blocks: AsyncIterable[bytes], most: int = 2**34) -> None:
        """Store what `blocks` yields, as `put` does. If it raises, so does this, and the key holds what it held.

        Args:
            key: The key.
            blocks: The content.
            most: Most bytes that may come: stores take a limited number of parts, which must be the larger the more can come.

        Raises:
            treadle.domain.errors.StorageError: The store refuses to write.
        """

    async def open(self, key: str) -> StoredObject | None:
        """Return what the key holds, to be read in parts, or None."""

    async def get(self, key: str) -> bytes | None:
        """Return what the key holds, or None."""

    async def read(self, key: str, start: int, length: int) -> bytes | None:
        """Return so many bytes from `start` on, at least one, which must be there if the key holds anything; or None."""

    async def delete(self, key: str) -> None:
        """Forget what the key holds; harmless when it holds nothing."""
