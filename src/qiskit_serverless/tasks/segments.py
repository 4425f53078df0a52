"""Shared memory between the processes of one job.

A segment is an anonymous file in memory (memfd_create(2)), written once and then sealed by convention: nobody changes it
until its last reader has let go of it. Readers map it copy-on-write, so what they unpickle from it is writable without a
copy, and changes are seen by nobody else.

Fresh pages cost more than the copy itself, so the process that made a segment writes to it again once it is free. Its first
byte says so: the maker sets it, the program (directly or on behalf of the workers it passed the segment on to) clears it.
"""

import contextlib
import itertools
import mmap
import os
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeAlias

Part: TypeAlias = bytes | bytearray | memoryview

_HEADER = mmap.PAGESIZE
_ALIGNMENT = 64
_KEEP_SEGMENTS = 16
_KEEP_BYTES = 256 * 2**20
_serials = itertools.count()


def offsets(lengths: Sequence[int]) -> list[int]:
    """Return where parts of these lengths lie in a segment; one more than there are parts, the last is the total size."""
    places = [_HEADER]
    for length in lengths:
        places.append(places[-1] + -(-length // _ALIGNMENT) * _ALIGNMENT)
    return places


class Hold(Protocol):
    """A hold on memory that has the parts of a payload. When nothing refers to it any more, the memory is let go of."""

    @property
    def serial(self) -> int:
        """Return the number of this hold, unique within the process."""

    @property
    def handle(self) -> Any:  # noqa: ANN401  (each kind of memory has its own)
        """Return what a message carries beside it, so that its receiver finds the content."""

    def map(self) -> Any:  # noqa: ANN401  (bytes-like; Python 3.11 has no type for that)
        """Return the content, as `offsets` lays it out, to be written to without anybody else noticing."""

    def read(self, lengths: Sequence[int]) -> list[bytes]:
        """Copy the parts out."""


class SharedMemory(Protocol):
    """Where large payloads go."""

    def write(self, parts: Sequence[Part]) -> Hold | None:
        """Store the parts and return the hold on them; None if they are to stay in the messages."""

    def close(self) -> None:
        """Forget what was stored. What is still held lives on until it is let go of."""


class Mapping(mmap.mmap):
    """The content of a segment in this process. It holds the segment for as long as anything refers to the memory."""

    segment: "Segment"


class Segment:
    """A hold on a segment. When nothing refers to it any more, the segment is let go of.

    Attributes:
        fd: File descriptor, closed with this object.
        serial: Number of this hold, unique within the process.
    """

    __slots__ = ("__weakref__", "_on_release", "_process", "fd", "serial")

    def __init__(self, fd: int, on_release: Callable[[int], None]) -> None:
        self.fd = fd
        self.serial = next(_serials)
        self._on_release = on_release
        self._process = os.getpid()

    @property
    def handle(self) -> int:
        """Return the file descriptor, which is passed along with a message."""
        return self.fd

    def map(self) -> Mapping:
        """Map the content, copy-on-write."""
        size = os.fstat(self.fd).st_size
        mapping = Mapping(self.fd, size, flags=mmap.MAP_PRIVATE, prot=mmap.PROT_READ | mmap.PROT_WRITE)
        mapping.segment = self
        return mapping

    def read(self, lengths: Sequence[int]) -> list[bytes]:
        """Copy the parts out."""
        return [os.pread(self.fd, length, place) for length, place in zip(lengths, offsets(lengths), strict=False)]

    def __del__(self) -> None:
        # Runs in any thread at any line, so it must not take locks; and perhaps in a process that ours has forked, whose
        # copy of the hold means nothing.
        if self._process == os.getpid():
            self._on_release(self.fd)
        os.close(self.fd)


def mark_free(fd: int) -> None:
    """Tell the maker of a segment that it may write to it again."""
    os.pwrite(fd, b"\0", 0)


class SegmentPool:
    """Makes the segments of this process, and uses them again."""

    def __init__(self, on_release: Callable[[int], None]) -> None:
        """Make an empty pool.

        Args:
            on_release: Called with the file descriptor when this process lets go of a segment it made.
        """
        self._on_release = on_release
        self._made: list[tuple[int, int]] = []  # (capacity, file descriptor)
        self._lock = threading.Lock()

    def write(self, parts: Sequence[Part]) -> Segment:
        """Return a segment that holds the parts."""
        places = offsets([len(part) for part in parts])
        with self._lock:
            fd = os.dup(self._reuse(places[-1]) or self._make(places[-1]))
        segment = Segment(fd, self._on_release)
        for part, place in zip(parts, places, strict=False):
            write_all(fd, part, place)
        return segment

    def _reuse(self, size: int) -> int | None:
        for capacity, fd in sorted(self._made):
            if capacity >= size and os.pread(fd, 1, 0) == b"\0":
                os.pwrite(fd, b"\1", 0)
                return fd
        return None

    def _make(self, size: int) -> int:
        fd = os.memfd_create("task-data", os.MFD_CLOEXEC)
        os.ftruncate(fd, size)
        os.pwrite(fd, b"\1", 0)
        self._made.append((size, fd))
        while len(self._made) > _KEEP_SEGMENTS or sum(capacity for capacity, _ in self._made[:-1]) > _KEEP_BYTES:
            _, oldest = self._made.pop(0)
            os.close(oldest)
        return fd

    def close(self) -> None:
        """Forget all segments. Those that are still held live on until they are let go of."""
        with self._lock:
            while self._made:
                _, fd = self._made.pop()
                with contextlib.suppress(OSError):
                    os.close(fd)


def write_all(fd: int, part: Part, place: int) -> None:
    """Write all of it; one system call writes 2 GB at most."""
    view = memoryview(part)
    while view.nbytes:
        written = os.pwrite(fd, view, place)
        view, place = view[written:], place + written
