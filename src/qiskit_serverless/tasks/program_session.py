"""The session of a program, whatever thread of it calls."""

import atexit
import itertools
import os
import resource
import time
from collections.abc import Mapping, Sequence
from typing import Any

from qiskit_serverless.tasks import arguments
from qiskit_serverless.tasks.budget import Budget
from qiskit_serverless.tasks.entries import Call, Entry, Waiter
from qiskit_serverless.tasks.errors import GetTimeoutError
from qiskit_serverless.tasks.failures import Failure
from qiskit_serverless.tasks.forked_pool import ForkedPool
from qiskit_serverless.tasks.functions import DistributedFunction
from qiskit_serverless.tasks.launcher import Launcher
from qiskit_serverless.tasks.references import Handle, TaskReference, Value
from qiskit_serverless.tasks.segments import SegmentPool, SharedMemory, mark_free
from qiskit_serverless.tasks.serializer import Payload, dumps, loads
from qiskit_serverless.tasks.worker_pool import Pool

_SHORT_SECONDS = 0.0005
"""Tasks known to be shorter than this may wait a moment for others to start with them."""
_LOOK_SECONDS = 0.005


class ProgramSession:
    """Runs tasks for the threads of this process."""

    def __init__(self, pool: Pool, memory: SharedMemory) -> None:
        self._pool = pool
        self._pump = pool.pump
        self._memory = memory
        self._numbers = itertools.count(1)
        self._looked = 0.0
        self._process = os.getpid()

    @classmethod
    def connect(cls) -> "ProgramSession":
        """Return the session of this process, connected to its fork server.

        Raises:
            ValueError: The budget in the environment is malformed.
        """
        allow_many_files()
        session = cls(ForkedPool(Launcher.connect(), Budget.from_environment()), SegmentPool(mark_free))
        atexit.register(session.close)
        return session

    def submit(
        self, function: DistributedFunction, args: tuple[Value, ...], kwargs: Mapping[str, Value]
    ) -> TaskReference[Any]:
        """Start a task."""
        registration = function.registration
        call = registration[1] if registration and registration[0] is self else self._register(function)
        packed, waits_for = arguments.pack(function.function, args, kwargs, self._memory)
        entry = Entry(next(self._numbers), call, packed, _own(waits_for) if waits_for else ())
        with self._pump.lock:
            self._pool.add(entry)
            first = len(call.queue.heap) <= 1  # those before it wait for workers to come free
            self._pump.along(urgent=first and (call.seconds is None or call.seconds > _SHORT_SECONDS))
        return TaskReference(entry, call.name)

    def _register(self, function: DistributedFunction) -> Call:
        self._pool.budget.check(function.options.target, function.options.name)
        payload = function.pack(self._memory)
        with self._pump.lock:
            call = self._pool.call(function.id, function.options, payload)
        function.registration = (self, call)
        return call

    def put(self, value: Value) -> TaskReference[Any]:
        """Keep a value for tasks to come."""
        return TaskReference(Entry(next(self._numbers), None, outcome=dumps(value, self._memory)), "put")

    def get(self, references: Sequence[TaskReference[Any]], timeout: float | None) -> list[Value]:
        """Return the values, in order; wait for them. Those that are there are read while others are still to come."""
        entries = _entries(references)
        until = None if timeout is None else time.monotonic() + timeout
        with self._pump.lock:
            waiter = Waiter(entries, len(entries), self._pump.changed, stop_at_failure=True)
        try:
            values = []
            for entry in entries:
                if not self._arrived(entry, waiter, until):
                    raise GetTimeoutError(waiter.late(timeout))
                values.append(_value(entry.outcome or waiter.failure))
            return values
        finally:
            with self._pump.lock:
                waiter.cancel()

    def _arrived(self, entry: Entry, waiter: Waiter, until: float | None) -> bool:
        """Wait for one value; or for the failure of another, which ends the wait for all."""
        if entry.outcome is not None:
            self._look_now_and_then()
            return True
        rest = None if until is None else max(0.0, until - time.monotonic())
        with self._pump.lock:
            return self._pump.wait_until(
                lambda: entry.outcome is not None or waiter.ready, rest, lambda: self._pool.leisure(waiter.missing)
            )

    def _look_now_and_then(self) -> None:
        """Keep the workers busy while the program reads what they have made."""
        if time.monotonic() - self._looked > _LOOK_SECONDS:
            self._looked = time.monotonic()
            with self._pump.lock:
                self._pump.along(urgent=True)

    def wait(self, references: Sequence[TaskReference[Any]], count: int, timeout: float | None) -> list[bool]:
        """Wait until so many of the values are there, or failed; say of each whether it is."""
        entries = _entries(references)
        with self._pump.lock:
            waiter = Waiter(entries, count, self._pump.changed)
            try:
                if not waiter.ready:
                    self._pump.wait_until(lambda: waiter.ready, timeout, lambda: self._pool.leisure(waiter.missing))
            finally:
                waiter.cancel()
            return [entry.outcome is not None for entry in entries]

    def statuses(self, references: Sequence[TaskReference[Any]]) -> list[str]:
        """Return the status of each."""
        with self._pump.lock:
            return [entry.status for entry in _entries(references)]

    def close(self) -> None:
        """End all workers; but not from a process that this one has forked, at its exit."""
        if self._process != os.getpid():
            return
        atexit.unregister(self.close)
        self._pool.close()
        self._memory.close()


def _entries(references: Sequence[TaskReference[Any]]) -> list[Entry]:
    return _own([reference.handle for reference in references])


def _own(handles: Sequence[Handle]) -> list[Entry]:
    here = os.getpid()
    entries = [handle for handle in handles if isinstance(handle, Entry) and handle.process == here]
    if len(entries) < len(handles):
        raise ValueError("a task reference is of use only in the process that made it, and in its tasks")
    return entries


def _value(outcome: Payload | Failure | None) -> Value:
    assert outcome is not None  # noqa: S101  (for the type checker)
    if isinstance(outcome, Failure):
        raise outcome.to_exception()
    return loads(outcome)


def allow_many_files() -> None:
    """Raise the limit of open files as far as it goes: each large value in shared memory is one, each worker has two."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
