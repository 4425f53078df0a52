"""Wakes when a file is written to; see inotify(7)."""

import ctypes
import os
from pathlib import Path

_IN_MODIFY = 0x2
_libc = ctypes.CDLL(None, use_errno=True)


class FileWatch:
    """A descriptor that becomes readable when somebody writes to a file.

    Raises:
        OSError: The system's limits of inotify are reached.
    """

    def __init__(self, path: Path) -> None:
        self._descriptor: int = _libc.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        if self._descriptor < 0:
            raise OSError(ctypes.get_errno(), "inotify_init1")
        if _libc.inotify_add_watch(self._descriptor, os.fsencode(path), _IN_MODIFY) < 0:
            error = OSError(ctypes.get_errno(), "inotify_add_watch", str(path))
            os.close(self._descriptor)
            raise error

    def fileno(self) -> int:
        """Return the descriptor."""
        return self._descriptor

    def drain(self) -> None:
        """Forget the writes so far, so that the next one wakes again."""
        try:
            os.read(self._descriptor, 65536)
        except BlockingIOError:
            return

    def close(self) -> None:
        """Stop watching."""
        os.close(self._descriptor)
