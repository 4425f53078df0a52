"""The workers of a program on its own machine."""

import functools
import sys
from typing import Any

from qiskit_serverless.tasks import deaths
from qiskit_serverless.tasks.budget import Budget, Shape
from qiskit_serverless.tasks.forked_worker import ForkedWorker
from qiskit_serverless.tasks.launcher import Launcher
from qiskit_serverless.tasks.worker_pool import Pool
from qiskit_serverless.tasks.workers import Worker


class ForkedPool(Pool):
    """Runs tasks in processes that a fork server forks."""

    def __init__(self, launcher: Launcher, budget: Budget) -> None:
        super().__init__(launcher, budget)
        self._launcher = launcher

    def _start_worker(self, number: int, shape: Shape) -> Worker:
        worker = ForkedWorker(number, shape, self._flush)
        self._launcher.fork(number, worker.hand_over())
        worker.handed_over()
        self._watch(worker)
        worker.tell((number, list(sys.path), dict(shape.env_vars), shape.threads, self.budget))
        return worker

    def _noticed(self, worker: Worker, notice: dict[str, Any]) -> None:
        if "forked" in notice:
            worker.pid = notice["pid"]
            return
        if "failed" in notice:
            status, peak, reason = 0, 0, f"no worker process can be forked: {notice['reason']}"
        else:
            status, peak = notice["status"], notice["peak"]
            reason = "worker processes end before they have begun; their last words are in the log"
        self._ended(worker, functools.partial(deaths.explain, pid=worker.pid, status=status, peak=peak), reason)
