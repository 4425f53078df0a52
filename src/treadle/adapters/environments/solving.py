"""From requirements to a lock, by uv's solver."""

import hashlib
import os
import sys
import sysconfig
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path

from treadle.adapters.environments.installed import all_versions, base_requirements, satisfied
from treadle.adapters.environments.uv import Done, TimeIsUpError, run, uv_command, uv_environment
from treadle.domain.environments import Lock
from treadle.domain.errors import InvalidError, SolverUnavailableError
from treadle.domain.requirements import check_given

ONLY_WHEELS = ("--only-binary", ":all:")
_NO_SOLUTION = 1  # uv's exit code; another one means that it could not look for a solution
_LONGEST_WORDS = 3_000
_NO_BUILDS = "(i.e., with `--no-build`)"
_HOW_TO_BUILD = "(the platform's operator may allow it by TREADLE_BUILD_PACKAGES)"


class UvSolver:
    """`treadle.ports.environments.EnvironmentSolver` by uv."""

    def __init__(self, seconds: float, *, only_wheels: bool, given: Sequence[str] = ()) -> None:
        """Make a solver.

        Args:
            seconds: The longest a solution may take.
            only_wheels: Refuse packages that would have to be built, which runs their code with the platform's rights.
            given: What every environment has in the one version that the platform's engine needs, as ``name==version``.
        """
        self._seconds = seconds
        self._only_wheels = only_wheels
        self._given = tuple(given)

    @property
    def python(self) -> str:
        """Version of Python that programs run on."""
        return ".".join(map(str, sys.version_info[:3]))

    def has_installed(self, requirements: Iterable[str]) -> bool:
        """Return whether the platform's own environment satisfies all requirements, with all that they need in turn."""
        return satisfied(requirements)

    def is_current(self, lock: Lock) -> bool:
        """Return whether a lock was solved for what the platform is now: its Python, its machine and what it needs itself."""
        return self._locked(lock.text) == lock

    async def solve(self, requirements: Sequence[str]) -> Lock:
        """Find one version of every package that is needed, the platform's own versions where they fit.

        uv keeps the versions that an output file already says.
        """
        check_given(self._given, requirements)
        with tempfile.TemporaryDirectory(prefix="treadle-solve-") as name:
            wanted, lock = Path(name) / "requirements.in", Path(name) / "lock.txt"
            wanted.write_text(_lines((*self._base(), *requirements)))
            lock.write_text(_lines(all_versions()))
            done = await self._run(wanted, lock)
            if done.code:
                raise _refusal(done.code, done.output)
            return self._locked(lock.read_text())

    async def _run(self, wanted: Path, lock: Path) -> Done:
        command = uv_command(
            *("pip", "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"),
            *(ONLY_WHEELS if self._only_wheels else ()),
            *("--python", sys.executable, "--output-file", str(lock), str(wanted)),
        )
        try:
            return await run(command, lock.parent, lock.with_name("log"), self._seconds, uv_environment(os.environ))
        except TimeIsUpError as error:
            raise SolverUnavailableError(f"The dependencies were not solved: {error}.", hint=_TRY_LATER) from error

    def _base(self) -> list[str]:
        return [*base_requirements(), *self._given]

    def _locked(self, text: str) -> Lock:
        """Return a lock with its address, which is another one for another Python, machine or release of the platform's needs."""
        kind = f"{sys.implementation.cache_tag} {sysconfig.get_platform()} {self._base()}"
        return Lock(hashlib.sha256(f"{kind}\n{text}".encode()).hexdigest(), text)


_TRY_LATER = "Try again; if that does not help, ask the platform's operator whether its package index answers."


def _refusal(code: int, output: str) -> InvalidError | SolverUnavailableError:
    words = output.strip().removeprefix("error: ").replace(_NO_BUILDS, _HOW_TO_BUILD)[:_LONGEST_WORDS]
    if code == _NO_SOLUTION:
        return InvalidError(f"The dependencies cannot be installed together. {words}")
    return SolverUnavailableError(f"The dependencies were not solved. {words}", hint=_TRY_LATER)


def _lines(entries: Iterable[str]) -> str:
    return "".join(f"{entry}\n" for entry in entries)
