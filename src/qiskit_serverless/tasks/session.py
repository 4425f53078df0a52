"""Where the calls of this process go: to the pool of the program or, in a worker, to the program."""

import os
import sys
import threading
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from qiskit_serverless.tasks.references import TaskReference, Value

if TYPE_CHECKING:
    from qiskit_serverless.tasks.functions import DistributedFunction


class Session(Protocol):
    """What `distribute_task`, `get`, `put` and `wait` need."""

    def submit(
        self, function: "DistributedFunction", args: tuple[Value, ...], kwargs: Mapping[str, Value]
    ) -> TaskReference[Any]:
        """Start a task."""

    def put(self, value: Value) -> TaskReference[Any]:
        """Keep a value for tasks to come."""

    def get(self, references: Sequence[TaskReference[Any]], timeout: float | None) -> list[Value]:
        """Return the values, in order; wait for them."""

    def wait(self, references: Sequence[TaskReference[Any]], count: int, timeout: float | None) -> list[bool]:
        """Wait until so many of the values are there, or failed; say of each whether it is."""

    def statuses(self, references: Sequence[TaskReference[Any]]) -> list[str]:
        """Return the status of each."""


_VARIABLE = "TREADLE_TASKS"
_session: Session | None = None
_lock = threading.Lock()


def current() -> Session:
    """Return the session of this process; the first call in a program makes one."""
    if _session is None:
        _start()
    assert _session is not None  # noqa: S101  (for the type checker)
    return _session


def is_made() -> bool:
    """Say whether this process has a session."""
    return _session is not None


def _start() -> None:
    with _lock:
        if _session is None:
            enter(connect())


def connect() -> Session:
    """Make the session of a program: on the cluster if ``TREADLE_TASKS`` is ``ray``, otherwise on this machine."""
    if os.environ.get(_VARIABLE) == "ray":
        from qiskit_serverless.tasks.ray.session import RaySession

        session = RaySession.connect()
        del os.environ[_VARIABLE]  # what the program forks or starts has its tasks on its own machine
        return session
    from qiskit_serverless.tasks.program_session import ProgramSession

    return ProgramSession.connect()


def enter(session: Session | None) -> None:
    """Make `session` the one of this process."""
    global _session
    _session = session


def _in_forked_child() -> None:
    """Forget the parent's session: its sockets, its workers and its connection to a cluster are the parent's."""
    global _lock
    _lock = threading.Lock()
    if "ray" in sys.modules and sys.modules["ray"].is_initialized():
        os.environ.pop(_VARIABLE, None)  # the child of a driver is none: it has its tasks on its own machine
    enter(None)


os.register_at_fork(after_in_child=_in_forked_child)
