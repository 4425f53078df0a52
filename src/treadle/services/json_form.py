"""A container as the JSON text of the same value, for readers that do not know containers. Made piece by piece, never held."""

import base64
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from qiskit_serverless.serialization.binary import DEFLATED, deflation_level
from qiskit_serverless.serialization.compression import Buffer
from qiskit_serverless.serialization.container import LARGEST_SHARED, PREAMBLE_SIZE, Part, Preamble, parse_index
from qiskit_serverless.serialization.references import Reference
from qiskit_serverless.wire import split_at_references

Read: TypeAlias = Callable[[int, int], bytes]
"""Returns so many bytes from an offset on."""

_BLOCK = 1 << 20
_WORTH_SENDING = 1 << 16
_QPY = b"QISKIT"
_BEFORE, _AFTER = '{"__type__":"QuantumCircuit","__value__":"', '"}'


@dataclass(frozen=True, slots=True)
class OlderCircuits:
    """How circuits are written for a reader with an older Qiskit.

    Attributes:
        version: Newest QPY version it reads.
        rewrite: Returns JSON text with its circuits written again. It takes a process that has Qiskit.
    """

    version: int
    rewrite: Callable[[str], str]


class JsonForm:
    """The JSON text of a container."""

    def __init__(self, read: Read, *, reduced: bool) -> None:
        """Read head and index.

        Args:
            read: Reads the container.
            reduced: Whether to leave out what only our own clients know.

        Raises:
            SerializationError: They are damaged, or refer to more than there is.
        """
        self._read = read
        preamble = Preamble.parse(read(0, PREAMBLE_SIZE))
        self._parts = parse_index(preamble, read(PREAMBLE_SIZE, preamble.index_size))
        self._opened: tuple[int, bytes] = (0, b"")
        head = b"".join(self._content(self._parts[0]))
        self._pieces = split_at_references(head, self._parts, reduced=reduced)

    def has_newer_circuits(self, older: OlderCircuits) -> bool:
        """Return whether there are circuits that would have to be written again.

        Raises:
            SerializationError: A part is damaged.
        """
        references = (piece for piece in self._pieces if isinstance(piece, Reference))
        return any(self._is_newer_circuit(reference, older.version) for reference in references)

    def pieces(self, older: OlderCircuits | None) -> Iterator[str]:
        """Yield the text in pieces of some size.

        Args:
            older: How to write circuits for a reader with an older Qiskit; None to leave them as they are.

        Raises:
            SerializationError: A part is damaged.
        """
        waiting: list[str] = []
        size = 0
        for piece in self._texts(older):
            waiting.append(piece)
            size += len(piece)
            if size >= _WORTH_SENDING:
                yield "".join(waiting)
                waiting, size = [], 0
        yield "".join(waiting)

    def _texts(self, older: OlderCircuits | None) -> Iterator[str]:
        rewritten: dict[Reference, str] = {}
        for piece in self._pieces:
            if isinstance(piece, str):
                yield piece
                continue
            if older is not None and piece not in rewritten and self._is_newer_circuit(piece, older.version):
                rewritten = self._rewritten(piece.part, older)
            yield from [rewritten[piece]] if piece in rewritten else _base64(self._text_bytes(piece))

    def _text_bytes(self, reference: Reference) -> Iterator[Buffer]:
        blocks = self._blocks(reference)
        return _deflated(blocks) if reference.encoding == DEFLATED else blocks

    def _blocks(self, reference: Reference) -> Iterator[Buffer]:
        """Yield the bytes of an object, which has its part for itself if that is large."""
        part = self._parts[reference.part]
        if part.size > LARGEST_SHARED:
            return self._content(part)
        return iter([self._shared(reference)])

    def _shared(self, reference: Reference) -> bytes:
        if self._opened[0] != reference.part:
            self._opened = (reference.part, b"".join(self._content(self._parts[reference.part])))
        return self._opened[1][reference.offset : reference.offset + reference.size]

    def _content(self, part: Part) -> Iterator[Buffer]:
        starts = range(part.offset, part.offset + part.stored, _BLOCK)
        return part.content(self._read(start, min(_BLOCK, part.offset + part.stored - start)) for start in starts)

    def _is_newer_circuit(self, reference: Reference, version: int) -> bool:
        if reference.encoding != DEFLATED or self._parts[reference.part].size > LARGEST_SHARED:
            return False
        beginning = self._shared(reference)[: len(_QPY) + 1]
        return beginning.startswith(_QPY) and beginning[-1] > version

    def _rewritten(self, part: int, older: OlderCircuits) -> dict[Reference, str]:
        """Write all newer circuits of a part again, in one go."""
        newer = [
            piece
            for piece in self._pieces
            if isinstance(piece, Reference) and piece.part == part and self._is_newer_circuit(piece, older.version)
        ]
        texts = [_BEFORE + "".join(_base64(self._text_bytes(piece))) + _AFTER for piece in newer]
        lines = older.rewrite("\n".join(texts)).split("\n")
        return {piece: line[len(_BEFORE) : -len(_AFTER)] for piece, line in zip(newer, lines, strict=True)}


def _deflated(blocks: Iterable[Buffer]) -> Iterator[Buffer]:
    stream = None
    for block in blocks:
        stream = stream or zlib.compressobj(deflation_level(block))
        yield stream.compress(block)
    yield (stream or zlib.compressobj()).flush()


def _base64(blocks: Iterable[Buffer]) -> Iterator[str]:
    rest = b""
    for block in blocks:
        data = rest + block
        end = len(data) - len(data) % 3
        yield base64.b64encode(data[:end]).decode("ascii")
        rest = data[end:]
    yield base64.b64encode(rest).decode("ascii")
