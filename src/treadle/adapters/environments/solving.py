"""From requirements to a lock, by uv's solver."""

import hashlib
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path

from treadle.adapters.environments.installed import all_versions, base_requirements
from treadle.adapters.environments.uv import TimeIsUpError, run, uv_command
from treadle.domain.environments import Lock
from treadle.domain.errors import InvalidError, SolverUnavailableError

ONLY_WHEELS = ("--only-binary", ":all:")
_NO_SOLUTION = 1  # uv's exit code; another one means that it could not look for a solution
_LONGEST_WORDS = 3_000
_NO_BUILDS = "(i.e., with `--no-build`)"
_HOW_TO_BUILD = "(the platform's operator may allow it by TREADLE_BUILD_PACKAGES)"


async def solve(requirements: Sequence[str], seconds: float, variables: dict[str, str], *, only_wheels: bool) -> Lock:
    """Return the lock of requirements, solved together with what every program needs.

    Versions that the platform itself runs on are taken wherever they fit: uv keeps what an output file already says.

    Raises:
        InvalidError: There is no solution.
        SolverUnavailableError: uv could not look for one, or took too long.
    """
    with tempfile.TemporaryDirectory(prefix="treadle-solve-") as name:
        wanted, lock = Path(name) / "requirements.in", Path(name) / "lock.txt"
        wanted.write_text("".join(f"{line}\n" for line in (*base_requirements(), *requirements)))
        lock.write_text("".join(f"{line}\n" for line in all_versions()))
        command = uv_command(
            *("pip", "compile", "--quiet", "--generate-hashes", "--no-header", "--no-annotate", "--no-emit-index-url"),
            *(ONLY_WHEELS if only_wheels else ()),
            *("--python", sys.executable, "--output-file", str(lock), str(wanted)),
        )
        try:
            done = await run(command, Path(name), Path(name) / "log", seconds, variables)
        except TimeIsUpError as error:
            raise SolverUnavailableError(f"The dependencies were not solved: {error}.", hint=_TRY_LATER) from error
        if done.code:
            raise _refusal(done.code, done.output)
        return locked(lock.read_text())


_TRY_LATER = "Try again; if that does not help, ask the platform's operator whether its package index answers."


def _refusal(code: int, output: str) -> InvalidError | SolverUnavailableError:
    words = output.strip().removeprefix("error: ").replace(_NO_BUILDS, _HOW_TO_BUILD)[:_LONGEST_WORDS]
    if code == _NO_SOLUTION:
        return InvalidError(f"The dependencies cannot be installed together. {words}")
    return SolverUnavailableError(f"The dependencies were not solved. {words}", hint=_TRY_LATER)


def locked(text: str) -> Lock:
    """Return a lock with its address, which is another one for another Python, machine or release of the platform's needs."""
    kind = f"{sys.implementation.cache_tag} {sysconfig.get_platform()} {base_requirements()}"
    return Lock(hashlib.sha256(f"{kind}\n{text}".encode()).hexdigest(), text)
