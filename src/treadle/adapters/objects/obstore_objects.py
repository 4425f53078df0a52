"""Objects through obstore: a local folder now, any cloud store with the same code."""

from pathlib import Path

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, ObjectStore

from treadle.domain.errors import StorageError


class ObstoreObjects:
    """`treadle.ports.objects.ObjectStore` on an obstore store."""

    def __init__(self, store: ObjectStore) -> None:
        self._store = store

    @classmethod
    def in_folder(cls, folder: Path) -> "ObstoreObjects":
        """Return objects kept as files below `folder`. Programs must not write there: the store follows links."""
        return cls(LocalStore(folder, mkdir=True))

    async def put(self, key: str, data: bytes) -> None:
        """Store `data`, in place of what the key held."""
        try:
            await obstore.put_async(self._store, key, data)
        except (BaseError, OSError) as error:
            raise StorageError(
                f"The object store cannot be written: {error}.",
                hint="Check that the platform's disk has room and that its home folder can be written.",
            ) from error

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
