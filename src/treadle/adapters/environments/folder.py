"""Where environments lie on disk: ``environments/`` in the home folder.

``<digest>/`` is a whole environment, ``<digest>.log`` the log of its last build, ``platform/`` the folder from which programs
in any of them import the SDK and the runner, ``locks/`` what keeps those who build, use and remove them apart (see
`treadle.runner.environments`). Names that begin with a dot are under way, or on their way out. Several processes may work on
one folder.
"""

import contextlib
import fcntl
import json
import os
import secrets
from collections.abc import Iterator
from importlib import metadata
from importlib.resources import files
from pathlib import Path

from treadle.runner.environments import (
    MARKER,
    boot_id,
    interpreter_of,
    is_whole,
    lock_file,
    marker_of,
    open_lock,
    try_lock,
)
from treadle.runner.folders import remove_tree
from treadle.runner.processes import end_strays

_OURS = ("qiskit_serverless", "treadle")
# Read by every interpreter of the environment, also by those a program starts: our packages come before what is installed.
_PATH_FILE = (
    "import os, sys; path = os.path.join(os.path.dirname(sys.prefix), 'platform'); "
    "path in sys.path or sys.path.insert(0, path)\n"
)


class EnvironmentsFolder:
    """The folder of all environments of a platform."""

    def __init__(self, home: Path) -> None:
        self.path = home / "environments"

    def interpreter(self, digest: str) -> Path:
        """Return the Python of an environment."""
        return interpreter_of(self.path / digest)

    def log(self, digest: str) -> Path:
        """Return the file of an environment's build log."""
        return self.path / f"{digest}.log"

    def make(self) -> None:
        """Make the folder, and let its environments import our packages from where they are installed now."""
        (self.path / "locks").mkdir(mode=0o700, parents=True, exist_ok=True)
        platform = self.path / "platform"
        platform.mkdir(mode=0o700, parents=True, exist_ok=True)
        targets = {path.name: path for path in _our_packages()}
        for entry in list(platform.iterdir()):
            if entry.name not in targets or entry.readlink() != targets[entry.name]:
                entry.unlink()
        for name, target in targets.items():
            if not (platform / name).is_symlink():
                (platform / name).symlink_to(target)

    def lock(self, digest: str) -> Path:
        """Return the file whose lock guards an environment."""
        return lock_file(self.path, digest)

    def has(self, digest: str) -> bool:
        """Return whether an environment is there, whole."""
        return is_whole(self.path / digest)

    def sizes(self) -> dict[str, int]:
        """Return the digests of whole environments, with the bytes each takes, the least recently used first."""
        used = {marker.parent: _used(marker) for marker in self.path.glob(f"[0-9a-f]*/{MARKER}")}
        return {folder.name: marker_of(folder).get("size", 0) for folder in sorted(used, key=used.__getitem__)}

    def draft(self, digest: str) -> Path:
        """Return where to build an environment; the folder does not exist."""
        return self.path / f".building-{digest}-{secrets.token_hex(4)}"

    def publish(self, draft: Path, digest: str) -> None:
        """Put a built environment in its place, all or nothing."""
        (draft / MARKER).write_text(json.dumps({"size": _size(draft), "boot": boot_id()}))
        self.discard(digest)  # one of before the machine was started
        draft.rename(self.path / digest)

    def discard(self, digest: str) -> None:
        """Remove an environment; harmless when it is not there."""
        away = self.path / f".removed-{digest}-{secrets.token_hex(4)}"
        try:
            (self.path / digest).rename(away)
        except FileNotFoundError:
            return
        remove_tree(away)

    def discard_unused(self, digest: str) -> bool:
        """Remove an environment unless a program runs in it, or it is being built. Returns whether it is gone."""
        with self.alone(digest) as is_ours:
            if is_ours:
                self.discard(digest)
            return is_ours

    @contextlib.contextmanager
    def alone(self, digest: str) -> Iterator[bool]:
        """Have an environment for oneself, if nobody else uses or builds it; yields whether that is so."""
        descriptor = open_lock(self.lock(digest))
        try:
            yield try_lock(descriptor, fcntl.LOCK_EX)
        finally:
            os.close(descriptor)

    def sweep(self) -> None:
        """Remove what builds and removals that were cut off have left."""
        for rest in self.path.glob(".removed-*"):
            _remove_rest(rest)
        for rest in self.path.glob(".building-*"):
            with self.alone(rest.name.split("-")[1]) as is_ours:
                if is_ours:  # else another process is building there
                    end_strays(rest)  # what a gateway that was killed has left at work there
                    _remove_rest(rest)


def add_platform(environment: Path) -> None:
    """Let every interpreter of an environment import our packages, before anything of these names that is installed in it."""
    [packages] = environment.glob("lib/python*/site-packages")
    (packages / "treadle-platform.pth").write_text(_PATH_FILE)


def _our_packages() -> Iterator[Path]:
    """Yield what makes our packages importable: their folders, and what tells their version."""
    for name in _OURS:
        yield Path(str(files(name)))
    installed = metadata.distribution("treadle").locate_file("")
    yield from Path(str(installed)).glob("treadle-*.dist-info")


def _size(folder: Path) -> int:
    return sum(path.lstat().st_size for path in folder.rglob("*"))


def _used(marker: Path) -> float:
    """Return when an environment was last used, as a Unix time; 0 if it has just been removed."""
    try:
        return marker.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _remove_rest(rest: Path) -> None:
    with contextlib.suppress(FileNotFoundError):  # another process that opens the same folder was faster
        remove_tree(rest)
