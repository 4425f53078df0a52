"""Where large things are kept: artifacts, arguments, results. Keys are digests and ids, never text of users."""

from typing import Protocol


class ObjectStore(Protocol):
    """Bytes by key. A key is made of segments of ``[A-Za-z0-9._-]`` with slashes between them."""

    async def put(self, key: str, data: bytes) -> None:
        """Store `data`, in place of what the key held. Whoever reads sees the old or the new value, nothing between.

        Raises:
            treadle.domain.errors.StorageError: The store refuses to write.
        """

    async def get(self, key: str) -> bytes | None:
        """Return what the key holds, or None."""

    async def delete(self, key: str) -> None:
        """Forget what the key holds; harmless when it holds nothing."""
