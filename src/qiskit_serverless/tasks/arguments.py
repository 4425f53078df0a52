"""The arguments of a call on their way to a worker."""

import inspect
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from qiskit_serverless.tasks.errors import NotSerializableError
from qiskit_serverless.tasks.references import Handle, TaskReference, Value
from qiskit_serverless.tasks.segments import SharedMemory
from qiskit_serverless.tasks.serializer import PLAIN_TYPES, Payload, dumps, dumps_plain


def pack(
    function: Callable[..., Any], args: tuple[Value, ...], kwargs: Mapping[str, Value], pool: SharedMemory
) -> tuple[Payload, tuple[Handle, ...]]:
    """Return the arguments in their travelling form, and what they wait for.

    References that are arguments themselves, or lie in lists, tuples and dictionaries, arrive as values; references
    inside other objects stay references.

    Raises:
        NotSerializableError: An argument cannot be pickled; the message names it.
    """
    if not kwargs and PLAIN_TYPES.issuperset(map(type, args)):
        return dumps_plain((args, kwargs), pool), ()
    try:
        return _pack(args, kwargs, pool)
    except NotSerializableError as error:
        raise _explained(function, args, kwargs, pool) or error from error.__cause__


def _pack(
    args: tuple[Value, ...], kwargs: Mapping[str, Value], pool: SharedMemory
) -> tuple[Payload, tuple[Handle, ...]]:
    if not any(type(value) is TaskReference for value in (*args, *kwargs.values())):
        payload = dumps((args, kwargs), pool)
        if not payload.references:
            return payload, ()
    handles = {reference.number: reference.handle for reference in _references((args, kwargs), set())}
    places = {number: place for place, number in enumerate(handles)}
    return dumps((args, kwargs), pool, places), tuple(handles.values())


def _references(value: Value, seen: set[int]) -> Iterator[TaskReference[Any]]:
    if type(value) is TaskReference:
        yield value
    elif isinstance(value, list | tuple | dict) and id(value) not in seen:
        seen.add(id(value))
        for item in value.values() if isinstance(value, dict) else value:
            yield from _references(item, seen)


def _explained(
    function: Callable[..., Any], args: tuple[Value, ...], kwargs: Mapping[str, Value], pool: SharedMemory
) -> NotSerializableError | None:
    """Return an error that names the argument at fault; None if none of them is at fault alone."""
    name = getattr(function, "__name__", "task")
    for argument, value in _named(function, args, kwargs):
        try:
            dumps(value, pool)
        except NotSerializableError as error:
            return NotSerializableError(f"{argument} of task {name!r}: {error}")
    return None


def _named(
    function: Callable[..., Any], args: tuple[Value, ...], kwargs: Mapping[str, Value]
) -> Iterator[tuple[str, Value]]:
    names = list(inspect.signature(function).parameters)
    for place, value in enumerate(args):
        yield f"argument {place}" + (f" ({names[place]!r})" if place < len(names) else ""), value
    for key, value in kwargs.items():
        yield f"argument {key!r}", value
