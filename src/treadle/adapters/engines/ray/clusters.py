"""Which cluster an engine uses: one that is there, or one of the platform's own."""

import asyncio
import fcntl
import json
import os
import secrets
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Protocol

from treadle.domain.errors import EngineUnavailableError
from treadle.runner.node import HOME_VARIABLE

_START_SECONDS = 120.0
_LOOK_SECONDS = 0.1
_STOP_SECONDS = 15.0


class RayCluster(Protocol):
    """A cluster, or how to get one.

    Attributes:
        variables: Environment variables that a process needs to connect, besides those of this process.
    """

    variables: Mapping[str, str]

    async def address(self) -> str:
        """Return ``host:port`` of the head.

        Raises:
            EngineUnavailableError: There is no cluster, and none can be started.
        """

    async def close(self, *, in_use: bool) -> None:
        """Let it go.

        Args:
            in_use: Whether something still runs on it.
        """


class ExistingCluster:
    """A cluster that others start and end."""

    def __init__(self, address: str, variables: Mapping[str, str] | None = None) -> None:
        """Name it.

        Args:
            address: ``host:port`` of its head.
            variables: Environment variables that a process needs to connect.
        """
        self.variables: Mapping[str, str] = variables or {}
        self._address = address

    async def address(self) -> str:
        """Return the address it was named by."""
        return self._address

    async def close(self, *, in_use: bool) -> None:
        """Leave it as it is."""


class OwnCluster:
    """A Ray of one node that the platform runs for itself.

    It outlives a platform that was killed, since jobs run on it: the next one on the same folder takes it over.
    A lock that Ray's first process holds tells whether it lives.
    """

    def __init__(self, folder: Path, node_home: Path) -> None:
        """Make it; `address` starts it.

        Args:
            folder: Where its token, its log and its place are kept.
            node_home: Where its node agents keep their things.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock = folder / "lock"
        self._place = folder / "place.json"
        self._log = folder / "ray.log"
        self.variables: Mapping[str, str] = {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": _token(folder / "token"),
            "RAY_USAGE_STATS_ENABLED": "0",
            HOME_VARIABLE: str(node_home),
        }

    async def address(self) -> str:
        """Return the address of its head, which is started unless it runs.

        Raises:
            EngineUnavailableError: Ray does not start; in its own words.
        """
        lock = os.open(self._lock, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            if _taken(lock):  # perhaps by one whose platform was killed before it was ready
                return await self._until_started(lambda: not _taken(lock))
            process = await self._start(lock)
            return await self._until_started(lambda: process.returncode is not None)
        finally:
            os.close(lock)

    async def close(self, *, in_use: bool) -> None:
        """End it, unless something runs on it."""
        if in_use or not self._place.exists():
            return
        place = json.loads(self._place.read_text())
        lock = os.open(self._lock, os.O_RDWR | os.O_CLOEXEC)
        try:
            if not _taken(lock):
                return
            os.kill(place["pid"], signal.SIGTERM)  # it holds the lock, so it is no other process
            with suppress(TimeoutError):
                await asyncio.wait_for(asyncio.to_thread(fcntl.flock, lock, fcntl.LOCK_EX), _STOP_SECONDS)
        finally:
            os.close(lock)
            with suppress(ProcessLookupError):
                os.killpg(place["pid"], signal.SIGKILL)
            shutil.rmtree(place["folder"], ignore_errors=True)
            self._place.unlink()

    async def _start(self, lock: int) -> asyncio.subprocess.Process:
        folder = tempfile.mkdtemp(prefix="treadle-ray-", dir="/tmp")
        command = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block", "--port=0"]
        command += [f"--temp-dir={folder}", "--include-dashboard=false", "--include-log-monitor=false", "--no-monitor"]
        with self._log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=output, stderr=output, pass_fds=[lock],
                env={**os.environ, **self.variables}, start_new_session=True,
            )  # fmt: skip
        written = self._place.with_suffix(".partial")
        written.write_text(json.dumps({"pid": process.pid, "folder": folder}))
        written.replace(self._place)
        return process

    async def _until_started(self, has_ended: Callable[[], bool]) -> str:
        """Wait until Ray tells its address, which it does in a file, and return it."""
        place = json.loads(self._place.read_text())
        for _ in range(int(_START_SECONDS / _LOOK_SECONDS)):
            if (address := _announced(Path(place["folder"], "ray_current_cluster"))) is not None:
                return address
            if has_ended():
                break
            await asyncio.sleep(_LOOK_SECONDS)
        with suppress(ProcessLookupError):
            os.killpg(place["pid"], signal.SIGKILL)
        raise EngineUnavailableError(
            f"Ray does not start on this machine. Its last words: {self._log.read_text(errors='replace')[-2000:].strip()}",
            hint=f"More is in {self._log}.",
        )


def _announced(path: Path) -> str | None:
    """Return the address that Ray has written to a file, None if it has not done so yet."""
    return (path.read_text().strip() or None) if path.exists() else None


def _taken(lock: int) -> bool:
    """Take a lock, unless somebody else has it. Returns whether somebody has."""
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    return False


def _token(path: Path) -> str:
    """Return the token in a file, which is made unless it is there."""
    with suppress(FileExistsError):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(secrets.token_hex(32))
    return path.read_text()
