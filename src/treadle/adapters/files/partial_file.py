"""A file on its way in: in a folder of its own until it is complete, then moved to its place."""

import hashlib
import os
import secrets
import threading
from pathlib import Path

_STRETCH = 16 * 2**20


class PartialFile:
    """A file that is being written. Threads may share it: one may still write when another gives it up.

    Attributes:
        size: Bytes so far.
    """

    def __init__(self, folder: Path) -> None:
        """Make an empty one.

        Args:
            folder: A folder on the file system of the place it will be moved to.
        """
        self._path = folder / secrets.token_hex(16)
        self._file = self._path.open("xb", buffering=0)
        self._digest = hashlib.sha256()
        self._lock = threading.Lock()
        self.size = 0
        self._begun = 0

    @property
    def sha256(self) -> str:
        """SHA-256 of what it has so far, in hexadecimal."""
        return self._digest.hexdigest()

    def append(self, batch: list[bytes]) -> None:
        """Write at its end."""
        with self._lock:
            for data in batch:
                self._write(data)
            if self.size - self._begun >= _STRETCH:
                _begin_to_sync(self._file.fileno(), self._begun, self.size - self._begun)
                self._begun = self.size

    def _write(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:  # a short write happens where the disk becomes full; the next one then raises
            rest = rest[self._file.write(rest) :]
        self._digest.update(data)
        self.size += len(data)

    def move(self, folder: int, name: str) -> os.stat_result:
        """Let it be `name` in a folder, in place of what had that name. It survives a power cut from then on.

        Args:
            folder: Descriptor of the folder.
            name: Its name there.
        """
        with self._lock:
            os.fsync(self._file.fileno())
            status = os.fstat(self._file.fileno())
            os.rename(self._path, name, dst_dir_fd=folder)
            os.fsync(folder)
            return status

    def close(self) -> None:
        """Let go of it. When it was not moved, nothing of it stays."""
        with self._lock:
            self._file.close()
            self._path.unlink(missing_ok=True)


def _begin_to_sync(descriptor: int, start: int, length: int) -> None:
    """Have the disk write a stretch from now on, so that little is left to wait for at the end.

    Linux begins to write what it is told will not be read; other systems have no such call, and write at the end.
    """
    if hasattr(os, "posix_fadvise"):
        os.posix_fadvise(descriptor, start, length, os.POSIX_FADV_DONTNEED)
