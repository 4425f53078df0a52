"""How clients and workers exchange large objects with the object store itself, past the gateway."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol


@dataclass(frozen=True, slots=True)
class PartialUpload:
    """An upload that was begun.

    Attributes:
        upload_id: The store's name for it.
        part_size: Bytes of each part but the last.
        urls: Where to PUT the parts, in order. Whoever has one may use it: never logged, never stored.
    """

    upload_id: str
    part_size: int
    urls: tuple[str, ...]


class Transfers(Protocol):
    """Gives out URLs that are good for one object and a limited time."""

    async def url(self, key: str, media_type: str) -> str:
        """Return the URL, good for an hour, that answers with the object as this type. It is never logged, never stored.

        Raises:
            treadle.domain.errors.StorageUnavailableError: It cannot be signed now.
        """

    async def begin(self, key: str, size: int) -> PartialUpload:
        """Begin an upload of so many bytes; of each part no other number of bytes is taken. The key holds what it held.

        Raises:
            treadle.domain.errors.StorageUnavailableError: The store does not answer.
        """

    async def complete(self, key: str, upload_id: str, etags: Sequence[str]) -> None:
        """Make an object of the parts that were uploaded, in place of what the key held; their URLs are dead then.

        One that was completed before is no error: look at what the key holds.

        Args:
            key: The key.
            upload_id: The upload; one of another key is none.
            etags: What the store answered to each part, in order.

        Raises:
            treadle.domain.errors.InvalidError: These are not the parts that were uploaded.
            treadle.domain.errors.StorageUnavailableError: The store does not answer.
        """

    async def sweep(self, before: datetime) -> None:
        """Throw away the parts of uploads that were begun before some time and never completed.

        Raises:
            treadle.domain.errors.StorageUnavailableError: The store does not answer.
        """
