"""Where environments lie on disk: ``environments/`` in the home folder.

``<digest>/`` is a whole environment, ``<digest>.log`` the log of its last build, ``platform/`` the folder from which programs
in any of them import the SDK and the runner. Names that begin with a dot are under way, or on their way out.
"""

import json
import secrets
from collections.abc import Iterator
from importlib import metadata
from importlib.resources import files
from pathlib import Path
from typing import Any

from treadle.runner.folders import remove_tree
from treadle.runner.processes import end_strays

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
        """Return whether an environment is there, whole.

        One that was built before the machine was started last is not trusted: nobody knows whether the power was cut before
        its files were on disk. To have them all written there at once would take minutes on a busy machine; to build it
        again takes seconds.
        """
        return self._marker(digest).get("boot") == _boot()

    def sizes(self) -> dict[str, int]:
        """Return the digests of whole environments, with the bytes each takes."""
        digests = [marker.parent.name for marker in self.path.glob(f"[0-9a-f]*/{_MARKER}")]
        return {digest: self._marker(digest).get("size", 0) for digest in digests}

    def draft(self, digest: str) -> Path:
        """Return where to build an environment; the folder does not exist."""
        return self.path / f".building-{digest}-{secrets.token_hex(4)}"

    def publish(self, draft: Path, digest: str) -> None:
        """Put a built environment in its place, all or nothing."""
        (draft / _MARKER).write_text(json.dumps({"size": _size(draft), "boot": _boot()}))
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

    def _marker(self, digest: str) -> dict[str, Any]:
        """Return what the marker of an environment says, nothing if there is none that can be read."""
        try:
            marker: dict[str, Any] = json.loads((self.path / digest / _MARKER).read_bytes())
        except (FileNotFoundError, ValueError):
            return {}
        return marker

    def sweep(self) -> None:
        """Remove what builds and removals that were cut off have left."""
        for rest in self.path.glob(".*"):
            end_strays(rest)  # what a gateway that was killed has left at work there
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


def _boot() -> str:
    """Return what names the time since the machine was started last; see random(4)."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
