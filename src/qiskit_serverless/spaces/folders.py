"""Folders that programs write to, opened one segment after the other: no link in them leads anywhere (openat(2), O_NOFOLLOW)."""

import contextlib
import errno
import os
import stat
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from qiskit_serverless.spaces.names import is_clean

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_ABSENT = frozenset(
    {
        errno.ENOENT,
        errno.ENOTDIR,
        errno.EISDIR,
        errno.ELOOP,
        errno.ENXIO,
        errno.ENAMETOOLONG,
        errno.ESTALE,
        errno.EACCES,
    }
)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A regular file that a walk has come upon.

    Attributes:
        path: Its path below the folder where the walk began.
        folder: Descriptor of the folder that holds it, open until the walk goes on.
        status: What stat(2) says of it.
    """

    path: str
    folder: int
    status: os.stat_result

    @property
    def name(self) -> str:
        """Its name in its folder."""
        return self.path.rpartition("/")[2]


@contextlib.contextmanager
def opened_folder(root: Path | int, segments: Sequence[str], *, make: bool = False) -> Iterator[int]:
    """Yield a descriptor of the folder that lies at `segments` below `root`.

    Args:
        root: A folder that no program can replace, or the descriptor of one.
        segments: Names of folders, one in the other.
        make: Whether to make those that are missing.

    Raises:
        OSError: One of them is missing, or is not a folder.
    """
    descriptor = os.open(root, _FOLDER) if isinstance(root, Path) else os.dup(root)
    try:
        for segment in segments:
            if make:
                _make(descriptor, segment)
            below = os.open(segment, _FOLDER, dir_fd=descriptor)
            os.close(descriptor)
            descriptor = below
        yield descriptor
    finally:
        os.close(descriptor)


def _make(folder: int, name: str) -> None:
    """Make a folder, for good, if there is none."""
    with contextlib.suppress(FileExistsError):
        os.mkdir(name, 0o700, dir_fd=folder)
        os.fsync(folder)


def names_in(folder: int) -> list[str]:
    """Return the names of all that lies in a folder."""
    with os.scandir(folder) as entries:
        return [entry.name for entry in entries]


def is_absent(error: OSError) -> bool:
    """Return whether an error says that there is nothing to read: no such file or folder, or none that lets us in."""
    return error.errno in _ABSENT


def status_of(folder: int, name: str) -> os.stat_result | None:
    """Return what stat(2) says of a regular file; None if there is none."""
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError as error:
        if is_absent(error):
            return None
        raise
    return status if stat.S_ISREG(status.st_mode) else None


def open_regular(folder: int, name: str) -> int | None:
    """Return a descriptor for reading a regular file; None if there is none. It is looked at before: a pipe is not touched."""
    if status_of(folder, name) is None:
        return None
    try:
        descriptor = os.open(name, _FILE, dir_fd=folder)
    except OSError as error:
        if is_absent(error):
            return None
        raise
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return descriptor
    os.close(descriptor)
    return None


def regular_files(folder: int, prefix: str = "") -> Iterator[FoundFile]:
    """Yield the regular files in a folder and in those below it. What has no clean path, or lies too deep, is not seen."""
    for name in names_in(folder):
        if not is_clean(prefix + name):
            continue
        status = status_of(folder, name)
        if status is not None:
            yield FoundFile(prefix + name, folder, status)
            continue
        try:
            with opened_folder(folder, (name,)) as below:
                yield from regular_files(below, f"{prefix}{name}/")
        except OSError as error:
            if not is_absent(error):
                raise
