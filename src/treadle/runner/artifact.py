"""From the tar file of a function to a fresh working directory, by way of the machine's cache of unpacked artifacts."""

import hashlib
import os
import shutil
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from treadle.domain.artifacts import member_fault
from treadle.runner.folders import remove_tree

_MOST_MEMBERS = 100_000
_MOST_BYTES = 8 * 1024**3


class ArtifactError(Exception):
    """The artifact cannot be used; the message says why."""


class ArtifactCache:
    """``cache/artifacts/`` in the home folder: one folder per digest, never changed once it is there."""

    def __init__(self, home: Path) -> None:
        self._folder = home / "cache" / "artifacts"

    def has(self, digest: str) -> bool:
        """Say whether an artifact is here."""
        return (self._folder / digest).is_dir()

    def add(self, digest: str, fetch: Callable[[BinaryIO], None], scratch: Path) -> None:
        """Fetch an artifact and unpack it, all or nothing.

        Args:
            digest: Its SHA-256 in hexadecimal.
            fetch: Writes the tar file to the file it is given.
            scratch: A folder on the same file system that this call may make and remove.

        Raises:
            ArtifactError: The file is not the one of this digest, or not fit to be unpacked.
        """
        remove_tree(scratch)
        scratch.mkdir(mode=0o700)
        archive = scratch / "artifact.tar"
        with archive.open("w+b") as file:
            fetch(file)
            _verify(file, digest)
        unpack(archive, scratch / "unpacked")
        self._publish(scratch / "unpacked", digest)
        remove_tree(scratch)

    def copy(self, digest: str, destination: Path) -> None:
        """Copy an artifact to a folder that does not exist yet. A copy, for the program may write to it."""
        shutil.copytree(self._folder / digest, destination)
        destination.chmod(0o700)

    def _publish(self, unpacked: Path, digest: str) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            unpacked.rename(self._folder / digest)
        except OSError:
            if not self.has(digest):
                raise
            # else another supervisor was faster, and has put the very same content there


def unpack(archive: Path, destination: Path) -> None:
    """Unpack a tar file of plain files and folders.

    Raises:
        ArtifactError: It is no tar file, or holds something else (links, devices), or would write outside of
            `destination`, or is too large.
    """
    destination.mkdir(mode=0o700)
    try:
        with tarfile.open(archive) as tar:
            # Python 3.11.2, which Debian has, knows no filters and ignores this: `_checked` must suffice.
            tar.extraction_filter = getattr(tarfile, "data_filter", None)
            tar.extractall(destination, _checked(tar))  # noqa: S202  (the members are checked)
    except tarfile.TarError as error:
        raise ArtifactError(f"the artifact cannot be unpacked: {error}") from error
    _sync(destination)


def _checked(tar: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    size = 0
    for number, member in enumerate(tar):
        size += member.size
        fault = member_fault(member)
        if fault is not None:
            raise ArtifactError(fault)
        if number >= _MOST_MEMBERS or size > _MOST_BYTES:
            raise ArtifactError(f"the artifact is larger than {_MOST_MEMBERS} files or {_MOST_BYTES // 1024**3} GiB")
        yield _as_ours(member)


def _as_ours(member: tarfile.TarInfo) -> tarfile.TarInfo:
    """Give a member our owner and plain permissions, whatever the archive says."""
    member.uid, member.gid, member.uname, member.gname = os.getuid(), os.getgid(), "", ""
    member.mode = 0o755 if member.isdir() or member.mode & 0o100 else 0o644
    return member


def _verify(file: BinaryIO, digest: str) -> None:
    file.seek(0)
    found = hashlib.file_digest(file, "sha256").hexdigest()  # type: ignore[arg-type]  # BinaryIO lacks readinto in typeshed
    if found != digest:
        raise ArtifactError(f"the artifact was damaged on its way: its SHA-256 is {found} instead of {digest}")


def _sync(folder: Path) -> None:
    """Put an unpacked artifact on disk, so that a power cut cannot leave empty files in the cache."""
    for directory, _, names in os.walk(folder):
        for path in (directory, *(os.path.join(directory, name) for name in names)):  # noqa: PTH118
            descriptor = os.open(path, os.O_RDONLY)
            try:
                os.fsync(descriptor)
            finally:
                os.close(descriptor)
