"""The folder of a job on nodes where its program does not run: its modules and files are brought there once.

The workers of the job hold its lock file for as long as they live, so a folder that nobody holds is removed by the next worker of
any job that makes one.
"""

import contextlib
import fcntl
import io
import os
import shutil
import tarfile
import uuid
import warnings
from collections.abc import Iterator
from pathlib import Path

_LOCK = "lock"
_MOST_BYTES = 512 * 2**20


def pack(folder: Path) -> bytes:
    """Return a program's working folder as a tar file, without what is no file; empty, with a warning, if it is too large."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    if sum(path.stat().st_size for path in files) > _MOST_BYTES:
        warnings.warn(
            f"the program's folder has more than {_MOST_BYTES >> 20} MiB: tasks on other nodes lack its files",
            RuntimeWarning,
            stacklevel=2,
        )
        return b""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in files:
            archive.add(path, path.relative_to(folder), recursive=False)
    return buffer.getvalue()


def unpack(root: Path, name: str, packed: bytes) -> Path:
    """Return the folder of a job on this node, with what `pack` took in ``work``; held for as long as this process lives.

    Args:
        root: Where this node keeps such folders.
        name: Name of the job's.
        packed: What `pack` returned.
    """
    root.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _locked(root / _LOCK):
        _remove_abandoned(root)
        folder = root / name
        if not folder.exists():
            _make(folder, packed)
        _hold(folder / _LOCK, fcntl.LOCK_SH)
    return folder


def _make(folder: Path, packed: bytes) -> None:
    partial = folder.with_name(f".{uuid.uuid4().hex}")
    (partial / "work").mkdir(mode=0o700, parents=True)
    if packed:
        with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
            archive.extractall(partial / "work", filter="data")
    (partial / _LOCK).touch()
    partial.rename(folder)


def _remove_abandoned(root: Path) -> None:
    for folder in root.iterdir():
        if folder.is_dir():
            with contextlib.suppress(BlockingIOError):  # its job has workers here
                os.close(_hold(folder / _LOCK, fcntl.LOCK_EX | fcntl.LOCK_NB))
                shutil.rmtree(folder, ignore_errors=True)


def _hold(path: Path, kind: int) -> int:
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        fcntl.flock(descriptor, kind)
    except BlockingIOError:
        os.close(descriptor)
        raise
    return descriptor


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    descriptor = _hold(path, fcntl.LOCK_EX)
    try:
        yield
    finally:
        os.close(descriptor)
