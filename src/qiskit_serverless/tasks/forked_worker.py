"""A worker process on this machine, which the fork server forks."""

import contextlib
import os
from collections.abc import Callable
from typing import Any

from qiskit_serverless.tasks.budget import Shape
from qiskit_serverless.tasks.entries import Entry
from qiskit_serverless.tasks.messages import NO_WAIT, Message, pair, receive, send
from qiskit_serverless.tasks.segments import Segment, mark_free
from qiskit_serverless.tasks.workers import Worker


class ForkedWorker(Worker):
    """A worker that shares this machine with the program.

    Tasks lie in the socket until the worker takes them, one at a time. The program keeps the worker's end of that
    socket open too, so it can take back from there what the worker has not begun.
    """

    def __init__(self, number: int, shape: Shape, on_unsent: Callable[[Worker], None]) -> None:
        """Make the sockets of a worker.

        Args:
            number: Number of the worker.
            shape: What its first tasks need.
            on_unsent: Called when there is something to `flush`.
        """
        super().__init__(number, on_unsent)
        self._kind = shape.kind
        self._tasks, self._tasks_end = pair()
        self._control, self._control_end = pair()
        self._control.setblocking(False)

    @property
    def descriptors(self) -> list[int]:
        """Return the descriptor of the socket for everything but tasks."""
        return [self._control.fileno()]

    def suits(self, shape: Shape) -> bool:
        """Say whether the process can run tasks of this shape."""
        return self._kind == shape.kind

    def hand_over(self) -> list[int]:
        """Return the descriptors that the process needs, for the fork server."""
        return [self._tasks_end.fileno(), self._control_end.fileno()]

    def handed_over(self) -> None:
        """Close what only the process needs, so that its end is seen."""
        self._control_end.close()

    def give(self, entry: Entry) -> bool:
        """Send a task. Return False if the socket is full."""
        message, descriptors, payloads = self._message(entry)
        try:
            send(self._tasks, message, descriptors, NO_WAIT)
        except BlockingIOError:
            self._forgotten.extend(message[-1])
            return False
        self._count(payloads, 1)
        self.entries.append(entry)
        if len(self.entries) == 1:
            self._begin()
        return True

    def take_back(self) -> Entry | None:
        """Take back the oldest task that the process has not begun; None if there is none."""
        if self.retired:
            return None
        try:
            received = receive(self._tasks_end, NO_WAIT)
        except BlockingIOError:
            return None
        if received is None:
            return None
        message, descriptors = received
        for fd in descriptors:
            os.close(fd)
        entry = next(entry for entry in self.entries if entry.number == message[0])
        self._undo(entry, message)
        return entry

    def _undo(self, entry: Entry, message: Message) -> None:
        first = entry.running
        self.entries.remove(entry)
        if first:
            self._end(entry)
        self._forgotten.extend(message[-1])
        self._count([entry.arguments, *(dependency.outcome for dependency in entry.dependencies)], -1)

    def flush(self) -> bool:
        """Send what waits for the control socket. Return False if some of it still has to wait."""
        try:
            while self._unsent:
                message, descriptors, _ = self._unsent[0]
                send(self._control, message, descriptors)
                self._unsent.popleft()
        except BlockingIOError:
            return False
        except ConnectionError:
            self._unsent.clear()  # its end is noticed elsewhere
        return True

    def _receive(self) -> tuple[Message, list[Any]] | None:
        return receive(self._control)

    def _open(self, handle: int) -> Segment:
        return Segment(handle, mark_free)

    def retire(self) -> None:
        """Let the process leave: there will be no more tasks for it."""
        self.retired = True
        self._tasks.close()
        self._tasks_end.close()

    def close(self) -> None:
        """Close all sockets and let go of what the process held."""
        for end in (self._tasks, self._tasks_end, self._control, self._control_end):
            with contextlib.suppress(OSError):
                end.close()
        super().close()
