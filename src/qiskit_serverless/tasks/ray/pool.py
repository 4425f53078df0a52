"""The workers of a program on a cluster."""

import select
from typing import Any

from qiskit_serverless.tasks.budget import Budget, Shape
from qiskit_serverless.tasks.entries import Entry
from qiskit_serverless.tasks.errors import BudgetExceededError, WorkerDiedError
from qiskit_serverless.tasks.failures import Failure
from qiskit_serverless.tasks.pump import Events
from qiskit_serverless.tasks.ray import cluster, deaths
from qiskit_serverless.tasks.ray.leases import Leases
from qiskit_serverless.tasks.ray.remote_worker import RemoteWorker
from qiskit_serverless.tasks.worker_pool import Pool
from qiskit_serverless.tasks.workers import Worker


class RayPool(Pool):
    """Runs tasks in leases."""

    def __init__(self, leases: Leases, budget: Budget) -> None:
        super().__init__(leases, budget)
        self.has_deadlines = True  # leases are let go of after a while
        self._leases = leases
        self._lacking: dict[Shape, str | None] = {}

    def add(self, entry: Entry) -> None:
        """Take in a task. It fails if no node of the cluster can ever run it."""
        assert entry.call is not None  # noqa: S101  (for the type checker)
        shape = entry.call.queue.shape
        if shape not in self._lacking:
            self._lacking[shape] = cluster.lacking(shape)
        lacking = self._lacking[shape]
        if lacking is None:
            super().add(entry)
        else:
            self._settle(entry, Failure.of(BudgetExceededError(f"task {entry.name!r} {lacking}; lower the target")))

    def _start_worker(self, number: int, shape: Shape) -> Worker:
        for idle in self.dispatcher.idle_workers():
            idle.retire()  # what it holds may be what this one needs
        waiting = sum(1 for worker in self.dispatcher.workers.values() if worker.waiter is not None)
        return RemoteWorker(number, shape, self._flush, self._leases.request(number, shape, waiting))

    def _noticed(self, worker: Worker, notice: dict[str, Any]) -> None:
        assert isinstance(worker, RemoteWorker)  # noqa: S101  (for the type checker)
        if "attached" not in notice:
            self._let_go(worker, notice["error"])
        elif worker.attach(notice["caller"]):
            self._watch(worker)
            worker.start()
            self._flush(worker)

    def _let_go(self, worker: RemoteWorker, error: Any) -> None:  # noqa: ANN401  (Ray has no annotations)
        def explain(task: str) -> WorkerDiedError:
            return deaths.explain(task, pid=worker.pid, status=worker.status, error=error)

        self._leases.forget(worker.number)
        reason = f"the cluster starts no workers: {getattr(error, 'cause', error)}" if error else "workers end at once"
        self._ended(worker, explain, reason)

    def _hear(self, worker: Worker, fd: int, mask: int) -> None:
        assert isinstance(worker, RemoteWorker) and worker.output is not None  # noqa: S101, PT018
        if fd == worker.output.fileno():
            worker.output.read()
            if worker.output.ended:
                self._by_descriptor.pop(fd)
                self.pump.unregister(fd)
            mask = select.EPOLLIN
        super()._hear(worker, fd, mask)

    def _lost(self, worker: Worker) -> None:
        """Deal with a worker that has hung up: Ray will say of its end."""
        self._unwatch(worker)

    def _process(self, events: Events) -> None:
        super()._process(events)
        for worker in list(self.dispatcher.workers.values()):
            assert isinstance(worker, RemoteWorker)  # noqa: S101  (for the type checker)
            worker.rest()
