"""Checksums of files, kept as long as a file looks unchanged."""

import hashlib
import os
import threading
from collections import OrderedDict
from collections.abc import Callable
from typing import TypeAlias

CHUNK = 2**20

_Look: TypeAlias = tuple[int, int, int, int]


class Checksums:
    """SHA-256 by what stat(2) says of a file. Threads may share it."""

    def __init__(self, most: int = 100_000) -> None:
        """Make an empty collection.

        Args:
            most: How many are kept; those that were not asked for the longest are dropped.
        """
        self._most = most
        self._digests: OrderedDict[_Look, str] = OrderedDict()
        self._lock = threading.Lock()

    def remember(self, status: os.stat_result, digest: str) -> None:
        """Keep the checksum of a file that looks so."""
        with self._lock:
            self._digests[_look(status)] = digest
            if len(self._digests) > self._most:
                self._digests.popitem(last=False)

    def known(self, status: os.stat_result) -> str | None:
        """Return the checksum of a file that looks so, if it is kept."""
        with self._lock:
            digest = self._digests.get(_look(status))
            if digest is not None:
                self._digests.move_to_end(_look(status))
            return digest

    def computed(self, status: os.stat_result, read: Callable[[int, int], bytes]) -> str:
        """Return the checksum of a file that looks so, after reading it.

        Args:
            status: What stat(2) said of it before.
            read: Returns a part of it by start and length.
        """
        digest = hashlib.sha256()
        position = 0
        while chunk := read(position, min(CHUNK, status.st_size - position)):  # it may grow all the while
            digest.update(chunk)
            position += len(chunk)
        if position == status.st_size:  # else it is being written just now
            self.remember(status, digest.hexdigest())
        return digest.hexdigest()


def _look(status: os.stat_result) -> _Look:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
