"""Which task runs where and when.

Tasks of equal shape wait in one queue. A worker that runs a task is charged for the shape, and keeps the charge for as long as
tasks of that shape follow; so a few can lie in its socket already, and no time is lost between them. Older tasks go first: a
shape that does not fit yet has what it needs reserved, younger ones get only what is left.
"""

import itertools
import math
from collections.abc import Callable

from qiskit_serverless.tasks.budget import Budget, Shape
from qiskit_serverless.tasks.entries import Entry, ShapeQueue
from qiskit_serverless.tasks.workers import Worker

_WORKERS_PER_CPU = 16  # of tasks that ask for little or nothing


class Room:
    """Amounts of resources that are free, and of these what is reserved for older tasks."""

    def __init__(self, amounts: dict[str, int]) -> None:
        self._free = amounts
        self._reserved: dict[str, int] = {}

    @property
    def reserved(self) -> bool:
        """Say whether an older task waits for room."""
        return bool(self._reserved)

    def fits(self, shape: Shape) -> bool:
        """Say whether there is enough for one more task of this shape."""
        return all(self._free.get(name, 0) - self._reserved.get(name, 0) >= amount for name, amount in shape.demand)

    def take(self, shape: Shape) -> None:
        """Take what a task of this shape needs."""
        for name, amount in shape.demand:
            self._free[name] -= amount

    def give_back(self, shape: Shape) -> None:
        """Give back what a task of this shape had."""
        for name, amount in shape.demand:
            self._free[name] += amount

    def reserve(self, shape: Shape) -> None:
        """Keep what a task of this shape needs from all that come after it."""
        for name, amount in shape.demand:
            self._reserved[name] = self._reserved.get(name, 0) + amount

    def clear_reserved(self) -> None:
        """Forget all that was reserved."""
        self._reserved.clear()


class Dispatcher:
    """Gives tasks to workers."""

    def __init__(
        self, budget: Budget, start_worker: Callable[[int, Shape], Worker], on_resume: Callable[[Worker], None]
    ) -> None:
        """Make a dispatcher without workers.

        Args:
            budget: What all tasks that run at a time may use together.
            start_worker: Starts a worker with this number, for tasks of this shape.
            on_resume: Lets a worker whose task waited go on.
        """
        self.workers: dict[int, Worker] = {}
        self._room = Room(budget.amounts())
        self._start_worker = start_worker
        self._on_resume = on_resume
        self._numbers = itertools.count(1)
        self._queues: dict[Shape, ShapeQueue] = {}
        self._returning: list[Worker] = []  # blocked, what they wait for is there
        self._usual = max(1, math.ceil(budget.cpu))

    def queue(self, shape: Shape) -> ShapeQueue:
        """Return the queue for tasks of this shape."""
        return self._queues.setdefault(shape, ShapeQueue(shape))

    def add(self, entry: Entry) -> None:
        """Take in a task whose arguments are there."""
        assert entry.call is not None  # noqa: S101  (for the type checker)
        entry.call.queue.push(entry)

    def dispatch(self) -> None:
        """Give out whatever can be given out now."""
        self._room.clear_reserved()
        for worker in list(self._returning):
            self._resume(worker)
        waiting = [queue for queue in self._queues.values() if queue.heap]
        if len(waiting) > 1:
            waiting.sort(key=lambda queue: queue.first.order)
        for queue in waiting:
            self._serve(queue)
        if not any(queue.heap for queue in waiting):
            self._rebalance()

    def _resume(self, worker: Worker) -> None:
        """Let a blocked worker go on, if there is room for what it holds."""
        assert worker.queue is not None  # noqa: S101  (for the type checker)
        if self._room.fits(worker.queue.shape):
            self._room.take(worker.queue.shape)
            self._returning.remove(worker)
            self._on_resume(worker)
        else:
            self._room.reserve(worker.queue.shape)

    def _serve(self, queue: ShapeQueue) -> None:
        """Give out the tasks of one queue; if there is no room, keep what comes free for it."""
        while queue.heap and self._room.fits(queue.shape):
            self._take_back_older(queue)
            worker = self._vacancy(queue)
            if worker is None:
                break
            self._give(worker, queue)
        if queue.heap and not self._room.reserved and not self.blocked:
            self._queue_behind(queue)
        if queue.heap and not self._room.fits(queue.shape):
            self._room.reserve(queue.shape)

    def _take_back_older(self, queue: ShapeQueue) -> None:
        """Take back tasks that lie behind running ones and are to run before the first of the queue."""
        for worker in self.workers.values():
            if worker.queue is queue and len(worker.entries) > 1 and worker.entries[1].order < queue.first.order:
                entry = worker.take_back()
                if entry is not None:
                    queue.push(entry)

    def _give(self, worker: Worker, queue: ShapeQueue) -> bool:
        """Give the first task of the queue to a worker. Return False if it takes no more."""
        taken = worker.give(queue.first)
        if taken:
            queue.pop()
        else:
            self.ended(worker)
        return taken

    def _queue_behind(self, queue: ShapeQueue) -> None:
        """Give workers that run tasks of this shape more of them, in bursts: that wakes fewer processes than one by one."""
        running = [worker for worker in self.workers.values() if worker.queue is queue and worker.waiter is None]
        share = 1 + (len(queue.heap) + sum(len(worker.entries) for worker in running)) // max(1, len(running))
        for worker in running:
            depth = min(share, worker.depth)
            if len(worker.entries) <= depth // 2:
                while queue.heap and len(worker.entries) < depth and self._give(worker, queue):
                    pass

    def _vacancy(self, queue: ShapeQueue) -> Worker | None:
        """Return a worker for this shape, for which there is room, and charge it; start one if need be."""
        worker = self._idle(queue.shape) or self._started(queue.shape)
        if worker is not None:
            worker.queue = queue
            self._room.take(queue.shape)
        return worker

    def _idle(self, shape: Shape) -> Worker | None:
        return next((worker for worker in self.idle_workers() if worker.suits(shape)), None)

    def idle_workers(self) -> list[Worker]:
        """Return the workers that have nothing to do."""
        return [worker for worker in self.workers.values() if worker.queue is None and not worker.retired]

    def _active(self) -> int:
        return sum(1 for worker in self.workers.values() if worker.waiter is None and not worker.retired)

    def _started(self, shape: Shape) -> Worker | None:
        idle = self.idle_workers()  # of other kinds
        if self._active() - len(idle) >= self._usual * _WORKERS_PER_CPU:
            return None
        if idle and self._active() >= self._usual:
            idle[0].retire()
        worker = self._start_worker(next(self._numbers), shape)
        self.workers[worker.number] = worker
        return worker

    def _rebalance(self) -> None:
        """Take back tasks that another worker could begin at once: those behind running ones, and of workers still to come."""
        for worker in list(self.workers.values()):
            while (queue := worker.queue) is not None and self._could_begin_elsewhere(worker, queue):
                entry = worker.take_back()
                if entry is None:
                    break
                queue.push(entry)
                self.ended(worker)
                self._serve(queue)

    def _could_begin_elsewhere(self, worker: Worker, queue: ShapeQueue) -> bool:
        if not self._room.fits(queue.shape):
            return False
        if self._idle(queue.shape) is not None:
            return len(worker.entries) > (1 if worker.is_there else 0)
        return len(worker.entries) > 1 and worker.is_there and self._active() < self._usual

    def backlog(self) -> tuple[int, float]:
        """Return how many tasks workers have, and for how many seconds the first of them to run dry has enough."""
        busy = [worker for worker in self.workers.values() if worker.entries]
        return sum(len(worker.entries) for worker in busy), min((worker.backlog for worker in busy), default=0.0)

    @property
    def blocked(self) -> bool:
        """Say whether the task of any worker waits for others."""
        return any(worker.waiter is not None for worker in self.workers.values())

    def ended(self, worker: Worker) -> None:
        """Note that a worker has done a task."""
        if not worker.entries and worker.queue is not None and worker.waiter is None:
            self._room.give_back(worker.queue.shape)
            worker.queue = None
            for idle in self.idle_workers()[2 * self._usual :]:
                idle.retire()

    def block(self, worker: Worker) -> None:
        """Note that the running task of a worker waits: what it holds is free for others.

        Tasks that lie behind running ones are taken back, too: what it waits for may have to run before them.
        """
        assert worker.queue is not None  # noqa: S101  (for the type checker)
        self._room.give_back(worker.queue.shape)
        for other in self.workers.values():
            if len(other.entries) > 1 or other is worker:
                self._empty(other)

    def _empty(self, worker: Worker) -> None:
        while (entry := worker.take_back()) is not None:
            self.add(entry)
        self.ended(worker)

    def unblock(self, worker: Worker) -> None:
        """Note that what a blocked worker waits for is there; it goes on when there is room for it."""
        if worker not in self._returning:
            self._returning.append(worker)

    def remove(self, worker: Worker) -> list[Entry]:
        """Forget a worker that has ended, and return the tasks that it had begun: one, or none."""
        self._empty(worker)
        if worker.queue is not None and worker.waiter is None:
            self._room.give_back(worker.queue.shape)
        if worker in self._returning:
            self._returning.remove(worker)
        self.workers.pop(worker.number, None)
        worker.close()
        return list(worker.entries)

    def clear(self) -> list[Entry]:
        """Return all tasks that wait for a worker, and forget them."""
        return [queue.pop() for queue in self._queues.values() for _ in range(len(queue.heap))]
