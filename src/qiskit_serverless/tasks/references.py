"""Handles of values that exist already or will."""

from typing import Any, Generic, NoReturn, Protocol, SupportsIndex, TypeAlias, TypeVar

Value: TypeAlias = Any
"""Whatever users give to tasks and get from them."""
T_co = TypeVar("T_co", covariant=True)


class Handle(Protocol):
    """What keeps the value of a reference alive; each process has its own kind."""

    @property
    def number(self) -> int:
        """Return the number of the value, unique within the job."""


class TaskReference(Generic[T_co]):
    """Stands for the result of a task, or for a value that was ``put``.

    Give it to `get` for the value, to `wait` to wait for it, or to other tasks as an argument; there the value arrives.
    The value is released when its last reference has gone.

    Attributes:
        name: Name of the task.
    """

    __slots__ = ("__weakref__", "handle", "name")

    def __init__(self, handle: Handle, name: str) -> None:
        self.handle = handle
        self.name = name

    @property
    def number(self) -> int:
        """Return the number of the value, unique within the job."""
        return self.handle.number

    def __repr__(self) -> str:
        return f"<TaskReference {self.name} #{self.number & 0xFFFFFFFF}>"

    def __hash__(self) -> int:
        return hash(self.handle.number)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, TaskReference) and other.handle.number == self.handle.number

    def __reduce_ex__(self, protocol: SupportsIndex) -> NoReturn:
        raise TypeError("a task reference has no meaning outside its job; store the value, get(reference)")
