"""Signals as something a selector can wait for."""

import os
import select
import signal
from types import FrameType

GATEWAY_IS_BACK = signal.SIGUSR1
"""Tells a supervisor to try its gateway again at once."""


class SignalPipe:
    """A pipe in which each of some signals leaves its number.

    The handlers themselves do nothing; all reaction is in the loop that reads the pipe.
    """

    def __init__(self, *numbers: int) -> None:
        self._read_end, self._write_end = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(self._write_end, warn_on_full_buffer=False)
        for number in numbers:
            signal.signal(number, _note)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, numbers)

    def fileno(self) -> int:
        """Return the descriptor that becomes readable when a signal arrives."""
        return self._read_end

    def read(self) -> set[int]:
        """Return the signals that have arrived since the last call, without waiting."""
        try:
            return set(os.read(self._read_end, 65536))
        except BlockingIOError:
            return set()

    def wait(self, seconds: float) -> set[int]:
        """Wait for a signal, at most so long. Returns those that have arrived."""
        select.select([self._read_end], [], [], seconds)
        return self.read()

    def close(self) -> None:
        """Close both ends."""
        signal.set_wakeup_fd(-1)
        os.close(self._read_end)
        os.close(self._write_end)


def _note(number: int, frame: FrameType | None) -> None:
    """Do nothing: Python has written the number into the pipe."""
