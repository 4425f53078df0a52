"""What tasks on other nodes print, on its way into the job's log.

A worker's standard output and error are a connection to the program, so what was written is on its way even when the
process is killed in the next moment. After each task the worker writes a mark, and the program takes the result of the task
only when it has seen the mark: all that the task printed is in the log before.
"""

import contextlib
import os
import re
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from io import TextIOWrapper
from typing import TextIO

_READ_BYTES = 256 * 2**10
_LONGEST_LINE = 2**20
_MOST_READS = 64
_CRASHES = {
    b"Segmentation fault": signal.SIGSEGV,
    b"Bus error": signal.SIGBUS,
    b"Illegal instruction": signal.SIGILL,
    b"Floating point exception": signal.SIGFPE,
    b"Aborted": signal.SIGABRT,
}
_FATAL = re.compile(rb"^Fatal Python error: (" + b"|".join(_CRASHES) + rb")\s*$", re.MULTILINE)
"""What Python's fault handler writes."""


@contextlib.contextmanager
def capture(connection: socket.socket, secret: bytes) -> Iterator[Callable[[], None]]:
    """Send all that this process writes to standard output and error over a connection.

    Args:
        connection: The connection. It is closed at the end.
        secret: What marks are made of.

    Yields:
        A function that writes a mark.
    """
    mark = _mark(secret)
    streams, before = (sys.stdout, sys.stderr), [os.dup(1), os.dup(2)]
    for fd in (1, 2):
        os.dup2(connection.fileno(), fd)
    sys.stdout, sys.stderr = _text(1), _text(2)
    try:
        yield lambda: connection.sendall(mark)
    finally:
        _flush(sys.stdout, sys.stderr)
        sys.stdout, sys.stderr = streams
        for fd, saved in enumerate(before, start=1):
            os.dup2(saved, fd)
            os.close(saved)
        connection.close()


def _mark(secret: bytes) -> bytes:
    return b"\0task ended " + secret.hex().encode() + b"\n"


def _text(fd: int) -> TextIOWrapper:
    return open(fd, "w", encoding="utf-8", errors="backslashreplace", buffering=1, closefd=False)


def _flush(*streams: TextIO) -> None:
    for stream in streams:
        with contextlib.suppress(OSError, ValueError):
            stream.flush()


class Output:
    """What a worker writes, as the program receives it: whole lines go to the program's own standard output.

    Attributes:
        marks: How many marks were seen.
        crash: The signal of a crash that the output tells of, or 0.
        ended: Whether there will be no more.
    """

    def __init__(self, connection: socket.socket, secret: bytes) -> None:
        self.marks = 0
        self.crash = 0
        self.ended = False
        self._connection = connection
        self._mark = _mark(secret)
        self._rest = b""

    def fileno(self) -> int:
        """Return the descriptor of the connection."""
        return self._connection.fileno()

    def read(self) -> None:
        """Pass on what is there now, as far as a connection can hold it: who writes all the time does not keep us here."""
        for _ in range(_MOST_READS):
            if self.ended:
                return
            try:
                data = self._connection.recv(_READ_BYTES)
            except BlockingIOError:
                return
            except ConnectionError:
                data = b""
            self.ended = not data
            self._pass_on(data)

    def _pass_on(self, data: bytes) -> None:
        *before, rest = (self._rest + data).split(self._mark)
        self.marks += len(before)
        end = len(rest) if self.ended else rest.rfind(b"\n") + 1
        if len(rest) - end > _LONGEST_LINE:
            end = len(rest) - len(self._mark)  # the first bytes of a mark may be there already
        self._rest = rest[end:]
        self._write(b"".join(before) + rest[:end])

    def _write(self, text: bytes) -> None:
        found = _FATAL.search(text)
        if found:
            self.crash = _CRASHES[found[1]]
        view = memoryview(text)
        with contextlib.suppress(OSError):  # a log that cannot be written is told of by the supervisor
            while view.nbytes:
                view = view[os.write(1, view) :]

    def close(self) -> None:
        """Pass on what is left, and hang up."""
        self.read()
        self.ended = True
        self._pass_on(b"")
        self._connection.close()
