"""The tasks and the workers of a program, and all that happens between them."""

import functools
import select
import time
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable
from typing import Any
from weakref import WeakValueDictionary

from qiskit_serverless.tasks.budget import Budget, Shape
from qiskit_serverless.tasks.dispatcher import Dispatcher
from qiskit_serverless.tasks.entries import Call, Entry
from qiskit_serverless.tasks.errors import TaskTimeoutError, WorkerDiedError, WorkersUnavailableError
from qiskit_serverless.tasks.failures import Failure
from qiskit_serverless.tasks.functions import Options
from qiskit_serverless.tasks.launcher import WorkerSource
from qiskit_serverless.tasks.messages import Frame, Message
from qiskit_serverless.tasks.pump import Events, Pump
from qiskit_serverless.tasks.requests import Requests
from qiskit_serverless.tasks.serializer import Payload
from qiskit_serverless.tasks.workers import Worker

_MOST_STILLBORN = 3
_MOST_LEISURE = 0.02


class Pool(ABC):
    """Runs tasks in workers, wherever these are. Whoever calls holds the lock of the pump.

    Attributes:
        pump: Calls back when there is something to do.
        dispatcher: Decides which task runs where and when.
        budget: What all tasks together may use.
        has_deadlines: Whether anything with a timeout has been seen.
    """

    def __init__(self, source: WorkerSource, budget: Budget) -> None:
        """Make a pool without workers.

        Args:
            source: Where workers come from.
            budget: What all tasks together may use.
        """
        self.pump = Pump(self._process, self._next_deadline)
        self.budget = budget
        self.has_deadlines = False
        self.dispatcher = Dispatcher(budget, self._start_worker, self._answer)
        self._source = source
        self._requests = Requests(self)
        self._calls: WeakValueDictionary[str, Call] = WeakValueDictionary()
        self._by_descriptor: dict[int, Worker] = {}
        self._settled: deque[tuple[Entry, Payload | Failure]] = deque()
        self._stillborn = 0
        self._dependents: set[Entry] = set()  # tasks that wait for others
        self._broken: WorkersUnavailableError | None = None
        self.pump.register(source.fileno())

    def call(self, function_id: str, options: Options, payload: Payload) -> Call:
        """Return what the tasks of a function have in common."""
        call = self._calls.get(function_id)
        if call is None:
            queue = self.dispatcher.queue(self.budget.shape(options.target))
            call = Call(function_id, options.name, payload, queue, options.retries, options.timeout)
            self._calls[function_id] = call
            self.has_deadlines = self.has_deadlines or options.timeout is not None
        return call

    def add(self, entry: Entry) -> None:
        """Take in a task. It starts with the next `process` if its arguments are there and there is room for it.

        Raises:
            WorkersUnavailableError: There are no workers any more.
        """
        if self._broken is not None:
            raise WorkersUnavailableError(*self._broken.args)
        if entry.dependencies:
            self._wait_for_dependencies(entry)
        else:
            self.dispatcher.add(entry)

    def _wait_for_dependencies(self, entry: Entry) -> None:
        failed = next((known for known in entry.dependencies if isinstance(known.outcome, Failure)), None)
        pending = [dependency for dependency in entry.dependencies if dependency.outcome is None]
        if failed is not None:
            self._fail_dependent(entry, failed)
        elif not pending:
            self.dispatcher.add(entry)
        else:
            entry.missing = len(pending)
            self._dependents.add(entry)
            for dependency in pending:
                dependency.watch(functools.partial(self._dependency_settled, entry))

    def _dependency_settled(self, entry: Entry, dependency: Entry) -> None:
        if entry not in self._dependents:
            return  # another one has failed
        entry.missing -= 1
        if isinstance(dependency.outcome, Failure):
            self._dependents.discard(entry)
            self._fail_dependent(entry, dependency)
        elif entry.missing == 0:
            self._dependents.discard(entry)
            self.dispatcher.add(entry)

    def _fail_dependent(self, entry: Entry, dependency: Entry) -> None:
        assert isinstance(dependency.outcome, Failure)  # noqa: S101  (for the type checker)
        self._settle(entry, dependency.outcome.for_dependent(entry.name, dependency.name))

    def _settle(self, entry: Entry, outcome: Payload | Failure) -> None:
        """Note the outcome of a task. It may settle others, these again others; a loop, for chains can be long."""
        self._settled.append((entry, outcome))
        if len(self._settled) > 1:
            return
        while self._settled:
            entry, outcome = self._settled[0]
            if entry.outcome is None:
                entry.finish(outcome)
            self._settled.popleft()

    def _failed(self, entry: Entry, failure: Failure) -> None:
        if entry.call is not None and entry.retried < entry.call.retries:
            entry.retried += 1
            self.dispatcher.add(entry)
        else:
            self._settle(entry, failure)

    def leisure(self, missing: int) -> float:
        """Return for how many seconds nobody needs what workers have to tell.

        Each look at the sockets costs as much as a small task, so a program that waits for many results had better take
        several of them at a time.

        Args:
            missing: How many results the program waits for.
        """
        if self._dependents or self.dispatcher.blocked:
            return 0.0
        given, seconds = self.dispatcher.backlog()
        return min(_MOST_LEISURE, seconds / 2) if missing > given else 0.0

    def _process(self, events: Events) -> None:
        for fd, mask in events:
            if fd == self._source.fileno():
                self._take_notices()
            elif (worker := self._by_descriptor.get(fd)) is not None:
                self._hear(worker, fd, mask)
        if self.has_deadlines:
            self._end_the_late()
        self.dispatcher.dispatch()

    def _hear(self, worker: Worker, fd: int, mask: int) -> None:
        if mask & select.EPOLLOUT:
            self._flush(worker)
        if mask & ~select.EPOLLOUT:
            for _ in range(1 + worker.soon_done):
                if not self._listen(worker):
                    break

    def _listen(self, worker: Worker) -> bool:
        """Handle one message of a worker. Return False if there is none."""
        try:
            received = worker.listen()
        except BlockingIOError:
            return False
        if received is None:
            self._lost(worker)
            return False
        self._stillborn = 0
        self._handle(worker, *received)
        return True

    def _handle(self, worker: Worker, message: Message, descriptors: list[Any]) -> None:
        kind, *fields = message[:-1]  # the last, about what it has let go of, is dealt with
        if kind == "result":
            self._returned(worker, descriptors, *fields)
        elif kind == "failed":
            self._raised(worker, *fields)
        else:
            getattr(self._requests, kind)(worker, descriptors, *fields)

    def _returned(self, worker: Worker, descriptors: list[Any], number: int, seconds: float, frame: Frame) -> None:
        entry = worker.done(number, seconds)
        try:
            outcome: Payload | Failure = worker.decode(frame, descriptors)
        except OSError as error:  # no descriptor is left for its shared memory
            outcome = Failure.of(error)
        self._settle(entry, outcome)
        self.dispatcher.ended(worker)

    def _raised(self, worker: Worker, number: int, seconds: float, failure: Failure) -> None:
        self._failed(worker.done(number, seconds), failure)
        self.dispatcher.ended(worker)

    def _flush(self, worker: Worker) -> None:
        if worker.descriptors and worker.descriptors[0] in self._by_descriptor:
            self.pump.expect_room(worker.descriptors[0], not worker.flush())

    def _answer(self, worker: Worker) -> None:
        """Let a worker whose task waited go on."""
        answer, worker.answer = worker.answer, None
        if worker.waiter is not None:
            worker.waiter.cancel()
        worker.waiter = worker.waiting_until = None
        if answer is not None:
            answer()
        self.dispatcher.ended(worker)  # if it was a thread that outlived its task who waited

    @abstractmethod
    def _start_worker(self, number: int, shape: Shape) -> Worker:
        """Start a worker for tasks of this shape."""

    def _watch(self, worker: Worker) -> None:
        for fd in worker.descriptors:
            self._by_descriptor[fd] = worker
            self.pump.register(fd)

    def _unwatch(self, worker: Worker) -> bool:
        """Listen to a worker no more. Return whether anybody did."""
        watched = [fd for fd in worker.descriptors if self._by_descriptor.pop(fd, None) is not None]
        for fd in watched:
            self.pump.unregister(fd)
        return bool(watched)

    def _take_notices(self) -> None:
        try:
            while (notice := self._source.notice()) is not None:
                self._take_notice(notice)
        except BlockingIOError:
            return
        self._break("the process that starts workers has ended; its last words are in the log")

    def _take_notice(self, notice: dict[str, Any]) -> None:
        worker = self.dispatcher.workers.get(next(iter(notice.values())))
        if worker is not None:
            self._noticed(worker, notice)

    @abstractmethod
    def _noticed(self, worker: Worker, notice: dict[str, Any]) -> None:
        """Deal with what the source of workers says of one of them."""

    def _ended(self, worker: Worker, explain: Callable[[str], WorkerDiedError], reason: str) -> None:
        """Deal with the end of a worker process: with its last messages, and with the task it ran.

        Args:
            worker: The worker.
            explain: Makes the error for the task that it ran, from the name of the task.
            reason: Why tasks that wait cannot run, should workers go on ending before they have begun.
        """
        while self._listen(worker):
            pass
        self._forget(worker)
        begun = self.dispatcher.remove(worker)
        for entry in begun:
            self._died_in(entry, worker, explain)
        if not (begun or worker.proven or worker.retired):
            self._stillborn += 1
            if self._stillborn >= _MOST_STILLBORN:
                self._fail_waiting(reason)

    def _died_in(self, entry: Entry, worker: Worker, explain: Callable[[str], WorkerDiedError]) -> None:
        if worker.condemned is None:
            self._failed(entry, Failure.of(explain(entry.name)))
        elif worker.condemned[0] is entry:
            self._failed(entry, worker.condemned[1])
        else:  # the task that was too late was done just before the end
            self.dispatcher.add(entry)

    def _fail_waiting(self, reason: str) -> None:
        self._stillborn = 0
        for entry in self.dispatcher.clear():
            self._settle(entry, Failure.of(WorkersUnavailableError(reason)))

    def _forget(self, worker: Worker) -> None:
        if worker.waiter is not None:
            worker.waiter.cancel()
        self._unwatch(worker)

    def _lost(self, worker: Worker) -> None:
        """Deal with a worker that has hung up: its end is still to come, so hasten it."""
        if self._unwatch(worker) and not worker.retired:
            self._source.kill(worker.number)

    def _break(self, reason: str) -> None:
        """Deal with the end of the fork server, which is the end of all workers."""
        self.pump.unregister(self._source.fileno())
        self._broken = WorkersUnavailableError(reason)
        for worker in list(self.dispatcher.workers.values()):
            self._forget(worker)
            for entry in self.dispatcher.remove(worker):
                self._settle(entry, Failure.of(self._broken))
        self._fail_waiting(reason)

    def _next_deadline(self) -> float | None:
        if not self.has_deadlines:
            return None
        return min((worker.deadline for worker in self.dispatcher.workers.values() if worker.deadline), default=None)

    def _end_the_late(self) -> None:
        now = time.monotonic()
        for worker in self.dispatcher.workers.values():
            self._end_if_late(worker, now)

    def _end_if_late(self, worker: Worker, now: float) -> None:
        if worker.running_until is not None and worker.running_until <= now:
            call = worker.entries[0].call
            assert call is not None  # noqa: S101  (for the type checker)
            error = TaskTimeoutError(
                f"task {call.name!r} ran longer than its timeout of {call.timeout:g} s and was ended"
            )
            worker.condemned = (worker.entries[0], Failure.of(error))
            worker.running_until = worker.waiting_until = None
            self._source.kill(worker.number)
        elif worker.waiting_until is not None and worker.waiting_until <= now:
            worker.waiting_until = None
            self.dispatcher.unblock(worker)

    def close(self) -> None:
        """End all workers. Tasks that have not ended fail."""
        with self.pump.lock:
            if self._broken is None:
                self._break("the tasks of this process are shut down")
        self.pump.close()
        self._source.close()
