"""What every forked child must do before it runs anything, and what every process must check before it forks.

The zygote, the supervisors and the fork server of the tasks only import; they never run what they imported. A process
that has, say, transpiled a circuit owns threads, and `fork` copies the locks of these threads but not the threads: the
child hangs when it needs one of them. `assert_single_threaded` is called before each fork, `become_child` first thing
in each child. (Importing NumPy starts OpenBLAS's threads unless ``OPENBLAS_NUM_THREADS=1`` was set before.)

Standard library only, and cheap to import.
"""

import itertools
import os
import random
import signal
import sys
import threading
from collections.abc import Iterable
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_IGNORED_BY_PYTHON = ("SIGPIPE", "SIGXFSZ", "SIGXFZ")  # a fresh interpreter ignores these


class NotSingleThreadedError(RuntimeError):
    """This process has more than one thread, so children forked from it could hang."""


def assert_single_threaded() -> None:
    """Check that a fork is safe now.

    Raises:
        NotSingleThreadedError: The process has other threads; the message names them.
    """
    names = _thread_names()
    if len(names) > 1:
        raise NotSingleThreadedError(
            f"process {os.getpid()} has {len(names)} threads ({', '.join(names)}) and must not fork: "
            "it may import libraries, but not run what starts threads"
        )


def _thread_names() -> list[str]:
    tasks = Path("/proc/self/task")
    if not tasks.is_dir():
        return [thread.name for thread in threading.enumerate()]
    return [(task / "comm").read_text().strip() for task in sorted(tasks.iterdir())]


def become_child(keep: Iterable[int], *, die_with: int | None = None) -> None:
    """Turn a freshly forked process into one of its own. Call it first in the child.

    Restores the signal handlers and the signal mask of a fresh interpreter, closes inherited file descriptors, gives
    `random` and NumPy's global generator fresh seeds (children of one parent would otherwise draw the same numbers),
    and forgets an event loop. The parent flushes its text streams before it forks, or what they hold is written twice.

    Args:
        keep: File descriptors to leave open, besides 0, 1 and 2.
        die_with: Process id of the parent, read before the fork. If given, the kernel kills this process as soon as the
            parent has gone (Linux; elsewhere it is ignored).
    """
    if die_with is not None:
        _die_with_parent(die_with)
    _restore_signals()
    _close_others({0, 1, 2, *keep})
    _reseed()
    _forget_event_loop()


def _die_with_parent(parent: int) -> None:
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    if ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_PDEATHSIG)")
    if os.getppid() != parent:  # it went before the kernel knew of our wish
        os._exit(1)


def _restore_signals() -> None:
    signal.set_wakeup_fd(-1)
    for number in signal.valid_signals():
        if signal.getsignal(number) not in (signal.SIG_DFL, None):
            signal.signal(number, signal.SIG_DFL)
    for name in _IGNORED_BY_PYTHON:
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


def _close_others(keep: set[int]) -> None:
    """Close every descriptor that is not in `keep`; ranges, so that it costs one system call per gap."""
    edges = sorted(keep)
    for low, high in itertools.pairwise(edges):
        os.closerange(low + 1, high)
    os.closerange(edges[-1] + 1, _highest_descriptor() + 1)


def _highest_descriptor() -> int:
    folder = Path("/proc/self/fd" if sys.platform.startswith("linux") else "/dev/fd")
    return max(int(entry.name) for entry in folder.iterdir())


def _reseed() -> None:
    random.seed()
    numpy_random = sys.modules.get("numpy.random")
    if numpy_random is not None:
        numpy_random.seed()


def _forget_event_loop() -> None:
    events = sys.modules.get("asyncio.events")
    if events is not None:
        events._set_running_loop(None)
        events.set_event_loop(None)
