"""The program's side of its leases: it asks Ray for them, and learns who has called and whose end has come."""

import contextlib
import functools
import os
import queue
from concurrent.futures import Future
from typing import Any

import ray
from ray.exceptions import RayError

from qiskit_serverless.tasks.budget import Shape
from qiskit_serverless.tasks.ray import cluster, lease
from qiskit_serverless.tasks.ray.context import JobContext
from qiskit_serverless.tasks.ray.listener import Address, Caller, Listener
from qiskit_serverless.tasks.ray.objects import StoredObject, Ticket


class Lease:
    """A task of Ray's that runs tasks of the program.

    Attributes:
        secret: By which its worker is known.
    """

    def __init__(self, address: Address, generator: "ray.ObjectRefGenerator") -> None:
        self.secret = address.secret
        self._generator = generator
        self._taken = 0

    @property
    def end(self) -> "Future[Any]":
        """Return the future of its end."""
        future: Future[Any] = self._generator.completed().future()
        return future

    @property
    def ticket(self) -> Ticket:
        """Return what leads to its end from other processes."""
        return Ticket.of(self._generator.completed())

    def take(self, place: int) -> StoredObject:
        """Return what it has yielded.

        Args:
            place: The place of the object among them; they are taken in order. Those in between are of results that were
                replaced by an error, and nobody takes them.
        """
        for _ in range(self._taken, place):
            next(self._generator)
        self._taken = place + 1
        return StoredObject(next(self._generator))

    def finish(self) -> None:
        """Look at how it ended: Ray prints the errors that nobody has looked at."""
        with contextlib.suppress(RayError, StopIteration):
            ray.get(next(self._generator))

    def cancel(self, *, force: bool) -> None:
        """End it, if it has not ended; with force, kill its worker."""
        ray.cancel(self._generator, force=force)


class Leases:
    """All leases of a program: a `WorkerSource`."""

    def __init__(self, context: JobContext) -> None:
        self._context = ray.put(context)
        self._notices: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        self._wake = os.eventfd(0, os.EFD_NONBLOCK | os.EFD_CLOEXEC)
        node = (
            ray._private.worker.global_worker.node
        )  # `get_node_ip_address` tells of the machine, which may play several nodes
        self._listener = Listener(node.node_ip_address, self._called)
        self._leases: dict[int, Lease] = {}

    def request(self, number: int, shape: Shape, waiting: int) -> Lease:
        """Ask for a lease.

        Args:
            number: Number of the worker.
            shape: What it holds.
            waiting: How many tasks wait for others.
        """
        address = self._listener.expect(number)
        setup = lease.Setup(number, address, shape.env_vars, shape.threads)
        generator = lease.task().options(**cluster.options(shape, waiting)).remote(self._context, setup)
        made = self._leases[number] = Lease(address, generator)
        made.end.add_done_callback(functools.partial(self._ended, number))
        return made

    def _called(self, number: int, caller: Caller) -> None:
        self._notify({"attached": number, "caller": caller})

    def _ended(self, number: int, end: "Future[Any]") -> None:
        self._notify({"ended": number, "error": end.exception()})

    def _notify(self, notice: dict[str, Any]) -> None:
        self._notices.put(notice)
        os.eventfd_write(self._wake, 1)

    def fileno(self) -> int:
        """Return the descriptor on which notices arrive."""
        return self._wake

    def notice(self) -> dict[str, Any]:
        """Return the next notice: a worker has called, or its lease has ended.

        Raises:
            BlockingIOError: There is none.
        """
        if self._notices.empty():
            os.eventfd_read(self._wake)
        try:
            return self._notices.get_nowait()
        except queue.Empty:
            raise BlockingIOError from None

    def kill(self, number: int) -> None:
        """Have a worker killed."""
        self._leases[number].cancel(force=True)

    def forget(self, number: int) -> None:
        """Forget a lease that has ended."""
        self._listener.forget(number)
        self._leases.pop(number).finish()

    def close(self) -> None:
        """End all leases."""
        self._listener.close()
        for each in self._leases.values():
            each.cancel(force=True)
        self._leases.clear()
