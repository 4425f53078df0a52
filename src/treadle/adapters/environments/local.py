"""Environments of this machine, made by uv."""

import asyncio
import contextlib
import errno
import fcntl
import os
import re
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from treadle.adapters.engines.zygote_process import zygote_environment
from treadle.adapters.environments.folder import EnvironmentsFolder, add_platform
from treadle.adapters.environments.locking import locked
from treadle.adapters.environments.solving import ONLY_WHEELS
from treadle.adapters.environments.uv import TimeIsUpError, run, uv_command, uv_environment
from treadle.domain.environments import Lock
from treadle.domain.errors import BuilderUnavailableError, BuildFailedError
from treadle.runner.environments import interpreter_of
from treadle.runner.folders import remove_tree

_TAIL = 2_000
# What a zygote does: an environment in which that goes wrong is of no use.
_CHECK = """\
from qiskit_serverless.forked import assert_single_threaded
from treadle.runner.preload import import_libraries
import_libraries()
assert_single_threaded()
"""
_NO_ROOM = {errno.ENOSPC, errno.EDQUOT}
# How uv, which is written in Rust, shows an error of the operating system, and that it could not fetch something.
_OF_MACHINE = re.compile(
    rf"\(os error ({'|'.join(map(str, sorted(_NO_ROOM)))})\)|Failed to fetch|error sending request"
)
_MAKE_ROOM = "Make room on the disk of the platform's machines."
_LOOK_AT_MACHINE = (
    "Ask the platform's operator whether the disk has room and the package index answers, and upload again."
)


class LocalEnvironments:
    """`treadle.ports.environments.EnvironmentBuilder` on this machine. Several processes may work on the same folder."""

    def __init__(self, home: Path, *, build_seconds: float, only_wheels: bool) -> None:
        """Keep environments in a home folder.

        Args:
            home: The home folder of the platform, or of a node of its cluster.
            build_seconds: The longest each step of a build may take.
            only_wheels: Refuse packages that would have to be built, which runs their code with the platform's rights.
        """
        self._folder = EnvironmentsFolder(home.resolve())
        self._build_seconds = build_seconds
        self._only_wheels = only_wheels

    def open(self) -> None:
        """Remove what was left half done, and make what all environments share."""
        self._folder.make()
        self._folder.sweep()

    async def build(self, lock: Lock) -> str:
        """Build an environment, all or nothing, and return what the build printed; harmless when it is there."""
        while not self.has_built(lock.digest):
            with self._folder.alone(lock.digest) as is_ours:
                if is_ours and not self.has_built(lock.digest):
                    await self._build_anew(lock)
            if not is_ours:  # somebody builds it; or runs in it already, so that nobody may wait to be alone
                async with locked(self._folder.lock(lock.digest), fcntl.LOCK_SH):
                    continue
        return self._log_text(lock.digest)

    def has_built(self, digest: str) -> bool:
        """Return whether an environment is there, whole."""
        return self._folder.has(digest)

    def sizes(self) -> dict[str, int]:
        """Return the digests of the environments that are there, with the bytes each takes on disk."""
        return self._folder.sizes()

    async def remove(self, digest: str) -> None:
        """Remove an environment; harmless when it is not there. Its build log stays."""
        await asyncio.to_thread(self._folder.discard, digest)

    async def _build_anew(self, lock: Lock) -> None:
        draft = self._folder.draft(lock.digest)
        try:
            await self._build(lock, draft)
            await asyncio.to_thread(self._folder.publish, draft, lock.digest)
        except OSError as error:
            raise _write_error(error) from error
        finally:
            await asyncio.to_thread(_remove, draft)

    async def _build(self, lock: Lock, draft: Path) -> None:
        log = self._folder.log(lock.digest)
        _begin(log, draft)
        await self._step(draft, log, uv_command("venv", "--relocatable", "--python", sys.executable, "."))
        add_platform(draft)
        await self._install(log, lock.text, draft)
        check = [str(interpreter_of(draft)), "-P", "-c", _CHECK]
        await self._step(draft, log, check, zygote_environment(os.environ, draft))

    async def _install(self, log: Path, lock: str, draft: Path) -> None:
        requirements = draft / "lock.txt"
        requirements.write_text(lock)
        only_wheels = ONLY_WHEELS if self._only_wheels else ()
        into = ("--python", str(interpreter_of(draft)))
        await self._step(
            draft, log, uv_command("pip", "sync", "--require-hashes", *only_wheels, *into, str(requirements))
        )

    async def _step(
        self, draft: Path, log: Path, command: Sequence[str], variables: Mapping[str, str] | None = None
    ) -> None:
        """Run one command of a build, and write what it prints to the build log.

        Raises:
            BuildFailedError: It failed, or took too long.
            BuilderUnavailableError: The disk is full, or packages could not be fetched.
        """
        try:
            done = await run(command, draft, log, self._build_seconds, variables or uv_environment(os.environ))
        except TimeIsUpError as error:
            raise BuildFailedError(
                f"{error}.", hint="Ask for fewer or smaller packages, or upload again.", log=_text(log)
            ) from error
        if done.code:
            raise _failure(done.output.strip()[-_TAIL:], _text(log))

    def _log_text(self, digest: str) -> str:
        """Return what the last build of an environment printed here."""
        try:
            return _text(self._folder.log(digest))
        except FileNotFoundError:
            return ""


def _failure(words: str, log: str) -> BuildFailedError | BuilderUnavailableError:
    """Return the error of a step that printed `words`: of the environment, or of the machine."""
    if _OF_MACHINE.search(words):
        return BuilderUnavailableError(words, hint=_LOOK_AT_MACHINE)
    return BuildFailedError(words, hint="Correct the dependencies and upload again.", log=log)


def _write_error(error: OSError) -> BuildFailedError | BuilderUnavailableError:
    kind = BuilderUnavailableError if error.errno in _NO_ROOM else BuildFailedError
    return kind(f"It could not be written: {error}.", hint=_MAKE_ROOM)


def _text(log: Path) -> str:
    return log.read_text(errors="replace")


def _begin(log: Path, draft: Path) -> None:
    log.write_bytes(b"")
    draft.mkdir(mode=0o700)


def _remove(draft: Path) -> None:
    """Remove what is left of a build that failed; at worst the next start does."""
    with contextlib.suppress(OSError):
        remove_tree(draft)
