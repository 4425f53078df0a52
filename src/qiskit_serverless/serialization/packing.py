"""Values in the form in which they travel: JSON while they are small, a container when they hold much binary data."""

from qiskit_serverless.serialization.binary import Binary
from qiskit_serverless.serialization.compression import Buffer
from qiskit_serverless.serialization.container import LARGEST_SHARED, MOST_PARTS, written
from qiskit_serverless.serialization.encoding import json_text, tree_of
from qiskit_serverless.serialization.references import Reference
from qiskit_serverless.serialization.tags import Value

_WORTH_A_CONTAINER = 1 << 16
_WORTH_A_PART = 1 << 16
_ALIGNMENT = 16


def pack(value: Value, root: str = "result", verb: str = "stored") -> list[Buffer]:
    """Return a value in pieces: those of a container if its arrays, circuits and the like have 64 KiB or more, else JSON text.

    The pieces of large arrays are their own memory: write them before the arrays change.

    Args:
        value: What to write.
        root: Name of the value in error messages.
        verb: What is about to happen to the value, in error messages.

    Raises:
        SerializationError: Something inside cannot be carried; the message names its place and type.
    """
    binaries: list[Binary] = []

    def keep(binary: Binary) -> Binary:
        binaries.append(binary)
        return binary

    tree = tree_of(value, root, verb, keep=keep)
    size = sum(binary.size for binary in binaries)
    if size < _WORTH_A_CONTAINER:
        return [json_text(tree, root, verb, Binary.text).encode()]
    parts = _Parts(worth_a_part=max(_WORTH_A_PART, 2 * size // MOST_PARTS))
    references = {id(binary): parts.add(binary) for binary in binaries}
    head = json_text(tree, root, verb, lambda binary: references[id(binary)].to_json())
    return written([[head.encode()], *parts.pieces])


class _Parts:
    """The binary parts of a container that is written: one for each large object, the others share some."""

    def __init__(self, worth_a_part: int) -> None:
        self.pieces: list[list[Buffer]] = []
        self._worth_a_part = worth_a_part
        self._shared: dict[bool, _SharedPart] = {}

    def add(self, binary: Binary) -> Reference:
        """Add an object and return the reference to it."""
        if binary.size > LARGEST_SHARED or (binary.size >= self._worth_a_part and not binary.alike):
            self.pieces.append(list(binary.pieces))
            return Reference(len(self.pieces), 0, binary.size, binary.encoding)
        shared = self._shared.get(binary.alike)
        if shared is None or shared.size + _ALIGNMENT + binary.size > LARGEST_SHARED:
            self.pieces.append([])
            shared = self._shared[binary.alike] = _SharedPart(len(self.pieces), self.pieces[-1])
        return Reference(shared.number, shared.add(binary), binary.size, binary.encoding)


class _SharedPart:
    def __init__(self, number: int, pieces: list[Buffer]) -> None:
        self.number = number
        self.size = 0
        self._pieces = pieces

    def add(self, binary: Binary) -> int:
        """Add an object and return where it begins."""
        gap = -self.size % _ALIGNMENT
        self._pieces += [bytes(gap), *binary.pieces]
        offset = self.size + gap
        self.size = offset + binary.size
        return offset
