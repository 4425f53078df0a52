"""The home folder of a platform: made, held by one gateway at a time, and the place where clients find it."""

import contextlib
import fcntl
import json
import os
from collections.abc import Iterator
from pathlib import Path

from treadle.domain.errors import HomeFolderError


def make(home: Path) -> None:
    """Make the home folder if there is none.

    Raises:
        HomeFolderError: It cannot be written.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        probe = home / f".writable.{os.getpid()}"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise HomeFolderError(
            f"The home folder {home} cannot be written: {error.strerror}.",
            hint="Choose another one with --home or TREADLE_HOME.",
        ) from error


@contextlib.contextmanager
def locked(home: Path) -> Iterator[None]:
    """Hold the home folder for this process alone.

    Raises:
        HomeFolderError: Another gateway holds it.
    """
    with (home / "gateway.lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise HomeFolderError(
                f"Another gateway already uses the home folder {home}.",
                hint="Use that one, stop it, or choose another folder with --home or TREADLE_HOME.",
            ) from None
        yield


def announced_gateway(home: Path) -> tuple[str, int] | None:
    """Return URL and process id of the gateway that holds the home folder; None if none does, or if it is about to start."""
    try:
        gateway = json.loads((home / "gateway.json").read_text())
    except FileNotFoundError:
        return None
    return (gateway["url"], gateway["pid"]) if _is_held(home) else None


def _is_held(home: Path) -> bool:
    """Return whether a gateway holds the home folder; one that was killed leaves its announcement, not its lock."""
    try:
        with locked(home):
            return False
    except HomeFolderError:
        return True


def wait_until_free(home: Path) -> None:
    """Wait until no gateway holds the home folder."""
    with (home / "gateway.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)


@contextlib.contextmanager
def starting(home: Path) -> Iterator[None]:
    """Hold the right to start a gateway in the background; wait for whoever has it."""
    with (home / "start.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


@contextlib.contextmanager
def announced(home: Path, url: str) -> Iterator[None]:
    """Let clients on this machine find the gateway while it runs."""
    path = home / "gateway.json"
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps({"url": url, "pid": os.getpid()}))
    partial.replace(path)
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
