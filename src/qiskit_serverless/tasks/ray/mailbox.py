"""The worker's end of its connection: one for the thread that runs tasks, one for the threads that ask for something."""

import threading
from collections import deque
from collections.abc import Sequence
from typing import Any

from qiskit_serverless.tasks.messages import Message
from qiskit_serverless.tasks.ray.objects import Ticket
from qiskit_serverless.tasks.ray.streams import Stream
from qiskit_serverless.tasks.ray.waiting import Patience

_Received = tuple[Message, list[Any]]


class Mailbox:
    """Sorts what arrives: tasks, and everything else. Whoever waits reads for all.

    Attributes:
        tasks: Receives tasks; ends when the program says that there will be no more.
        answers: Receives everything else, and sends.
    """

    def __init__(self, stream: Stream) -> None:
        """Sort what arrives on a stream.

        Args:
            stream: A stream that waits.
        """
        self.tasks = _Side(self)
        self.answers = _Side(self)
        self._stream = stream
        self._patience = Patience()
        self._arrived = threading.Condition()
        self._reading = False
        self._closed = False

    def send(self, message: Message, handles: Sequence[Any]) -> None:
        """Send a message."""
        self._stream.send(message, handles)

    def receive(self, side: "_Side") -> _Received | None:
        """Return the next message for this side; None if the program has gone or, for tasks, if there are no more."""
        with self._arrived:
            while not side.waiting:
                if self._closed or side.closed:
                    return None
                if self._reading:
                    self._arrived.wait()
                else:
                    self._read(side)
            return side.waiting.popleft()

    def _read(self, side: "_Side") -> None:
        self._reading = True
        self._arrived.release()
        received = None
        try:
            if side is self.answers:
                self._patience.wait(self._stream)
            received = self._stream.receive()
        finally:
            self._arrived.acquire()
            self._reading = False
            self._arrived.notify_all()
        self._sort(received)

    def _sort(self, received: _Received | None) -> None:
        if received is None:
            self._closed = True
            return
        (kind, *fields), handles = received
        if kind == "leave":
            self.tasks.closed = True
        elif kind == "task":
            self.tasks.waiting.append((tuple(fields), handles))
        elif kind == "lease":
            self._patience.lease = Ticket(*fields)
        else:
            self.answers.waiting.append(received)


class _Side:
    """One side of a mailbox: a `Channel`."""

    def __init__(self, mailbox: Mailbox) -> None:
        self.waiting: deque[_Received] = deque()
        self.closed = False
        self._mailbox = mailbox

    def send(self, message: Message, handles: Sequence[Any]) -> None:
        """Send a message."""
        self._mailbox.send(message, handles)

    def receive(self) -> _Received | None:
        """Return the next message."""
        return self._mailbox.receive(self)
