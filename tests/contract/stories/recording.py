"""Notes which public methods of the client a story calls, not those that the client calls by itself."""

import functools
import inspect
from collections.abc import Callable
from importlib.util import find_spec
from typing import Any

from qiskit_serverless import ServerlessClient
from qiskit_serverless.core.function import RunnableQiskitFunction
from qiskit_serverless.core.job import Job

CLASSES = {"client": ServerlessClient, "function": RunnableQiskitFunction, "job": Job}
if find_spec("qiskit_ibm_catalog"):
    from qiskit_ibm_catalog import QiskitFunctionsCatalog, QiskitServerless

    CLASSES |= {"catalog": QiskitFunctionsCatalog, "serverless": QiskitServerless}

called: set[str] = set()
_depth = 0


def public_methods() -> list[str]:
    """Return every public method and property of the client's classes, such as ``job.status``."""
    return [f"{word}.{name}" for word, kind in CLASSES.items() for name, _ in _members(kind)]


def _members(kind: type) -> list[tuple[str, Any]]:
    return [
        (name, member)
        for name, member in inspect.getmembers_static(kind)
        if not name.startswith("_") and isinstance(member, Callable | property | classmethod)
    ]


def _noting(name: str, method: Callable[..., Any]) -> Callable[..., Any]:
    @functools.wraps(method)
    def call(*args: Any, **kwargs: Any) -> Any:
        global _depth
        if not _depth:
            called.add(name)
        _depth += 1
        try:
            return method(*args, **kwargs)
        finally:
            _depth -= 1

    return call


def _wrap(name: str, member: Any) -> Any:
    if isinstance(member, property):
        return property(_noting(name, member.fget))
    if isinstance(member, classmethod | staticmethod):
        return type(member)(_noting(name, member.__func__))
    return _noting(name, member)


for _word, _kind in CLASSES.items():
    for _name, _member in _members(_kind):
        setattr(_kind, _name, _wrap(f"{_word}.{_name}", _member))
