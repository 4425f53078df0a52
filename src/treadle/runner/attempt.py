"""The folder of an attempt: what a supervisor keeps on disk while its program runs, and finds after a crash."""

import contextlib
import fcntl
import json
import os
import secrets
import stat
import struct
from collections.abc import Iterator
from pathlib import Path

from treadle.domain.outcome import Outcome
from treadle.runner.folders import remove_tree

_FLOCK = "hhqqi4x"  # struct flock of <fcntl.h>: type, whence, start, length, process id
_DISCARDED = ".discarded-"
_LONGEST_OUTCOME = 1_000_000
_SHORT_PATHS = Path("/tmp")  # noqa: S108  (what is put there is a link with a random name to what is ours alone)
_SHORT_NAME = 20  # characters of the attempt's name, most of them random


class AttemptFolder:
    """``jobs/<job>.<attempt>/`` in the home folder.

    Attributes:
        path: The folder.
        log: What the program prints; it exists as soon as the program may have begun.
        arguments: The job's arguments.
        result: What the program saved.
        work: The program's working directory.
        temporary: Its ``TMPDIR``.
        short: A link to `temporary` whose path is short enough for the path of a Unix socket below it (107 bytes).
        download: Where the artifact lies while it is fetched.
        spaces: The job's files, where it shares no folder with the platform.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.log = path / "program.log"
        self.arguments = path / "arguments.json"
        self.result = path / "result.json"
        self.work = path / "work"
        self.temporary = path / "tmp"
        self.short = _SHORT_PATHS / f"treadle-{path.name.replace('-', '')[-_SHORT_NAME:]}"
        self.download = path / "download"
        self.spaces = path / "spaces"
        self._lock = path / "lock"
        self._outcome = path / "outcome.json"
        self._lock_descriptor: int | None = None

    @classmethod
    def of(cls, home: Path, job_id: str, attempt: int) -> "AttemptFolder":
        """Return the folder of an attempt, which need not exist."""
        return cls(home / "jobs" / f"{job_id}.{attempt}")

    @property
    def begun(self) -> bool:
        """Whether a program may have begun here."""
        return self.log.exists()

    def take(self) -> bool:
        """Make the folder if need be and take its lock for the rest of this process's life.

        Returns:
            False if another supervisor holds it.

        Raises:
            OSError: The folder cannot be made, for instance because the disk is full.
        """
        while True:
            self.path.mkdir(mode=0o700, parents=True, exist_ok=True)
            try:
                descriptor = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            except FileNotFoundError:  # removed between the two calls
                continue
            if not _lock(descriptor):
                os.close(descriptor)
                return False
            if _is_at(descriptor, self._lock):
                self._keep(descriptor)
                return True
            os.close(descriptor)  # its last holder removed it meanwhile

    def _keep(self, descriptor: int) -> None:
        """Note our process id for people; programs ask the kernel. Never close it: that would drop the lock."""
        self._lock_descriptor = descriptor
        with contextlib.suppress(OSError):  # the disk may be full
            os.ftruncate(descriptor, 0)
            os.write(descriptor, f"{os.getpid()}\n".encode())

    def holder(self) -> int | None:
        """Return the process id of the supervisor that holds the lock, or None. Not to be called by the holder."""
        try:
            descriptor = os.open(self._lock, os.O_RDONLY | os.O_CLOEXEC)
        except (FileNotFoundError, NotADirectoryError):
            return None
        try:
            question = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
            kind, _, _, _, pid = struct.unpack(_FLOCK, fcntl.fcntl(descriptor, fcntl.F_GETLK, question))
        finally:
            os.close(descriptor)
        return None if kind == fcntl.F_UNLCK else int(pid)

    def open_log(self) -> int:
        """Open the log for appending and return the descriptor. From now on the program counts as begun."""
        return os.open(self.log, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def record(self, outcome: Outcome) -> None:
        """Write down how the program ended, all or nothing.

        Raises:
            OSError: The disk is full.
        """
        draft = self.path / "outcome.draft"
        draft.write_text(json.dumps(outcome.to_dict()))
        draft.replace(self._outcome)

    def recorded(self) -> Outcome | None:
        """Return the outcome that was written down, or None if there is none that can be read."""
        descriptor = open_regular(self._outcome)
        if descriptor is None:
            return None
        with os.fdopen(descriptor, "rb") as file:
            try:
                return Outcome.from_dict(json.loads(file.read(_LONGEST_OUTCOME)))
            except (
                ValueError,
                KeyError,
                TypeError,
                AttributeError,
                RecursionError,
            ):  # the program could write here too
                return None

    def shorten(self) -> None:
        """Make `short`.

        Raises:
            OSError: The disk is full, or somebody else's file is in its place.
        """
        self.short.unlink(missing_ok=True)  # an earlier supervisor may have been killed while it prepared
        self.short.symlink_to(self.temporary)

    def make_room(self) -> None:
        """Remove what only the program needed, so that a full disk has room for what must still be written."""
        remove_tree(self.work)
        remove_tree(self.temporary)

    def discard(self) -> None:
        """Remove the folder. It vanishes at once, so a crash leaves nothing that looks like an attempt."""
        self.short.unlink(missing_ok=True)  # first: afterwards nobody would know its name
        doomed = self.path.with_name(f"{_DISCARDED}{secrets.token_hex(8)}")
        try:
            self.path.rename(doomed)
        except FileNotFoundError:
            return
        remove_tree(doomed)


def attempts(home: Path) -> Iterator[tuple[str, int, AttemptFolder]]:
    """Go through the attempts that have a folder: job id, attempt number, folder."""
    for path in _entries(home):
        job_id, dot, number = path.name.rpartition(".")
        if dot and job_id and number.isdecimal():
            yield job_id, int(number), AttemptFolder(path)


def discarded(home: Path) -> list[Path]:
    """Return the folders whose removal was cut short."""
    return [path for path in _entries(home) if path.name.startswith(_DISCARDED)]


def open_regular(path: Path) -> int | None:
    """Open a file that a program may have made, for reading; None if it is not there or is not a plain file."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return None
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        return None
    return descriptor


def _entries(home: Path) -> list[Path]:
    jobs = home / "jobs"
    return sorted(jobs.iterdir()) if jobs.is_dir() else []


def _lock(descriptor: int) -> bool:
    try:
        fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


def _is_at(descriptor: int, path: Path) -> bool:
    """Say whether an open file still is the one at a path."""
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False
