"""The container of large values: a head in JSON and the binary parts that it refers to. See docs/value-container.md.

Nothing of what is read is believed before it was checked. It needs neither NumPy nor Qiskit: the gateway uses it too.
"""

import struct
import zlib
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from qiskit_serverless.exceptions import SerializationError
from qiskit_serverless.serialization.compression import Buffer, compressed, decompressed

MAGIC = b"\x89TREADLE"
"""How every container begins; no JSON text does."""

MEDIA_TYPE = "application/vnd.treadle.container"
"""Content type of a container."""

PREAMBLE_SIZE = 32
"""Bytes before the index."""

LARGEST_SHARED = 1 << 24
"""A part with more bytes holds one object only, so that nobody must keep more of it than a block."""

MOST_PARTS = 1 << 16
"""Most parts of a container, the head included."""

_VERSION = 1
_ALIGNMENT = 64
_STORED, _ZSTD = 0, 1
_PREAMBLE = struct.Struct("<8sHHIQII")  # magic, version, flags, parts, bytes in all, CRC-32 of the index, nothing
_ENTRY = struct.Struct("<QQQIB3x")  # offset, stored bytes, bytes, CRC-32 of the stored bytes, compression


def is_container(beginning: Buffer) -> bool:
    """Return whether bytes are the beginning of a container; if not, they are JSON text."""
    return bytes(beginning[: len(MAGIC)]) == MAGIC


@dataclass(frozen=True, slots=True)
class Preamble:
    """How a container begins.

    Attributes:
        parts: Number of parts, the head included.
        size: Bytes of the container.
        checksum: CRC-32 of the index.
    """

    parts: int
    size: int
    checksum: int

    @property
    def index_size(self) -> int:
        """Bytes of the index, which follows."""
        return self.parts * _ENTRY.size

    @classmethod
    def parse(cls, data: Buffer) -> "Preamble":
        """Read the first `PREAMBLE_SIZE` bytes of a container.

        Raises:
            SerializationError: They are not those of a container, or of a newer version of it.
        """
        if len(data) < PREAMBLE_SIZE or bytes(data[:8]) != MAGIC:
            raise SerializationError("This is not a container of a value, or only the beginning of one.")
        _, version, flags, parts, size, checksum, _ = _PREAMBLE.unpack(data[:PREAMBLE_SIZE])
        if version != _VERSION or flags:
            raise SerializationError(
                f"This value is in version {version} of the container (flags {flags}), and this version of Treadle reads "
                f"version {_VERSION}. Upgrade: pip install -U treadle"
            )
        if not 1 <= parts <= MOST_PARTS:
            raise SerializationError(f"A container has 1 to {MOST_PARTS} parts; this one declares {parts}.")
        return cls(parts, size, checksum)


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a container that lies somewhere.

    Attributes:
        offset: Where it begins.
        stored: Bytes it takes there.
        size: Bytes it holds, decompressed.
        checksum: CRC-32 of its stored bytes.
        is_compressed: Whether it is compressed, with zstd.
    """

    offset: int
    stored: int
    size: int
    checksum: int
    is_compressed: bool

    def content(self, blocks: Iterable[Buffer]) -> Iterator[Buffer]:
        """Yield the bytes it holds, in blocks.

        Args:
            blocks: Its stored bytes, cut anyhow.

        Raises:
            SerializationError: They were changed since they were written, or are not what is declared.
        """
        verified = self._verified(blocks)
        return decompressed(verified, self.size) if self.is_compressed else verified

    def _verified(self, blocks: Iterable[Buffer]) -> Iterator[Buffer]:
        stored = checksum = 0
        for block in blocks:
            stored += len(block)
            checksum = zlib.crc32(block, checksum)
            yield block
        if (stored, checksum) != (self.stored, self.checksum):
            raise SerializationError(f"The part at byte {self.offset} of the container is damaged.")


def parse_index(preamble: Preamble, data: Buffer) -> tuple[Part, ...]:
    """Read the index of a container: its parts, the head first.

    Args:
        preamble: What stands before it.
        data: The index.

    Raises:
        SerializationError: It is damaged, or the parts do not fill the container.
    """
    if len(data) != preamble.index_size or zlib.crc32(data) != preamble.checksum:
        raise SerializationError("The index of the container is damaged.")
    end = PREAMBLE_SIZE + preamble.index_size
    parts: list[Part] = []
    for offset, stored, size, checksum, compression in _ENTRY.iter_unpack(data):
        if offset != _aligned(end) or compression not in (_STORED, _ZSTD):
            raise SerializationError(
                f"Part {len(parts)} of the container does not lie where it must, or is unreadable."
            )
        if compression == _STORED and size != stored:
            raise SerializationError(f"Part {len(parts)} of the container declares {size} bytes and has {stored}.")
        end = offset + stored
        parts.append(Part(offset, stored, size, checksum, compression == _ZSTD))
    if end != preamble.size:
        raise SerializationError(f"The container declares {preamble.size} bytes and its parts end at byte {end}.")
    return tuple(parts)


def written(parts: Sequence[Sequence[Buffer]]) -> list[Buffer]:
    """Return the bytes of a container, in pieces.

    Args:
        parts: The head and the other parts, each in pieces.
    """
    chosen = [(compressed(pieces), pieces) for pieces in parts]
    end = PREAMBLE_SIZE + len(parts) * _ENTRY.size
    entries, body = [], []
    for packed, pieces in chosen:
        offset, content = _aligned(end), pieces if packed is None else packed
        checksum = 0
        for piece in content:
            checksum = zlib.crc32(piece, checksum)
        stored = sum(map(len, content))
        compression = _STORED if packed is None else _ZSTD
        entries.append(_ENTRY.pack(offset, stored, sum(map(len, pieces)), checksum, compression))
        body += [bytes(offset - end), *content]
        end = offset + stored
    index = b"".join(entries)
    return [_PREAMBLE.pack(MAGIC, _VERSION, 0, len(parts), end, zlib.crc32(index), 0), index, *body]


def _aligned(offset: int) -> int:
    return -(-offset // _ALIGNMENT) * _ALIGNMENT
