"""Environments with the clients people have from PyPI, built from locks beside this file.

An environment is named by its client and the digest of its lock, built once by uv, and kept: below ``$XDG_CACHE_HOME`` if that is
set, else in ``.cache`` of the project.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import uv

LOCKS = Path(__file__).parent / "clients"
PROJECT = Path(__file__).parents[2]
CLIENT_VERSIONS = tuple(sorted(path.stem for path in LOCKS.glob("*.lock")))


class EnvironmentNotBuiltError(Exception):
    """uv could not build the environment of a client."""


def client_python(version: str) -> Path:
    """Return the interpreter of an environment with the PyPI client of this version; build it if it is not there.

    Raises:
        EnvironmentNotBuiltError: uv failed, for instance because there is no network and its cache does not hold the packages.
    """
    lock = LOCKS / f"{version}.lock"
    digest = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    tag = f"{sys.version_info.major}.{sys.version_info.minor}"
    folder = _cache() / f"{version}-py{tag}-{digest}"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with _locked(folder.with_name(folder.name + ".building")):
        if not folder.exists():
            _build(lock, folder)
    return folder / "bin" / "python"


def _cache() -> Path:
    home = os.environ.get("XDG_CACHE_HOME")
    return (Path(home) / "treadle" if home else PROJECT / ".cache") / "clients"


@contextmanager
def _locked(path: Path) -> Iterator[None]:
    """Let one process at a time in: test workers ask for the same environment at the same moment."""
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _build(lock: Path, folder: Path) -> None:
    """Build beside the final place and rename, so that a build that was cut off is not taken for a finished one."""
    unfinished = folder.with_name(folder.name + ".unfinished")
    shutil.rmtree(unfinished, ignore_errors=True)
    _uv("venv", "--quiet", "--relocatable", "--python", sys.executable, str(unfinished))
    interpreter = unfinished / "bin" / "python"
    _uv("pip", "sync", "--quiet", "--require-hashes", "--python", str(interpreter), str(lock))
    unfinished.rename(folder)


def _uv(*arguments: str) -> None:
    done = subprocess.run([uv.find_uv_bin(), *arguments], capture_output=True, text=True, check=False)
    if done.returncode:
        raise EnvironmentNotBuiltError(
            f"uv {' '.join(arguments)}\n{done.stderr.strip()}\n"
            "The contract tests need these packages once from the package index (or from uv's cache). "
            "Without a network, leave them out: make test ARGS='--ignore tests/contract'."
        )
