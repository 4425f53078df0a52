"""Where environments lie on disk: ``environments/`` in the home folder.

``<digest>/`` is a whole environment, ``<digest>.log`` the log of its last build, ``platform/`` the folder from which programs
in any of them import the SDK and the runner. Names that begin with a dot are under way, or on their way out.
"""

import json
import os
import secrets
from collections.abc import Iterator
from importlib import metadata
from importlib.resources import files
from pathlib import Path

from treadle.runner.folders import remove_tree

_MARKER = "treadle.json"
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
        platform = self.path / "platform"
        platform.mkdir(mode=0o700, parents=True, exist_ok=True)
        targets = {path.name: path for path in _our_packages()}
        for entry in list(platform.iterdir()):
            if entry.name not in targets or entry.readlink() != targets[entry.name]:
                entry.unlink()
        for name, target in targets.items():
            if not (platform / name).is_symlink():
                (platform / name).symlink_to(target)

    def has(self, digest: str) -> bool:
        """Return whether an environment is there, whole."""
        return (self.path / digest / _MARKER).is_file()

    def sizes(self) -> dict[str, int]:
        """Return the digests of whole environments, with the bytes each takes."""
        markers = self.path.glob(f"[0-9a-f]*/{_MARKER}")
        return {marker.parent.name: json.loads(marker.read_text())["size"] for marker in markers}

    def draft(self, digest: str) -> Path:
        """Return where to build an environment; the folder does not exist."""
        return self.path / f".building-{digest}-{secrets.token_hex(4)}"

    def publish(self, draft: Path, digest: str) -> None:
        """Put a built environment in its place, all or nothing, and on disk."""
        marker = draft / _MARKER
        marker.write_text(json.dumps({"size": _size(draft)}))
        os.sync()  # tens of thousands of files: one by one takes longer
        draft.rename(self.path / digest)
        _sync(self.path)

    def discard(self, digest: str) -> None:
        """Remove an environment; harmless when it is not there."""
        away = self.path / f".removed-{digest}-{secrets.token_hex(4)}"
        try:
            (self.path / digest).rename(away)
        except FileNotFoundError:
            return
        remove_tree(away)

    def sweep(self) -> None:
        """Remove what builds and removals that were cut off have left."""
        for rest in self.path.glob(".*"):
            remove_tree(rest)


def interpreter_of(environment: Path) -> Path:
    """Return the Python of an environment that lies in this folder."""
    return environment / "bin" / "python"


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


def _sync(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
