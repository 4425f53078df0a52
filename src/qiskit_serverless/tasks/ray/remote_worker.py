"""A worker on a cluster, as the program sees it: from the request for a lease to its end."""

import time
from collections.abc import Callable
from typing import Any

from qiskit_serverless.tasks.budget import Shape
from qiskit_serverless.tasks.entries import Entry
from qiskit_serverless.tasks.messages import Message
from qiskit_serverless.tasks.ray.leases import Lease
from qiskit_serverless.tasks.ray.listener import CONTROL, Caller
from qiskit_serverless.tasks.ray.objects import StoredObject
from qiskit_serverless.tasks.ray.output import Output
from qiskit_serverless.tasks.ray.streams import Stream
from qiskit_serverless.tasks.workers import Worker

_LINGER_SECONDS = 0.5
"""How long a lease without tasks is kept: what it holds is of use to others."""
_ENDS = ("result", "failed")


class RemoteWorker(Worker):
    """A worker that has a lease, or waits for one.

    It is sent one task at a time; those behind wait here, where they can be taken back.
    """

    def __init__(self, number: int, shape: Shape, on_unsent: Callable[[Worker], None], lease: Lease) -> None:
        """Make a worker that is still to call.

        Args:
            number: Number of the worker.
            shape: What its lease is for.
            on_unsent: Called when there is something to `flush`.
            lease: Its lease.
        """
        super().__init__(number, on_unsent)
        self.lease = lease
        self.status: int | None = None
        self._shape = shape
        self._stream: Stream | None = None
        self.output: Output | None = None
        self._received: tuple[Message, list[Any]] | None = None
        self._ends = 0
        self._leaves_at: float | None = None

    @property
    def descriptors(self) -> list[int]:
        """Return the descriptors of its connections; none before it has called."""
        if self._stream is None or self.output is None:
            return []
        return [self._stream.fileno(), self.output.fileno()]

    @property
    def is_there(self) -> bool:
        """Say whether it has called."""
        return bool(self.descriptors)

    @property
    def soon_done(self) -> int:
        """Return how many messages may be there: all that was read from the connection has to be taken now."""
        return 1 << 30

    def suits(self, shape: Shape) -> bool:
        """Say whether the lease is for tasks of this shape."""
        return self.is_there and self._shape == shape

    def attach(self, caller: Caller) -> bool:
        """Take in one of its connections. Return whether it has both now; then it begins."""
        self.pid = caller.pid
        if caller.purpose == CONTROL:
            self._stream = Stream(caller.connection)
        else:
            self.output = Output(caller.connection, self.lease.secret)
        return self.is_there

    def start(self) -> None:
        """Have it begin the first of its tasks, if it has any yet."""
        self.tell(("lease", *self.lease.ticket))
        if self.retired:  # it called before it learnt that nobody needs it
            self.tell(("leave",))
        elif self.entries:
            self._begin()

    def give(self, entry: Entry) -> bool:
        """Take in a task."""
        self.entries.append(entry)
        if len(self.entries) == 1:
            self._begin()
        return True

    def _begin(self) -> None:
        if not self.is_there:
            return
        message, handles, payloads = self._message(self.entries[0])
        self.tell(("task", *message), handles, payloads)
        super()._begin()

    def take_back(self) -> Entry | None:
        """Take back the oldest task that was not sent; None if there is none."""
        first = 1 if self.is_there else 0
        if len(self.entries) <= first:
            return None
        entry = self.entries[first]
        del self.entries[first]
        return entry

    def flush(self) -> bool:
        """Send what `tell` took in. Return False if some of it still has to wait."""
        if self._stream is None:
            return True
        try:
            self._stream.flush()
            while self._unsent:
                message, handles, _ = self._unsent.popleft()
                self._stream.send(message, handles)
        except BlockingIOError:
            return False
        except ConnectionError:
            self._unsent.clear()  # its end is noticed elsewhere
        return True

    def _receive(self) -> tuple[Message, list[Any]] | None:
        """Return the next message; the end of a task only when all that it wrote is there."""
        if self._stream is None or self.output is None:
            return None  # it has never called
        if self._received is None:
            self._received = self._stream.receive()
        received = self._received
        if received is not None and received[0][0] in _ENDS:
            self._await_output(self.output)
        self._received = None
        if received is not None and received[0][0] == "leaving":
            _, kind, number, _ = received[0]
            self.status = number << 8 if kind == "exit" else number
            return self._receive()
        return received

    def _await_output(self, output: Output) -> None:
        if output.marks == self._ends:
            output.read()
        if output.marks == self._ends and not output.ended:
            raise BlockingIOError
        self._ends += 1

    def _open(self, handle: int) -> StoredObject:
        return self.lease.take(handle)

    @property
    def deadline(self) -> float | None:
        """Return when something has to happen if it has not been heard of by then."""
        others = super().deadline
        return min(filter(None, (others, self._leaves_at)), default=None)

    def rest(self) -> None:
        """Let the lease go if it has been without tasks for long enough."""
        if self.entries or self.retired or self.waiter is not None:
            self._leaves_at = None
        elif self._leaves_at is None:
            self._leaves_at = time.monotonic() + _LINGER_SECONDS
        elif self._leaves_at <= time.monotonic():
            self.retire()

    def retire(self) -> None:
        """Let the lease go: there will be no more tasks for it."""
        self.retired, self._leaves_at = True, None
        if self.is_there:
            self.tell(("leave",))
        else:
            self.lease.cancel(force=False)

    def close(self) -> None:
        """Hang up, and let go of what the process held."""
        if self._stream is not None:
            self._stream.close()
        if self.output is not None:
            self.output.close()
            self.status = self.status or self.output.crash or None
        super().close()
