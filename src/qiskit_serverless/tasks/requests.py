"""What workers ask of the program for their tasks: to start tasks, to keep values, to wait."""

import time
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from qiskit_serverless.tasks.entries import Entry, Waiter
from qiskit_serverless.tasks.functions import Options
from qiskit_serverless.tasks.messages import Frame
from qiskit_serverless.tasks.workers import Worker

if TYPE_CHECKING:
    from qiskit_serverless.tasks.worker_pool import Pool


class Requests:
    """Serves the requests of workers. Each method takes the fields of one message; see `WorkerSession` for the other side."""

    def __init__(self, pool: "Pool") -> None:
        self._pool = pool

    def function(self, worker: Worker, descriptors: list[Any], function_id: str, options: Options, body: Frame) -> None:
        """Learn of a function that the tasks of this worker call."""
        worker.calls[function_id] = self._pool.call(function_id, options, worker.decode(body, descriptors))

    def submit(
        self, worker: Worker, descriptors: list[Any], number: int, function_id: str, waits_for: list[int], packed: Frame
    ) -> None:
        """Start a task."""
        dependencies = [worker.held[dependency][0] for dependency in waits_for]
        order = worker.entries[0].order if worker.entries else ()
        entry = Entry(number, worker.calls[function_id], worker.decode(packed, descriptors), dependencies, order=order)
        worker.hold(entry)
        self._pool.add(entry)

    def put(self, worker: Worker, descriptors: list[Any], number: int, value: Frame) -> None:
        """Keep a value."""
        worker.hold(Entry(number, None, outcome=worker.decode(value, descriptors)))

    def get(self, worker: Worker, descriptors: list[Any], numbers: list[int], timeout: float | None) -> None:
        """Send values, once they are there."""
        entries = _entries(worker, numbers)
        waiter = Waiter(entries, len(entries), lambda: self._pool.dispatcher.unblock(worker), stop_at_failure=True)

        def answer() -> None:
            if waiter.ready:
                worker.tell_values(Entry.outcomes(entries))
            else:
                worker.tell(("late", waiter.late(timeout)))

        self._block(worker, waiter, timeout, answer)

    def wait(
        self, worker: Worker, descriptors: list[Any], numbers: list[int], count: int, timeout: float | None
    ) -> None:
        """Say which values are there, once there are enough of them."""
        entries = _entries(worker, numbers)
        waiter = Waiter(entries, count, lambda: self._pool.dispatcher.unblock(worker))
        self._block(
            worker, waiter, timeout, lambda: worker.tell(("ready", [entry.outcome is not None for entry in entries]))
        )

    def statuses(self, worker: Worker, descriptors: list[Any], numbers: list[int]) -> None:
        """Send the statuses of tasks."""
        worker.tell(("statuses", [entry.status for entry in _entries(worker, numbers)]))

    def _block(self, worker: Worker, waiter: Waiter, timeout: float | None, answer: Callable[[], None]) -> None:
        """Answer at once if there is nothing to wait for; otherwise other tasks may use what this one holds."""
        if waiter.ready or worker.queue is None:
            answer()
            return
        worker.answer = answer
        self._pool.dispatcher.block(worker)
        worker.waiter = waiter
        if timeout is not None:
            worker.waiting_until = time.monotonic() + timeout
            self._pool.has_deadlines = True


def _entries(worker: Worker, numbers: Sequence[int]) -> list[Entry]:
    return [worker.held[number][0] for number in numbers]
