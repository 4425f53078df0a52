"""Contents of large files on this machine, by digest: each travels here once. Programs get copies, for they may write to them."""

import contextlib
import fcntl
import os
import shutil
from collections.abc import Callable
from pathlib import Path

_CLONE = 0x40049409  # FICLONE of <linux/fs.h>: both files share their blocks until one of them is written to
_MOST_BYTES = 20 * 2**30
_ROOM_LEFT = 3  # times the size of a file: less free space than that, and it is not kept here


class ContentCache:
    """A folder of contents. Processes may share it."""

    def __init__(self, folder: Path, most_bytes: int = _MOST_BYTES) -> None:
        """Use a folder.

        Args:
            folder: The folder; made when it is first needed.
            most_bytes: What all contents may take; the least recently used go.
        """
        self._folder = folder
        self._most_bytes = most_bytes

    def copy(self, digest: str, target: Path) -> bool:
        """Copy a content to a file that is not there yet. Returns whether it is known here."""
        content = self._folder / digest
        try:
            with content.open("rb") as source:
                os.utime(source.fileno())  # it was just used
                _copy(source.fileno(), target)
        except FileNotFoundError:
            return False
        return True

    def has_room(self, size: int) -> bool:
        """Return whether a content of this size should be kept."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        return size <= self._most_bytes and shutil.disk_usage(self._folder).free > _ROOM_LEFT * size

    def add(self, fetch: Callable[[Path], str]) -> str:
        """Have a content fetched and keep it. Returns its digest.

        Args:
            fetch: Writes it to the file that it is given, and returns its SHA-256 in hexadecimal.
        """
        draft = self._folder / f".{os.getpid()}-{os.urandom(8).hex()}"
        try:
            digest = fetch(draft)
            draft.chmod(0o400)
            draft.rename(self._folder / digest)
        finally:
            draft.unlink(missing_ok=True)
        self._shrink()
        return digest

    def _shrink(self) -> None:
        found = []
        for path in self._folder.iterdir():
            with contextlib.suppress(FileNotFoundError):
                status = path.stat()
                found.append((status.st_mtime, status.st_size, path))
        size = sum(each for _, each, _ in found)
        for _, each, path in sorted(found):
            if size <= self._most_bytes:
                return
            path.unlink(missing_ok=True)
            size -= each


def _copy(source: int, target: Path) -> None:
    """Copy an open file, without moving its bytes where the file system can do that (ioctl_ficlone(2))."""
    with target.open("xb") as copy:
        try:
            fcntl.ioctl(copy.fileno(), _CLONE, source)
        except OSError:
            start = 0
            while sent := os.sendfile(copy.fileno(), source, start, 2**30):
                start += sent
