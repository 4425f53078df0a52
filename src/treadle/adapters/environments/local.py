"""Environments of this machine, made by uv."""

import asyncio
import contextlib
import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from treadle.adapters.engines.zygote_process import zygote_environment
from treadle.adapters.environments import installed, solving
from treadle.adapters.environments.folder import EnvironmentsFolder, add_platform, interpreter_of
from treadle.adapters.environments.uv import TimeIsUpError, run, uv_command, uv_environment
from treadle.domain.environments import Lock
from treadle.domain.errors import BuildFailedError
from treadle.runner.folders import remove_tree

_TAIL = 2_000
# What a zygote does: an environment in which that goes wrong is of no use.
_CHECK = """\
from qiskit_serverless.forked import assert_single_threaded
from treadle.runner.preload import import_libraries
import_libraries()
assert_single_threaded()
"""


class LocalEnvironments:
    """`treadle.ports.environments.EnvironmentBuilder` on this machine."""

    def __init__(self, home: Path, *, solve_seconds: float, build_seconds: float, only_wheels: bool) -> None:
        """Keep environments in a home folder.

        Args:
            home: The platform's home folder.
            solve_seconds: The longest a solution may take.
            build_seconds: The longest each step of a build may take.
            only_wheels: Refuse packages that would have to be built, which runs their code with the platform's rights.
        """
        self._folder = EnvironmentsFolder(home.resolve())
        self._solve_seconds = solve_seconds
        self._build_seconds = build_seconds
        self._only_wheels = only_wheels

    @property
    def python(self) -> str:
        """Version of Python that programs run on."""
        return ".".join(map(str, sys.version_info[:3]))

    def open(self) -> None:
        """Remove what was left half done, and make what all environments share."""
        self._folder.make()
        self._folder.sweep()

    def has_installed(self, requirements: Iterable[str]) -> bool:
        """Return whether the platform's own environment satisfies all requirements, with all that they need in turn."""
        return installed.satisfied(requirements)

    async def solve(self, requirements: Sequence[str]) -> Lock:
        """Find one version of every package that is needed, the platform's own versions where they fit."""
        variables = uv_environment(os.environ)
        return await solving.solve(requirements, self._solve_seconds, variables, only_wheels=self._only_wheels)

    def is_current(self, lock: Lock) -> bool:
        """Return whether a lock was solved for what the platform is now: its Python, its machine and what it needs itself."""
        return solving.locked(lock.text) == lock

    async def build(self, lock: Lock) -> None:
        """Build an environment, all or nothing; harmless when it is there."""
        if self.has_built(lock.digest):
            return
        draft = self._folder.draft(lock.digest)
        try:
            await self._build(lock, draft)
            await asyncio.to_thread(self._folder.publish, draft, lock.digest)
        except OSError as error:
            raise BuildFailedError(
                f"It could not be written: {error}.", hint="Make room on the platform's disk."
            ) from error
        finally:
            await asyncio.to_thread(_remove, draft)

    def has_built(self, digest: str) -> bool:
        """Return whether an environment is there, whole."""
        return self._folder.has(digest)

    def sizes(self) -> dict[str, int]:
        """Return the digests of the environments that are there, with the bytes each takes on disk."""
        return self._folder.sizes()

    async def remove(self, digest: str) -> None:
        """Remove an environment; harmless when it is not there. Its build log stays."""
        await asyncio.to_thread(self._folder.discard, digest)

    def build_log(self, digest: str) -> str | None:
        """Return what the last build of an environment printed, None if it was never begun here."""
        try:
            return self._folder.log(digest).read_text(errors="replace")
        except FileNotFoundError:
            return None

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
        only_wheels = solving.ONLY_WHEELS if self._only_wheels else ()
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
        """
        try:
            done = await run(command, draft, log, self._build_seconds, variables or uv_environment(os.environ))
        except TimeIsUpError as error:
            raise BuildFailedError(f"{error}.", hint="Ask for fewer or smaller packages, or upload again.") from error
        if done.code:
            raise BuildFailedError(done.output.strip()[-_TAIL:], hint="Correct the dependencies and upload again.")


def _begin(log: Path, draft: Path) -> None:
    log.write_bytes(b"")
    draft.mkdir(mode=0o700)


def _remove(draft: Path) -> None:
    """Remove what is left of a build that failed; at worst the next start does."""
    with contextlib.suppress(OSError):
        remove_tree(draft)
