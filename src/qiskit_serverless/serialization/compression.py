"""Compression of binary parts: only where a sample says that it pays, and undone only up to the size that was declared."""

import sys
from collections.abc import Iterable, Iterator, Sequence
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

from qiskit_serverless.exceptions import SerializationError

if TYPE_CHECKING:
    from backports import zstd

Buffer: TypeAlias = bytes | bytearray | memoryview

_LEVEL = 1  # as fast as memory; higher ones gain little on arrays and circuits
_LARGEST_WINDOW = 27  # log2 of the bytes a frame may make its reader keep: 128 MiB
_SAMPLE = 1 << 16
_WORTH = 0.9
_LARGE = 1 << 28
_WORTH_WHEN_LARGE = 0.25  # the compressed copy is kept in memory
_BLOCK = 1 << 20


def compressed(pieces: Sequence[Buffer]) -> list[Buffer] | None:
    """Return what `pieces` are when compressed, None if that does not pay.

    Args:
        pieces: Bytes in contiguous memory, one after the other.
    """
    size = sum(len(piece) for piece in pieces)
    worth = _WORTH if size <= _LARGE else _WORTH_WHEN_LARGE
    samples = list(_samples(max(pieces, key=len, default=b"")))
    if size < _BLOCK // 16 or not samples or _size(_compress(samples)) > worth * _size(samples):
        return None
    packed: list[Buffer] = list(_compress(pieces))
    return packed if _size(packed) <= worth * size else None


def decompressed(blocks: Iterable[Buffer], length: int) -> Iterator[bytes]:
    """Yield what was compressed, in blocks of at most 1 MiB.

    Args:
        blocks: What `compressed` returned, cut anyhow.
        length: Declared number of bytes; not one more is produced.

    Raises:
        SerializationError: They are something else, or not so many.
    """
    module = _zstd()
    stream = module.ZstdDecompressor(options={module.DecompressionParameter.window_log_max: _LARGEST_WINDOW})
    left = length
    try:
        for block in blocks:
            for data in _unpacked(stream, block):
                left -= len(data)
                if left < 0:
                    break
                yield data
    except (module.ZstdError, EOFError) as error:
        raise SerializationError(f"A part of the container cannot be decompressed: {error}") from error
    if left or not stream.eof:
        raise SerializationError(f"A part of the container does not have the {length} bytes that it declares.")


def _unpacked(stream: "zstd.ZstdDecompressor", block: Buffer) -> Iterator[bytes]:
    yield stream.decompress(block, _BLOCK)
    while not stream.needs_input and not stream.eof:
        yield stream.decompress(b"", _BLOCK)


def _samples(data: Buffer) -> Iterator[Buffer]:
    """Yield the beginning, the middle and the end of some data."""
    view = memoryview(data)
    for start in sorted({0, max(0, len(view) - _SAMPLE) // 2, max(0, len(view) - _SAMPLE)}):
        yield view[start : start + _SAMPLE]


def _compress(pieces: Iterable[Buffer]) -> Iterator[bytes]:
    stream = _zstd().ZstdCompressor(level=_LEVEL)
    for piece in pieces:
        yield stream.compress(piece)
    yield stream.flush()


def _size(pieces: Iterable[Buffer]) -> int:
    return sum(len(piece) for piece in pieces)


def _zstd() -> ModuleType:
    """Return the module, which Python has from 3.14 on. It is imported when first needed: small values never are."""
    return import_module("compression.zstd" if sys.version_info >= (3, 14) else "backports.zstd")
