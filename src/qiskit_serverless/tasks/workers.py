"""A worker process, as the program sees it."""

import time
import weakref
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from qiskit_serverless.tasks.budget import Shape
from qiskit_serverless.tasks.entries import Call, Entry, ShapeQueue, Waiter
from qiskit_serverless.tasks.failures import Failure
from qiskit_serverless.tasks.messages import Frame, Message, decode, encode
from qiskit_serverless.tasks.segments import Hold
from qiskit_serverless.tasks.serializer import Payload

_FIRST_DEPTH = 2
_AHEAD_SECONDS = 0.1
_MOST_DEPTH = 32
_SHORT_SECONDS = 0.01
_VALUES_PER_MESSAGE = 100


class Worker(ABC):
    """A worker process and the tasks it has.

    Attributes:
        number: Number of the worker.
        queue: Where its tasks came from, and whose demand is charged for it; None while it is idle.
        entries: Tasks it has, the running one first.
        waiter: What its running task waits for, if it waits; the worker is blocked then.
        waiting_until: When that wait ends at the latest.
        answer: Sends the answer it waits for.
        running_until: When its running task must have ended, or None.
        condemned: The task for which the program has it killed, if so, and why.
        retired: Whether it was told to leave.
        calls: Functions that its tasks call, by id.
        held: Values that its references stand for, by number, each with how often they were sent.
        proven: Whether it has ever been heard of.
        pid: Its process id; 0 until it is known.
    """

    def __init__(self, number: int, on_unsent: "Callable[[Worker], None]") -> None:
        """Make a worker that has nothing to do yet.

        Args:
            number: Number of the worker.
            on_unsent: Called when there is something to `flush`.
        """
        self.number = number
        self._on_unsent = on_unsent
        self.queue: ShapeQueue | None = None
        self.entries: deque[Entry] = deque()
        self.waiter: Waiter | None = None
        self.waiting_until: float | None = None
        self.answer: Callable[[], None] | None = None
        self.running_until: float | None = None
        self.condemned: tuple[Entry, Failure] | None = None
        self.retired = False
        self.proven = False
        self.pid = 0
        self.calls: dict[str, Call] = {}
        self.held: dict[int, tuple[Entry, int]] = {}
        self._segments: dict[int, tuple[Hold, int]] = {}
        self._known: dict[str, weakref.ref[Call]] = {}
        self._forgotten: deque[str] = deque()
        self._unsent: deque[tuple[Message, Sequence[Any], Sequence[Payload]]] = deque()

    @property
    @abstractmethod
    def descriptors(self) -> list[int]:
        """Return the descriptors on which the process is heard, the one for `flush` first."""

    @property
    def is_there(self) -> bool:
        """Say whether it begins a task as soon as it is given one."""
        return True

    @abstractmethod
    def suits(self, shape: Shape) -> bool:
        """Say whether the process can run tasks of this shape, once it is idle."""

    @abstractmethod
    def give(self, entry: Entry) -> bool:
        """Take in a task. Return False if there is no place for it."""

    @abstractmethod
    def take_back(self) -> Entry | None:
        """Take back the oldest task that the process has not begun; None if there is none."""

    @abstractmethod
    def flush(self) -> bool:
        """Send what `tell` took in. Return False if some of it still has to wait."""

    @abstractmethod
    def retire(self) -> None:
        """Let the process leave: there will be no more tasks for it."""

    @abstractmethod
    def _receive(self) -> tuple[Message, list[Any]] | None:
        """Return the next message of the process, or None if it has hung up; raises `BlockingIOError` if there is none."""

    @abstractmethod
    def _open(self, handle: Any) -> Hold:  # noqa: ANN401  (as `Hold.handle`)
        """Return the hold on what the process passed along."""

    @property
    def depth(self) -> int:
        """Return how many tasks to give it at once: more than one, so that it need not wait, but not much work."""
        seconds = self.entries[0].call.seconds if self.entries and self.entries[0].call else None
        if seconds is None:
            return _FIRST_DEPTH
        return min(_MOST_DEPTH, _FIRST_DEPTH + int(_AHEAD_SECONDS / max(seconds, 1e-6)))

    @property
    def backlog(self) -> float:
        """Return for how many seconds the tasks behind the running one are enough, as far as is known."""
        call = self.entries[0].call
        return 0.0 if call is None or call.seconds is None else (len(self.entries) - 1) * call.seconds

    @property
    def soon_done(self) -> int:
        """Return how many of its tasks may be done by the time one has looked at the result of the first."""
        call = self.entries[0].call if self.entries else None
        short = call is not None and call.seconds is not None and call.seconds < _SHORT_SECONDS
        return len(self.entries) if short else 0

    def _message(self, entry: Entry) -> tuple[Message, list[Any], list[Payload]]:
        """Return the message that sends a task, its descriptors, and what its frames were made of."""
        call, arguments = entry.call, entry.arguments
        assert call is not None and arguments is not None  # noqa: S101, PT018  (for the type checker)
        if call.id not in self._known:
            self._teach(call)
        values = [dependency.outcome for dependency in entry.dependencies if isinstance(dependency.outcome, Payload)]
        descriptors: list[Any] = []
        frames = [encode(payload, descriptors) for payload in (arguments, *values)]
        forgotten = tuple(self._forgotten.popleft() for _ in range(len(self._forgotten)))
        message = (entry.number, call.name, call.id, frames[0], tuple(frames[1:]), forgotten)
        return message, descriptors, [arguments, *values]

    def _teach(self, call: Call) -> None:
        """Send a function. It cannot be taken back with the first task that needs it."""
        known, forgotten, function_id = self._known, self._forgotten, call.id

        def forget(_: object) -> None:  # runs when the function has gone, at any line of any thread
            known.pop(function_id, None)
            forgotten.append(function_id)

        known[function_id] = weakref.ref(call, forget)
        descriptors: list[Any] = []
        frame = encode(call.payload, descriptors)
        self.tell(("function", function_id, frame), descriptors, [call.payload])

    def _begin(self) -> None:
        """Note that the first of its tasks begins."""
        entry = self.entries[0]
        entry.running = True
        timeout = entry.call.timeout if entry.call else None
        self.running_until = None if timeout is None else time.monotonic() + timeout

    def _end(self, entry: Entry) -> None:
        """Note that what was the first of its tasks is not with it any more, so that the next one begins."""
        entry.running = False
        self.running_until = None
        if self.entries:
            self._begin()

    def done(self, number: int, seconds: float) -> Entry:
        """Note that it has done its running task, and return the task.

        Args:
            number: Number of the task.
            seconds: How long it took.
        """
        entry = self.entries.popleft()
        assert entry.number == number and entry.call is not None  # noqa: S101, PT018  (workers keep the order)
        entry.call.took(seconds)
        self._end(entry)
        return entry

    @property
    def deadline(self) -> float | None:
        """Return when something has to happen if it has not been heard of by then."""
        if self.waiting_until is None or self.running_until is None:
            return self.waiting_until or self.running_until
        return min(self.waiting_until, self.running_until)

    def tell(self, message: Message, descriptors: Sequence[Any] = (), payloads: Sequence[Payload] = ()) -> None:
        """Send a message, as soon as the process reads.

        Args:
            message: The message.
            descriptors: Those of the segments in it.
            payloads: What its frames were made of; kept until it is sent.
        """
        self._count(payloads, 1)
        self._unsent.append((message, descriptors, payloads))
        self._on_unsent(self)

    def tell_values(self, outcomes: Sequence[Payload | Failure]) -> None:
        """Send values that the running task asked for."""
        for start in range(0, len(outcomes), _VALUES_PER_MESSAGE):
            some = outcomes[start : start + _VALUES_PER_MESSAGE]
            descriptors: list[Any] = []
            frames = [outcome if isinstance(outcome, Failure) else encode(outcome, descriptors) for outcome in some]
            payloads = [outcome for outcome in some if isinstance(outcome, Payload)]
            self.tell(("values", frames), descriptors, payloads)

    def listen(self) -> tuple[Message, list[Any]] | None:
        """Return the next message of the process, or None if it has hung up.

        Raises:
            BlockingIOError: There is none.
        """
        received = self._receive()
        if received is not None:
            self.proven = True
            self._let_go(*received[0][-1])
        return received

    def _let_go(self, released: Iterable[int], dropped: Iterable[tuple[int, int]], functions: Iterable[str]) -> None:
        for serial in released:
            self._lower(self._segments, serial, 1)
        for number, grants in dropped:
            self._lower(self.held, number, grants)
        for function_id in functions:
            self.calls.pop(function_id, None)

    def _count(self, payloads: Iterable[Any], change: int) -> None:
        """Note that the process holds what is in these payloads once more, or once less."""
        for payload in payloads:
            if payload.segment is not None:
                self._lower(self._segments, payload.segment.serial, -change, payload.segment)
            for entry in payload.references:
                self._lower(self.held, entry.number, -change, entry)

    @staticmethod
    def _lower(counts: dict[int, tuple[Any, int]], key: int, by: int, value: object = None) -> None:
        held, count = counts.get(key, (value, 0))
        if count - by > 0:
            counts[key] = (held, count - by)
        else:
            counts.pop(key, None)

    def hold(self, entry: Entry) -> None:
        """Note that the process has made a reference to this value."""
        self._lower(self.held, entry.number, -1, entry)

    def decode(self, frame: Frame, descriptors: list[Any]) -> Payload:
        """Return the payload of a frame from the process."""
        return decode(frame, descriptors, lambda number: self.held[number][0], lambda handle, _: self._open(handle))

    def close(self) -> None:
        """Let go of what the process held."""
        self.held.clear()
        self._segments.clear()
