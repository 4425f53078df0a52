"""Tasks that start tasks: the calls of a worker process, which asks the program for everything."""

import itertools
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from weakref import WeakValueDictionary

from qiskit_serverless.tasks import arguments
from qiskit_serverless.tasks.budget import Budget
from qiskit_serverless.tasks.errors import GetTimeoutError, WorkersUnavailableError
from qiskit_serverless.tasks.failures import Failure
from qiskit_serverless.tasks.functions import DistributedFunction
from qiskit_serverless.tasks.messages import Channel, Frame, Message, decode, encode
from qiskit_serverless.tasks.references import Handle, TaskReference, Value
from qiskit_serverless.tasks.segments import Hold, Segment, SegmentPool, SharedMemory
from qiskit_serverless.tasks.serializer import Payload, dumps, loads

_NUMBERS_PER_WORKER = 1 << 32


class BorrowedHandle:
    """Keeps a value of the program alive from within a worker.

    Attributes:
        number: Number of the value.
        grants: How many times the program has counted this worker as a holder.
    """

    __slots__ = ("__weakref__", "_dropped", "grants", "number")

    def __init__(self, number: int, dropped: deque[tuple[int, int]]) -> None:
        self.number = number
        self.grants = 0
        self._dropped = dropped

    def __del__(self) -> None:
        self._dropped.append((self.number, self.grants))


class Registration:
    """Stands for a function that the program has been told of, for as long as this process has the function."""

    __slots__ = ("__weakref__", "_dropped", "_function_id")

    def __init__(self, function_id: str, dropped: deque[str]) -> None:
        self._function_id = function_id
        self._dropped = dropped

    def __del__(self) -> None:
        self._dropped.append(self._function_id)


class WorkerSession:
    """The session of a worker process.

    Each message to the program also says what this process has let go of since the last one: segments, values, functions.

    Attributes:
        memory: Where the results of tasks go if they are large.
    """

    def __init__(self, control: Channel, worker: int, budget: Budget) -> None:
        self.memory, self._memory = self._memories()
        self._control = control
        self._budget = budget
        self._numbers = itertools.count(worker * _NUMBERS_PER_WORKER)
        self._handles: WeakValueDictionary[int, BorrowedHandle] = WeakValueDictionary()
        self._released: deque[int] = deque()
        self._dropped: deque[tuple[int, int]] = deque()
        self._dropped_functions: deque[str] = deque()
        self._registrations: WeakValueDictionary[str, Registration] = WeakValueDictionary()
        self._functions: dict[str, Payload] = {}
        self._request = threading.Lock()
        self._sending = threading.RLock()

    def _memories(self) -> tuple[SharedMemory, SharedMemory]:
        """Return where large results of tasks go, and where everything else goes that is large."""
        memory = SegmentPool(_leave_to_the_program)
        return memory, memory

    def submit(
        self, function: DistributedFunction, args: tuple[Value, ...], kwargs: Mapping[str, Value]
    ) -> TaskReference[Any]:
        """Start a task. The program learns of the function with the first call."""
        with self._sending:
            if function.registration is None or function.registration[0] is not self:
                function.registration = (self, self._registrations.get(function.id) or self._register(function))
        payload, waits_for = arguments.pack(function.function, args, kwargs, self._memory)
        dependencies = self._numbers_of(waits_for)
        handle = self.adopt(next(self._numbers))
        self._send("submit", handle.number, function.id, dependencies, payloads=(payload,))
        return TaskReference(handle, function.options.name)

    def _register(self, function: DistributedFunction) -> Registration:
        self._budget.check(function.options.target, function.options.name)
        self._send("function", function.id, function.options, payloads=(function.pack(self._memory),))
        registration = self._registrations[function.id] = Registration(function.id, self._dropped_functions)
        return registration

    def put(self, value: Value) -> TaskReference[Any]:
        """Keep a value for tasks to come."""
        handle = self.adopt(next(self._numbers))
        self._send("put", handle.number, payloads=(dumps(value, self._memory),))
        return TaskReference(handle, "put")

    def get(self, references: Sequence[TaskReference[Any]], timeout: float | None) -> list[Value]:
        """Return the values, in order. While it waits, other tasks use what this one holds of the budget."""
        outcomes: list[Payload] = []
        with self._request:
            self._send("get", self._asked_for(references), timeout)
            while len(outcomes) < len(references):
                outcomes += self._read_values()
        return [loads(outcome) for outcome in outcomes]

    def _read_values(self) -> list[Payload]:
        message, descriptors = self._answer()
        if message[0] == "late":
            raise GetTimeoutError(message[1])
        if isinstance(message[1][0], Failure):  # then there is nothing else
            raise message[1][0].to_exception()
        return [self.decode(frame, descriptors) for frame in message[1]]

    def wait(self, references: Sequence[TaskReference[Any]], count: int, timeout: float | None) -> list[bool]:
        """Wait until so many of the values are there, or failed; say of each whether it is."""
        return self._ask("wait", self._asked_for(references), count, timeout)

    def statuses(self, references: Sequence[TaskReference[Any]]) -> list[str]:
        """Return the status of each."""
        return self._ask("statuses", self._asked_for(references))

    def _ask(self, *request: object) -> list[Any]:
        with self._request:
            self._send(*request)
            answer: list[Any] = self._answer()[0][1]
        return answer

    def finish(self, number: int, seconds: float, outcome: Payload | Failure) -> None:
        """Tell the program of the end of a task."""
        if isinstance(outcome, Failure):
            self._send("failed", number, seconds, outcome)
        else:
            self._send("result", number, seconds, payloads=(outcome,))

    def _send(self, *message: object, payloads: Sequence[Payload] = ()) -> None:
        for payload in payloads:
            self.check(payload)
        descriptors: list[Any] = []
        frames = [encode(payload, descriptors) for payload in payloads]
        with self._sending:
            let_go = _taken(self._released), _taken(self._dropped), _taken(self._dropped_functions)
            self._control.send((*message, *frames, let_go), descriptors)

    def check(self, payload: Payload) -> None:
        """Check that the program knows what the references in a payload stand for.

        Raises:
            ValueError: One of them is of an earlier session of this process.
        """
        self._numbers_of(payload.references)

    def _asked_for(self, references: Sequence[TaskReference[Any]]) -> list[int]:
        return self._numbers_of([reference.handle for reference in references])

    def _numbers_of(self, handles: Sequence[Handle]) -> list[int]:
        if any(self._handles.get(handle.number) is not handle for handle in handles):
            raise ValueError(
                "a task reference that an earlier task has left in this process is of no use any more: "
                "the program has let go of its value; keep the value itself, get(reference)"
            )
        return [handle.number for handle in handles]

    def _answer(self) -> tuple[Message, list[Any]]:
        """Return the answer to a request. Functions for tasks to come may arrive before it."""
        while True:
            message, descriptors = self._receive()
            if message[0] != "function":
                return message, descriptors
            self._store(message, descriptors)

    def _store(self, message: Message, descriptors: list[Any]) -> None:
        _, function_id, frame = message
        self._functions[function_id] = self.decode(frame, descriptors)

    def _receive(self) -> tuple[Message, list[Any]]:
        received = self._control.receive()
        if received is None:
            raise WorkersUnavailableError("the program of this task has ended")
        return received

    def function(self, function_id: str) -> Payload:
        """Return a function. The program sends it before the first task that needs it."""
        with self._request:
            while function_id not in self._functions:
                self._store(*self._receive())
            return self._functions[function_id]

    def forget(self, function_id: str) -> None:
        """Forget a function that will not be called any more."""
        self._functions.pop(function_id, None)

    def decode(self, frame: Frame, descriptors: list[Any]) -> Payload:
        """Return the payload of a frame from the program."""
        return decode(frame, descriptors, self._granted, self._hold)

    def adopt(self, number: int) -> BorrowedHandle:
        """Return the handle of a value that the program counts this worker as a holder of, once more."""
        handle = self._handles.get(number)
        if handle is None:
            handle = self._handles[number] = BorrowedHandle(number, self._dropped)
        handle.grants += 1
        return handle

    def _granted(self, number: int) -> Handle:
        return self.adopt(number)

    def _hold(self, handle: Any, serial: int) -> Hold:  # noqa: ANN401  (as `Hold.handle`)
        released = self._released

        def release(_: object) -> None:
            released.append(serial)

        return self._open(handle, release)

    def _open(self, handle: Any, on_release: Callable[[object], None]) -> Hold:  # noqa: ANN401
        """Return the hold on what the program passed along."""
        return Segment(handle, on_release)


def _leave_to_the_program(_: int) -> None:
    """What this process made and sent is in the program's hands; the program marks it as free."""


def _taken(items: deque[Any]) -> tuple[Any, ...]:
    return tuple(items.popleft() for _ in range(len(items)))
