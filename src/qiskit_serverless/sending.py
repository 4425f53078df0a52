"""What is sent as the body of a request without being put together in memory."""

import secrets
import time
import uuid
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass

from qiskit_serverless.serialization.compression import Buffer

_BLOCK = 1 << 18


def new_key() -> str:
    """Return a name for a request that no other request has; it begins with the time, as a UUIDv7 does."""
    return str(uuid.UUID(int=time.time_ns() // 10**6 << 80 | secrets.randbits(80)))


@dataclass(frozen=True, slots=True)
class Pieces:
    """A body in pieces, which can be sent again.

    Attributes:
        pieces: The bytes, one piece after the other.
        media_type: What they are.
    """

    pieces: Sequence[Buffer]
    media_type: str

    @property
    def headers(self) -> dict[str, str]:
        """Headers of the request."""
        return {"Content-Type": self.media_type, "Content-Length": str(self.size)}

    @property
    def size(self) -> int:
        """Bytes in all."""
        return sum(len(piece) for piece in self.pieces)

    def read(self, start: int, length: int) -> bytes:
        """Return so many bytes from `start` on, or as many as there are."""
        found = bytearray()
        end = start + length
        for piece in self.pieces:
            found += memoryview(piece)[max(start, 0) : max(end, 0)]
            start, end = start - len(piece), end - len(piece)
        return bytes(found)

    def blocks(self) -> Iterator[bytes]:
        """Yield the bytes in blocks of some size."""
        for piece in self.pieces:
            view = memoryview(piece)
            for start in range(0, len(view), _BLOCK):
                yield bytes(view[start : start + _BLOCK])

    async def ablocks(self) -> AsyncIterator[bytes]:
        """Yield the same to an event loop."""
        for block in self.blocks():
            yield block
