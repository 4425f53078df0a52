"""What the program knows of its tasks."""

import heapq
import itertools
import os
from collections.abc import Callable, Sequence

from qiskit_serverless.tasks.budget import Shape
from qiskit_serverless.tasks.failures import Failure
from qiskit_serverless.tasks.serializer import Payload

STATUSES = ("PENDING_ARGS_AVAIL", "PENDING_NODE_ASSIGNMENT", "RUNNING", "FINISHED", "FAILED")
"""Ray's names, which the programs of today use."""

_AVERAGE_WEIGHT = 0.2


class ShapeQueue:
    """The tasks of one shape that could run now, in their order.

    Attributes:
        shape: What they need.
        heap: The tasks with their order; empty if none waits.
    """

    __slots__ = ("heap", "shape")

    def __init__(self, shape: Shape) -> None:
        self.shape = shape
        self.heap: list[tuple[tuple[int, ...], Entry]] = []

    @property
    def first(self) -> "Entry":
        """Return the first task."""
        return self.heap[0][1]

    def push(self, entry: "Entry") -> None:
        """Take in a task."""
        heapq.heappush(self.heap, (entry.order, entry))

    def pop(self) -> "Entry":
        """Take out the first task."""
        return heapq.heappop(self.heap)[1]


class Call:
    """What the tasks of one function have in common.

    Attributes:
        id: Id of the function.
        name: Shown in messages and errors.
        payload: The pickled function.
        queue: Where its tasks wait for a worker.
        retries: How many times a task that failed is run again.
        timeout: Longest run of a task in seconds, or None.
        seconds: Running average of the time its tasks take; None before the first one.
    """

    __slots__ = ("__weakref__", "id", "name", "payload", "queue", "retries", "seconds", "timeout")

    def __init__(
        self, function_id: str, name: str, payload: Payload, queue: ShapeQueue, retries: int, timeout: float | None
    ) -> None:
        self.id = function_id
        self.name = name
        self.payload = payload
        self.queue = queue
        self.retries = retries
        self.timeout = timeout
        self.seconds: float | None = None

    def took(self, seconds: float) -> None:
        """Take the time of one more task into the average."""
        before = seconds if self.seconds is None else self.seconds
        self.seconds = before + _AVERAGE_WEIGHT * (seconds - before)


_ages = itertools.count()


class Entry:
    """One value: of a task, from its call on, or one that was ``put``.

    Attributes:
        number: Number of the value, unique within the job.
        call: What is called; None for a value that was put.
        arguments: The packed arguments, until the task has ended.
        dependencies: Values that the arguments wait for.
        missing: How many of these are not there yet.
        order: Tasks run in this order: by the time of their call, but those that a task calls before younger ones, so
            that tasks that wait for others do not pile up.
        retried: How many times it was run again.
        outcome: The value or the failure; None before.
        process: Id of the process that made it.
        running: Whether a worker has begun it.
    """

    __slots__ = (
        "__weakref__",
        "arguments",
        "call",
        "dependencies",
        "missing",
        "number",
        "order",
        "outcome",
        "process",
        "retried",
        "running",
        "watchers",
    )

    def __init__(
        self,
        number: int,
        call: Call | None,
        arguments: Payload | None = None,
        dependencies: "Sequence[Entry]" = (),
        outcome: Payload | Failure | None = None,
        order: tuple[int, ...] = (),
    ) -> None:
        self.number = number
        self.call = call
        self.arguments = arguments
        self.dependencies = dependencies
        self.missing = 0
        self.order = (*order, next(_ages))
        self.retried = 0
        self.outcome = outcome
        self.process = os.getpid()
        self.running = False
        self.watchers: list[Callable[[Entry], None]] | None = None

    @property
    def name(self) -> str:
        """Return the name of the task."""
        return self.call.name if self.call else "put"

    @property
    def status(self) -> str:
        """Return one of `STATUSES`."""
        if self.outcome is not None:
            return "FAILED" if isinstance(self.outcome, Failure) else "FINISHED"
        if self.missing:
            return "PENDING_ARGS_AVAIL"
        return "RUNNING" if self.running else "PENDING_NODE_ASSIGNMENT"

    @staticmethod
    def outcomes(entries: "Sequence[Entry]") -> list[Payload | Failure]:
        """Return the outcomes of entries that have one; if any of them failed, only the first failure."""
        outcomes = [entry.outcome for entry in entries if entry.outcome is not None]
        failures = [outcome for outcome in outcomes if isinstance(outcome, Failure)]
        return [failures[0]] if failures else outcomes

    def watch(self, watcher: "Callable[[Entry], None]") -> None:
        """Have `watcher` called when the outcome is there."""
        if self.watchers is None:
            self.watchers = [watcher]
        else:
            self.watchers.append(watcher)

    def finish(self, outcome: Payload | Failure) -> None:
        """Note the outcome, let go of the arguments, and tell those who wait."""
        self.outcome = outcome
        self.arguments = None
        self.dependencies = ()
        watchers, self.watchers = self.watchers, None
        for watcher in watchers or ():
            watcher(self)


class Waiter:
    """Waits until some of several values are there, or failed.

    Attributes:
        missing: How many of them are still to come; zero or less if there are enough.
    """

    def __init__(
        self, entries: Sequence[Entry], count: int, on_ready: Callable[[], None], *, stop_at_failure: bool = False
    ) -> None:
        """Start to wait.

        Args:
            entries: The values.
            count: How many of them are enough.
            on_ready: Called once, when they are there; not if they are already.
            stop_at_failure: Whether one failure is enough, too.
        """
        self._entries = entries
        self._on_ready = on_ready
        self._stop_at_failure = stop_at_failure
        self._pending = [entry for entry in entries if entry.outcome is None]
        self.missing = count - (len(entries) - len(self._pending))
        if stop_at_failure and any(isinstance(entry.outcome, Failure) for entry in entries):
            self.missing = 0
        if not self.ready:
            for entry in self._pending:
                entry.watch(self._seen)

    @property
    def ready(self) -> bool:
        """Say whether there are enough of them."""
        return self.missing <= 0

    @property
    def failure(self) -> Failure | None:
        """Return the first failure among them, in their order."""
        return next((entry.outcome for entry in self._entries if isinstance(entry.outcome, Failure)), None)

    def _seen(self, entry: Entry) -> None:
        if self.ready:
            return
        self.missing = 0 if self._stop_at_failure and isinstance(entry.outcome, Failure) else self.missing - 1
        if self.missing == 0:
            self._on_ready()

    def late(self, timeout: float | None) -> str:
        """Return the message for when they were not there in time."""
        pending = [entry for entry in self._entries if entry.outcome is None]
        names = ", ".join(sorted({repr(entry.name) for entry in pending})[:3])
        return f"{len(pending)} of {len(self._entries)} values were not there after {timeout} s (of {names})"

    def cancel(self) -> None:
        """Wait no longer."""
        for entry in self._pending:
            if entry.watchers is not None and self._seen in entry.watchers:
                entry.watchers.remove(self._seen)
