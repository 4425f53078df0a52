"""Values on their way between processes: pickle protocol 5 with large buffers beside the stream, circuits as QPY.

A payload is sealed: what `loads` makes of it is new each time and shares no memory that anybody could see changing.
"""

import functools
import io
import pickle
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from types import NoneType
from typing import Any, NamedTuple

import cloudpickle

from qiskit_serverless.tasks import circuits
from qiskit_serverless.tasks.errors import NotSerializableError
from qiskit_serverless.tasks.references import Handle, TaskReference, Value
from qiskit_serverless.tasks.segments import Hold, Part, SharedMemory, offsets

_BUFFER_MINIMUM = 64 * 2**10
"""Smaller buffers stay inside the stream."""
_SEGMENT_MINIMUM = 2**20
"""Larger payloads live in shared memory of their own, smaller ones inside the messages."""
PLAIN_TYPES = frozenset({NoneType, bool, int, float, complex, str, bytes})
"""Values of these types need no pickler of our own."""


class Payload(NamedTuple):
    """A value in its travelling form.

    Attributes:
        parts: The pickle stream, then the buffers beside it, then the QPY file; empty if they are in a segment.
        lengths: Lengths of the parts in bytes.
        segment: The shared memory that holds them, or None.
        has_circuits: Whether the last part is a QPY file.
        references: Handles of the task references inside the value.
    """

    parts: tuple[Part, ...]
    lengths: tuple[int, ...]
    segment: Hold | None
    has_circuits: bool
    references: tuple[Handle, ...]

    def copied(self) -> tuple[bytes, ...]:
        """Return the parts as bytes of this process."""
        if self.segment is None:
            return tuple(bytes(part) for part in self.parts)
        return tuple(self.segment.read(self.lengths))


class _Loading(threading.local):
    """What the functions in a pickle stream refer to, in this thread, while it is read."""

    circuits: Sequence[Any] = ()
    references: Mapping[int, Handle] = {}
    values: Sequence[Any] = ()


_loading = _Loading()


def _circuit(index: int, metadata: dict[str, Any]) -> Value:
    circuit = _loading.circuits[index]
    circuit.metadata = metadata
    return circuit


def _reference(number: int, name: str) -> TaskReference[Any]:
    return TaskReference(_loading.references[number], name)


def _value(index: int) -> Value:
    return _loading.values[index]


def is_found_by_name(value: object, module: str, path: str) -> bool:
    """Say whether other processes find a value by importing a module, so that it travels as its name.

    Args:
        value: The value.
        module: Name of the module.
        path: Names inside the module that lead to the value, with dots between them.
    """
    if module == "__main__" or module in cloudpickle.list_registry_pickle_by_value():
        return False
    found: object = sys.modules.get(module)
    for name in path.split("."):
        found = getattr(found, name, None)
    return found is value


def _cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Value:
    return functools.lru_cache(**parameters)(function)


_CACHED = type(_cached(len, {}))


def _keep_inside(beside: list[memoryview], buffer: pickle.PickleBuffer) -> bool:
    """Say whether a buffer goes into the stream; a large one goes beside it.

    (Were this a method of the pickler, the pickler would refer to itself, and keep what it pickled for the cyclic collector.)
    """
    view = buffer.raw()
    if view.nbytes < _BUFFER_MINIMUM:
        return True
    beside.append(view)
    return False


class _Pickler(cloudpickle.Pickler):  # type: ignore[misc]  # it has no annotations
    def __init__(self, file: io.BytesIO, places: Mapping[int, int]) -> None:
        self.buffers: list[memoryview] = []
        super().__init__(file, protocol=5, buffer_callback=functools.partial(_keep_inside, self.buffers))
        self.circuits: list[Any] = []
        self.references: dict[int, Handle] = {}
        self._places = places
        self._circuit_class = circuits.circuit_class()

    def reducer_override(self, obj: Value) -> Value:
        kind = type(obj)
        if kind is TaskReference:
            return self._reduce_reference(obj)
        if kind is self._circuit_class and circuits.survives_qpy(obj):
            self.circuits.append(obj)
            return _circuit, (len(self.circuits) - 1, obj.metadata)
        if kind is _CACHED and not is_found_by_name(obj, obj.__module__, obj.__qualname__):
            return _cached, (obj.__wrapped__, obj.cache_parameters())  # pickle knows these by their names only
        return super().reducer_override(obj)

    def _reduce_reference(self, reference: TaskReference[Any]) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        if reference.number in self._places:
            return _value, (self._places[reference.number],)
        self.references[reference.number] = reference.handle
        return _reference, (reference.number, reference.name)


def dumps(value: object, pool: SharedMemory, places: Mapping[int, int] | None = None) -> Payload:
    """Return a value in its travelling form.

    Args:
        value: Any value that cloudpickle can pickle.
        pool: Makes the shared memory if the payload is large.
        places: References (by number) that are to arrive as values, with their place in ``loads``'s `values`.

    Raises:
        NotSerializableError: It cannot be pickled.
    """
    if type(value) in PLAIN_TYPES:
        return dumps_plain(value, pool)
    file = io.BytesIO()
    pickler = _Pickler(file, places or {})
    try:
        pickler.dump(value)
    except Exception as error:  # pickling runs code of the user's types, which may raise anything
        raise NotSerializableError(f"{type(value)} cannot be sent to another process: {error}") from error
    parts: list[Part] = [file.getvalue(), *pickler.buffers]
    if pickler.circuits:
        parts.append(circuits.pack(pickler.circuits))
    return _sealed(parts, pool, bool(pickler.circuits), tuple(pickler.references.values()))


def dumps_plain(value: object, pool: SharedMemory) -> Payload:
    """Return a value made of nothing but tuples and `PLAIN_TYPES` in its travelling form, faster than `dumps` does."""
    return _sealed([pickle.dumps(value, 5)], pool)


def _sealed(
    parts: list[Part], pool: SharedMemory, has_circuits: bool = False, references: tuple[Handle, ...] = ()
) -> Payload:
    lengths = tuple(map(len, parts))
    if sum(lengths) >= _SEGMENT_MINIMUM and (segment := pool.write(parts)) is not None:
        return Payload((), lengths, segment, has_circuits, references)
    own = tuple(part if isinstance(part, bytes) else bytes(part) for part in parts)
    return Payload(own, lengths, None, has_circuits, references)


def loads(payload: Payload, values: Sequence[Value] = ()) -> Value:
    """Return a new copy of the value.

    Args:
        payload: Its travelling form.
        values: The values of the references that were to arrive as such.
    """
    parts = _readable(payload)
    if not (payload.has_circuits or payload.references or values):
        return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301  (from our own process tree)
    before = (_loading.circuits, _loading.references, _loading.values)
    _loading.circuits = circuits.unpack(parts.pop()) if payload.has_circuits else ()
    _loading.references = {handle.number: handle for handle in payload.references}
    _loading.values = values
    try:
        return pickle.loads(parts[0], buffers=parts[1:])  # noqa: S301  (from our own process tree)
    finally:
        _loading.circuits, _loading.references, _loading.values = before


def _readable(payload: Payload) -> list[Any]:
    """Return the parts, with buffers that may be written to."""
    if payload.segment is None:
        first, *others = payload.parts
        return [first, *map(bytearray, others)] if others else [first]
    content = memoryview(payload.segment.map())
    places = zip(offsets(payload.lengths), payload.lengths, strict=False)
    return [content[start : start + length] for start, length in places]
