"""Logs as one file per job in a folder."""

import os
from pathlib import Path

from treadle.domain.errors import StorageError


class FolderLogs:
    """`treadle.ports.logs.LogStore` in a folder. Parts are small: they are written in the event loop."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    async def append(self, job_id: str, offset: int, data: bytes) -> int:
        """Store `data` at `offset` and return how many bytes the log now has."""
        try:
            return self._append(self._path(job_id), offset, data)
        except OSError as error:
            raise StorageError(
                f"The log cannot be written: {error.strerror}.", hint="Check that the platform's disk has room."
            ) from error

    def _append(self, path: Path, offset: int, data: bytes) -> int:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT, 0o600)
        try:
            length = os.fstat(descriptor).st_size
            new = data[length - offset :] if 0 <= length - offset < len(data) else b""
            while new:  # a short write happens where the disk becomes full; the next one then raises
                written = os.pwrite(descriptor, new, length)
                new, length = new[written:], length + written
            return length
        finally:
            os.close(descriptor)

    async def read(self, job_id: str, start: int = 0, limit: int | None = None) -> bytes:
        """Return at most `limit` bytes from `start`; empty when there are none."""
        try:
            with self._path(job_id).open("rb") as file:
                file.seek(min(start, os.fstat(file.fileno()).st_size))  # far beyond the end, seek would fail
                return file.read(-1 if limit is None else limit)
        except FileNotFoundError:
            return b""

    def pause(self, job_id: str) -> float:
        """Return 0: a file grows by small parts as well as by large ones."""
        return 0.0

    async def settle(self, job_id: str) -> None:
        """Do nothing: a log is one file from the beginning."""

    def _path(self, job_id: str) -> Path:
        return self._folder / f"{job_id}.log"
