"""Values out of the form in which they travel."""

import json
import mmap
import os
from pathlib import Path

from qiskit_serverless.exceptions import SerializationError
from qiskit_serverless.serialization.container import MAGIC, PREAMBLE_SIZE, Part, Preamble, is_container, parse_index
from qiskit_serverless.serialization.decoding import loads, restore
from qiskit_serverless.serialization.references import Reference, is_reference
from qiskit_serverless.serialization.tags import Value


def load(path: Path) -> Value:
    """Return the value of a file that holds JSON or a container. Large arrays of a container are views of the file.

    Raises:
        OSError: It cannot be read.
        json.JSONDecodeError: It is neither.
        SerializationError: It is damaged, or holds what this version does not know.
    """
    with path.open("rb") as file:
        if is_container(file.read(len(MAGIC))):
            return load_container(file.fileno())
    return loads(path.read_text(encoding="utf-8"))


def load_container(descriptor: int) -> Value:
    """Return the value of an open file that holds a container. Its memory is mapped; what is changed there is not written.

    Raises:
        SerializationError: It is damaged, or holds what this version does not know.
    """
    size = os.fstat(descriptor).st_size
    memory = mmap.mmap(descriptor, size, access=mmap.ACCESS_COPY) if size else b""
    return unpack(memoryview(memory))


def unpack(memory: memoryview) -> Value:
    """Return the value of a container in memory. Large arrays are views of it, if it may be written to.

    Raises:
        SerializationError: It is damaged, or holds what this version does not know.
    """
    preamble = Preamble.parse(memory)
    if preamble.size != len(memory):
        raise SerializationError(f"The container declares {preamble.size} bytes and has {len(memory)}.")
    parts = parse_index(preamble, memory[PREAMBLE_SIZE : PREAMBLE_SIZE + preamble.index_size])
    contents = _Contents(memory, parts)
    try:
        return json.loads(bytes(contents.part(0)), object_hook=contents.restore)
    except ValueError as error:  # not JSON, or not UTF-8
        raise SerializationError(f"The container does not hold a value: {error}") from error


class _Contents:
    """The parts of a container, each checked and decompressed when it is first needed."""

    def __init__(self, memory: memoryview, parts: tuple[Part, ...]) -> None:
        self._memory = memory
        self._parts = parts
        self._opened: dict[int, memoryview] = {}

    def part(self, number: int) -> memoryview:
        """Return the bytes a part holds."""
        if number not in self._opened:
            self._opened[number] = self._open(self._parts[number])
        return self._opened[number]

    def restore(self, fields: dict[str, Value]) -> Value:
        """Return the object that a JSON object describes, the bytes it refers to, or itself if it is neither."""
        if is_reference(fields):
            place = Reference.from_json(fields, self._parts)
            return self.part(place.part)[place.offset : place.offset + place.size]
        return restore(fields)

    def _open(self, part: Part) -> memoryview:
        stored = self._memory[part.offset : part.offset + part.stored]
        content = part.content([stored])
        if part.is_compressed:
            return memoryview(bytearray().join(content))
        for _ in content:  # it is checked as it passes
            pass
        return stored
