"""What programs call: `get`, `put`, `wait`, `get_refs_by_status`."""

import math
from collections.abc import Sequence
from numbers import Real
from typing import Any, TypeVar, overload

from qiskit_serverless.tasks import session
from qiskit_serverless.tasks.entries import STATUSES
from qiskit_serverless.tasks.functions import DistributedFunction
from qiskit_serverless.tasks.references import TaskReference, Value

T = TypeVar("T")


@overload
def get(object_refs: TaskReference[T], *, timeout: float | None = None) -> T: ...


@overload
def get(object_refs: Sequence[TaskReference[T]], *, timeout: float | None = None) -> list[T]: ...


def get(
    object_refs: TaskReference[Any] | Sequence[TaskReference[Any]], *, timeout: float | None = None
) -> Value | list[Value]:
    """Return the value of a reference, or a list of the values of several, in their order. Wait for them.

    Each call returns new copies: changing one changes nothing for anybody else.

    Args:
        object_refs: A reference or a list of references.
        timeout: Longest time to wait in seconds.

    Raises:
        GetTimeoutError: The values were not all there in time.
        Exception: What a task raised, as soon as one of them has failed, with the traceback in the worker as its cause.
            A failure that has no exception of its own is a `TaskError`.
    """
    references, seconds = _references("get", object_refs), _seconds(timeout)
    values = session.current().get(references, seconds)
    return values[0] if isinstance(object_refs, TaskReference) else values


def put(value: T) -> TaskReference[T]:
    """Keep a value for tasks to come, and return a reference to it.

    A large value is stored once, in memory that all workers share; passing the reference to many tasks costs little.

    Raises:
        NotSerializableError: It cannot be sent to another process.
    """
    return session.current().put(value)


def wait(
    object_refs: Sequence[TaskReference[T]], *, num_returns: int = 1, timeout: float | None = None
) -> tuple[list[TaskReference[T]], list[TaskReference[T]]]:
    """Wait until some of the references have a value, or have failed.

    Args:
        object_refs: References, each of them once.
        num_returns: How many are enough.
        timeout: Longest time to wait in seconds.

    Returns:
        The first `num_returns` that are ready (fewer after `timeout`), and the rest, both in the order they were given.

    Raises:
        ValueError: `num_returns` is not between 1 and their number, or a reference is given twice.
    """
    references = _references("wait", object_refs)
    if isinstance(object_refs, TaskReference):
        raise TypeError("wait takes a list of task references, not a single one")
    if isinstance(num_returns, bool) or not isinstance(num_returns, int) or not 1 <= num_returns <= len(references):
        raise ValueError(f"wait: num_returns must be between 1 and {len(references)}, not {num_returns!r}")
    if len(set(references)) < len(references):
        raise ValueError("wait: a reference is given twice")
    return _split(references, session.current().wait(references, num_returns, _seconds(timeout)), num_returns)


def _split(
    references: list[TaskReference[T]], ready: list[bool], most: int
) -> tuple[list[TaskReference[T]], list[TaskReference[T]]]:
    first = [reference for reference, is_ready in zip(references, ready, strict=True) if is_ready][:most]
    chosen = set(first)
    return first, [reference for reference in references if reference not in chosen]


@overload
def get_refs_by_status(
    object_refs: Sequence[TaskReference[T]],
    status: str,
    **waiting: Any,  # noqa: ANN401
) -> list[TaskReference[T]]: ...


@overload
def get_refs_by_status(
    object_refs: Sequence[TaskReference[T]],
    status: None = None,
    **waiting: Any,  # noqa: ANN401
) -> tuple[list[TaskReference[T]], list[TaskReference[T]]]: ...


def get_refs_by_status(
    object_refs: Sequence[TaskReference[T]],
    status: str | None = None,
    **waiting: Any,
) -> list[TaskReference[T]] | tuple[list[TaskReference[T]], list[TaskReference[T]]]:
    """Return the references whose tasks have a status or, without one, do what `wait` does, as today's clients know it.

    Args:
        object_refs: References.
        status: ``PENDING_ARGS_AVAIL`` (an argument is not there yet), ``PENDING_NODE_ASSIGNMENT`` (waits for a worker),
            ``PENDING`` (either), ``RUNNING``, ``FINISHED`` or ``FAILED``.
        **waiting: Without a status: ``num_returns`` and ``timeout`` of `wait`.

    Raises:
        ValueError: There is no such status.
    """
    if status is None:
        return wait(object_refs, **waiting)
    if status not in (*STATUSES, "PENDING"):
        raise ValueError(f"get_refs_by_status: {status!r} is none of PENDING, {', '.join(STATUSES)}")
    references = _references("get_refs_by_status", object_refs)
    found = session.current().statuses(references)
    return [
        reference for reference, its in zip(references, found, strict=True) if its == status or _pending(its, status)
    ]


def _pending(its: str, status: str) -> bool:
    return status == "PENDING" and its.startswith("PENDING")


def _references(caller: str, given: object) -> list[TaskReference[Any]]:
    references = [given] if isinstance(given, TaskReference) else given
    if not isinstance(references, list | tuple):
        raise TypeError(f"{caller} takes a task reference or a list of them, not {_described(given)}")
    for place, reference in enumerate(references):
        if not isinstance(reference, TaskReference):
            raise TypeError(f"{caller}: item {place} is not a task reference but {_described(reference)}")
    return list(references)


def _described(value: object) -> str:
    if isinstance(value, DistributedFunction):
        return f"{value!r}; call it to start a task"
    return f"{type(value)} (references among the arguments of a task arrive in it as values)"


def _seconds(timeout: object) -> float | None:
    if timeout is None:
        return None
    if isinstance(timeout, bool) or not isinstance(timeout, Real) or math.isnan(timeout) or timeout < 0:
        raise ValueError(f"timeout must be a number of seconds that is not negative, not {timeout!r}")
    return None if math.isinf(timeout) else float(timeout)
