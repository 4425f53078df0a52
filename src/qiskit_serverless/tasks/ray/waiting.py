"""How a task that waits for others gives its cores back to the cluster: Ray lends them out while a task waits in `ray.get`.

Answers of the program arrive over a connection, of which Ray knows nothing. So the worker waits, in the eyes of Ray, for the
result of a task that cannot begin before this lease has ended; and takes that task back as soon as there is something to read.
"""

import contextlib
import threading
from functools import cache
from typing import Any

import ray
from ray.exceptions import RayError

from qiskit_serverless.tasks.ray.objects import Ticket
from qiskit_serverless.tasks.ray.streams import Stream

_SHORT_SECONDS = 0.02
"""Shorter waits keep their cores."""


class Patience:
    """Waits for answers in a worker.

    Attributes:
        lease: Leads to the end of the lease; None until the program has told.
    """

    def __init__(self) -> None:
        self.lease: Ticket | None = None

    def wait(self, stream: Stream) -> None:
        """Wait until there is something to read, while others use the cores of this task."""
        if self.lease is None or threading.current_thread() is not threading.main_thread():
            return  # Ray lends out cores when the thread waits that runs the task
        if stream.is_readable(_SHORT_SECONDS):
            return
        after_this_lease = _task().remote(self.lease.redeem())
        waking = threading.Thread(target=_take_back, args=(after_this_lease, stream), daemon=True)
        waking.start()
        with contextlib.suppress(RayError):  # it was taken back
            ray.get(after_this_lease)
        waking.join()


@cache
def _task() -> Any:  # noqa: ANN401  (Ray has no annotations)
    """Return the task that cannot begin; always the same, so that Ray sends it to the cluster once."""
    return ray.remote(_never).options(num_cpus=0)


def _never(lease: object) -> None:
    """Do nothing, once the lease has ended."""


def _take_back(task: Any, stream: Stream) -> None:  # noqa: ANN401  (Ray has no annotations)
    stream.is_readable(None)
    ray.cancel(task)
