"""What Linux offers for looking after a tree of processes; see prctl(2), proc(5) and PR_SET_CHILD_SUBREAPER."""

import ctypes
import os
import select
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from resource import struct_rusage

from treadle.runner.signals import SignalPipe

_PR_SET_NAME = 15
_PR_SET_CHILD_SUBREAPER = 36
_STRAY_SECONDS = 1.0
_libc = ctypes.CDLL(None, use_errno=True)


def become_subreaper() -> None:
    """Have orphans among this process's descendants become its children instead of those of init."""
    if _libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) != 0:
        raise OSError(ctypes.get_errno(), "prctl(PR_SET_CHILD_SUBREAPER)")


def set_name(name: str) -> None:
    """Set the name that ``ps`` and ``top`` show, at most 15 bytes."""
    _libc.prctl(_PR_SET_NAME, name.encode(), 0, 0, 0)


def children() -> list[int]:
    """Return the process ids of the children of this (single-threaded) process, those that await reaping included."""
    own = os.getpid()
    return [int(text) for text in Path(f"/proc/{own}/task/{own}/children").read_text().split()]


def send(pid: int, number: int) -> None:
    """Send a signal to a process, if it still is there."""
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        return


def send_to_group(group: int, number: int) -> None:
    """Send a signal to a process group, if it still is there."""
    try:
        os.killpg(group, number)
    except ProcessLookupError:
        return


def reap() -> Iterator[tuple[int, int, struct_rusage]]:
    """Collect the children that have ended: process id, wait status, resources used."""
    while True:
        try:
            pid, status, usage = os.wait4(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        yield pid, status, usage


def end_children(signals: SignalPipe, reaped: Callable[[int, int, struct_rusage], None], patience: float) -> None:
    """Kill all descendants of this process, a subreaper, and collect them.

    Killing a child makes its children ours, so this goes through the tree layer by layer until there is nobody left.

    Args:
        signals: Wakes at SIGCHLD.
        reaped: Told of each collected child.
        patience: Seconds after which processes that do not die (in an uninterruptible system call) are left to our parent.
    """
    end = time.monotonic() + patience
    while (alive := children()) and time.monotonic() < end:
        for pid in alive:
            send(pid, signal.SIGKILL)
        signals.wait(0.1)
        for child in reap():
            reaped(*child)


def end_strays(folder: Path) -> None:
    """Kill what lost processes of ours, a supervisor and its zygote for instance, have left at work in a folder.

    Such a process is known by its working directory or its output in the folder, or by environment variables that name it.
    """
    for entry in Path("/proc").iterdir():
        if entry.name.isdecimal() and int(entry.name) != os.getpid() and _belongs_to(entry, folder):
            _kill_and_wait(int(entry.name))


def _kill_and_wait(pid: int) -> None:
    try:
        descriptor = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    try:
        send(pid, signal.SIGKILL)
        select.select([descriptor], [], [], _STRAY_SECONDS)
    finally:
        os.close(descriptor)


def _belongs_to(process: Path, folder: Path) -> bool:
    try:
        places = [str((process / name).readlink()) for name in ("cwd", "fd/1", "fd/2")]
        variables = (process / "environ").read_bytes()
    except OSError:  # gone meanwhile, without these descriptors, or somebody else's
        return False
    return any(f"{place}/".startswith(f"{folder}/") for place in places) or f"={folder}/".encode() in variables
