"""Environments on disk, as those who run programs in them find them. Standard library only, and cheap to import.

``environments/`` in a home folder holds a folder for each, named by its digest, and ``locks/`` with an empty file for each that
was ever wanted. Who runs in an environment holds a shared lock of its file (flock(2)), who builds or removes it an exclusive
one. The kernel lets go of the locks of a process that has ended, however it ended.
"""

import fcntl
import json
import os
from pathlib import Path
from typing import Any

MARKER = "treadle.json"
"""File in a whole environment: ``{"size": bytes, "boot": id}``. It is touched when a program starts there."""


def interpreter_of(environment: Path) -> Path:
    """Return the Python of an environment that lies in this folder."""
    return environment / "bin" / "python"


def lock_file(environments: Path, digest: str) -> Path:
    """Return the file whose lock guards an environment."""
    return environments / "locks" / digest


def marker_of(environment: Path) -> dict[str, Any]:
    """Return what the marker of an environment says, nothing if there is none that can be read."""
    try:
        marker: dict[str, Any] = json.loads((environment / MARKER).read_bytes())
    except (FileNotFoundError, ValueError):
        return {}
    return marker


def is_whole(environment: Path) -> bool:
    """Return whether an environment is there, whole.

    One that was built before the machine was started last is not trusted: nobody knows whether the power was cut before
    its files were on disk. To have them all written there at once would take minutes on a busy machine; to build it
    again takes seconds.
    """
    return marker_of(environment).get("boot") == boot_id()


def boot_id() -> str:
    """Return what names the time since the machine was started last; see random(4)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def open_lock(path: Path) -> int:
    """Open a lock file, which is made when it is not there; children do not inherit the descriptor."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)


def try_lock(descriptor: int, kind: int) -> bool:
    """Take a lock if that is possible at once. Returns whether it was.

    Args:
        descriptor: Of the lock file.
        kind: `fcntl.LOCK_SH` or `fcntl.LOCK_EX`.
    """
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def hold(environment: Path) -> int:
    """Keep an environment from being removed for as long as the returned descriptor is open; waits while it is being built."""
    descriptor = open_lock(lock_file(environment.parent, environment.name))
    fcntl.flock(descriptor, fcntl.LOCK_SH)
    return descriptor


def note_use(environment: Path) -> None:
    """Note that a program is started in an environment: what was not used for longest is removed first."""
    os.utime(environment / MARKER)
