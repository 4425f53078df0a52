"""Large values in Ray's object store.

The program owns all of them, so that a value outlives the worker that made it. What a worker passes to further tasks, or
puts, reaches the program inside a message; results of tasks are what its lease yields.
"""

import itertools
from collections import deque
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import ray
from ray.exceptions import RayError

from qiskit_serverless.tasks.errors import WorkerDiedError
from qiskit_serverless.tasks.segments import Part, offsets

_serials = itertools.count()


class Ticket(NamedTuple):
    """What leads to an object from another process of the job. The object stays for as long as somebody has its reference.

    Attributes:
        object_id: Its id.
        owner: Address of the owner, as Ray knows it.
        status: What the owner knows of it.
    """

    object_id: bytes
    owner: bytes
    status: bytes

    @classmethod
    def of(cls, reference: "ray.ObjectRef") -> "Ticket":
        """Return the ticket for a reference of this process.

        (Pickling the reference would do, but Ray then keeps the object for as long as the program lives.)
        """
        _, owner, status = _core().serialize_object_ref(reference)
        return cls(reference.binary(), owner, status)

    def redeem(self) -> "ray.ObjectRef":
        """Return the reference in this process."""
        reference = ray.ObjectRef(self.object_id, self.owner)
        _core().deserialize_and_register_object_ref(self.object_id, ray.ObjectRef.nil(), self.owner, self.status)
        return reference


def _core() -> Any:  # noqa: ANN401  (Ray has no annotations)
    return ray._private.worker.global_worker.core_worker


class StoredObject:
    """A hold on an object of the store, which has the parts of a payload: a `Hold`."""

    __slots__ = ("__weakref__", "_on_release", "reference", "serial")

    def __init__(self, reference: "ray.ObjectRef", on_release: Callable[[object], None] | None = None) -> None:
        self.reference = reference
        self.serial = next(_serials)
        self._on_release = on_release

    @property
    def handle(self) -> Ticket:
        """Return the ticket, which is passed along with a message."""
        return Ticket.of(self.reference)

    def map(self) -> "np.ndarray[Any, Any]":
        """Return a copy of the content: Ray's own memory cannot be written to, and what tasks and programs get can."""
        return _laid_out(self._parts())

    def read(self, lengths: Sequence[int]) -> list[bytes]:
        """Copy the parts out."""
        return [part.tobytes() for part in self._parts()]

    def _parts(self) -> "list[np.ndarray[Any, Any]]":
        try:
            parts: list[np.ndarray[Any, Any]] = ray.get(self.reference)
        except RayError as error:
            raise WorkerDiedError(f"a value is lost with the node of the cluster that held it: {error}") from None
        return parts

    def __del__(self) -> None:
        if self._on_release is not None:
            self._on_release(self)


def _laid_out(parts: "list[np.ndarray[Any, Any]]") -> "np.ndarray[Any, Any]":
    """Return a copy of parts where `offsets` puts them."""
    places = offsets([len(part) for part in parts])
    content = np.empty(places[-1], np.uint8)
    for part, place in zip(parts, places, strict=False):
        content[place : place + len(part)] = part
    return content


def as_arrays(parts: Sequence[Part]) -> "list[np.ndarray[Any, Any]]":
    """Return the parts in the form in which Ray stores them without a copy in between."""
    return [np.frombuffer(part, np.uint8) for part in parts]


class ObjectStore:
    """Where large values of the program go."""

    def write(self, parts: Sequence[Part]) -> StoredObject:
        """Store the parts."""
        return StoredObject(ray.put(as_arrays(parts)))

    def close(self) -> None:
        """Do nothing: Ray drops the objects of a program that has ended."""


class Inline:
    """Where large values of tasks go that are not their results: nowhere, they stay in the messages."""

    def write(self, parts: Sequence[Part]) -> None:
        """Store nothing."""
        return

    def close(self) -> None:
        """Do nothing."""


class Yield(NamedTuple):
    """Stands for an object that a lease is about to yield: a `Hold`.

    Attributes:
        serial: Its place among all that the lease yields.
        parts: Its content.
    """

    serial: int
    parts: "list[np.ndarray[Any, Any]]"

    @property
    def handle(self) -> int:
        """Return the place, by which the program knows it."""
        return self.serial

    def map(self) -> "np.ndarray[Any, Any]":
        """Return a copy of the content."""
        return _laid_out(self.parts)

    def read(self, lengths: Sequence[int]) -> list[bytes]:
        """Copy the parts out."""
        return [part.tobytes() for part in self.parts]


class Results:
    """Where large results of tasks go: they are yielded when the task has ended.

    Attributes:
        waiting: What is to be yielded.
    """

    def __init__(self) -> None:
        self.waiting: deque[list[np.ndarray[Any, Any]]] = deque()
        self._places = itertools.count()

    def write(self, parts: Sequence[Part]) -> Yield:
        """Keep the parts until they are yielded."""
        self.waiting.append(as_arrays(parts))
        return Yield(next(self._places), self.waiting[-1])

    def close(self) -> None:
        """Drop what was not yielded."""
        self.waiting.clear()
