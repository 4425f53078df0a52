"""The checks of ``treadle doctor``: each looks at one thing that can be wrong with an installation and says what to do."""

import json
import os
import shutil
import socket
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any

from treadle.cli.errors import explain
from treadle.cli.installation import SDK_PACKAGE, SERVER_ADVICE, other_owners, python_version, unmet_requirements

if TYPE_CHECKING:
    from treadle.settings import Settings

_LITTLE_SPACE = 2 * 1024**3
_NO_SPACE = 100 * 1024**2
_ANSWER_SECONDS = 2.0
_FORK_CHECK_SECONDS = 60.0


class Level(StrEnum):
    """How bad a finding is."""

    OK = "ok"
    WARN = "warn"
    """Works, with a restriction."""
    FAIL = "fail"
    """Does not work."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What one check found.

    Attributes:
        check: What was looked at.
        level: How bad it is.
        message: What was found.
        advice: What to do about it; empty when there is nothing to do.
    """

    check: str
    level: Level
    message: str
    advice: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)


def examine(settings: "Settings | None") -> Iterator[Finding]:
    """Run all checks, one after the other.

    Args:
        settings: Settings of the platform; None where its part is not installed, which leaves out the checks that need them.
    """
    for check in _CHECKS:
        yield check()
    if settings is not None:
        for check_platform in _PLATFORM_CHECKS:
            yield check_platform(settings)
    yield _client()


def _python() -> Finding:
    return Finding("python", Level.OK, f"Python {python_version()} at {sys.executable}")


def _installation() -> Finding:
    unmet = unmet_requirements()
    if unmet:
        advice = "Install again: pip install --force-reinstall treadle."
        return Finding("installation", Level.FAIL, f"requirements are not met: {', '.join(unmet)}", advice)
    unmet = unmet_requirements("server")
    if unmet:
        return Finding("installation", Level.WARN, f"client only, it lacks {', '.join(unmet)}", SERVER_ADVICE)
    return Finding("installation", Level.OK, "complete, client and platform")


def _sdk_owner() -> Finding:
    others = other_owners()
    if not others:
        return Finding("sdk", Level.OK, f"{SDK_PACKAGE} is ours alone")
    advice = f"Remove it and install Treadle again: pip uninstall {' '.join(others)} && pip install --force-reinstall treadle."
    return Finding("sdk", Level.FAIL, f"{', '.join(others)} also brings {SDK_PACKAGE}; one overwrote the other", advice)


def _fork() -> Finding:
    """Import in a fresh process what the zygote imports, and see whether it could fork then."""
    if not sys.platform.startswith("linux"):
        return Finding("fork", Level.WARN, f"fork is not safe on {sys.platform}", "Run the platform on Linux.")
    from treadle.runner.environment import ONE_THREAD

    done = subprocess.run(
        [sys.executable, "-c", _FORK_CHECK],
        capture_output=True,
        text=True,
        check=False,
        timeout=_FORK_CHECK_SECONDS,
        env={**os.environ, **ONE_THREAD},
    )
    if done.returncode == 0:
        return Finding("fork", Level.OK, "a process that imported everything has one thread, so it can fork")
    reason = done.stderr.strip().rpartition("\n")[2]
    if "NotSingleThreadedError" in reason:
        advice = "A package that starts threads when it is imported stands in the way: find and remove it."
    else:
        advice = "Install again: pip install --force-reinstall 'treadle[server]'."
    return Finding("fork", Level.FAIL, reason, advice)


def _sandbox() -> Finding:
    found = shutil.which("bwrap")
    message = f"bubblewrap is at {found}" if found else "bubblewrap is not installed"
    return Finding("sandbox", Level.OK, f"{message}; programs run with the rights of this user in this release")


def _home(settings: "Settings") -> Finding:
    home = settings.home_folder
    existing = _existing(home)
    if not os.access(existing, os.W_OK | os.X_OK):
        advice = "Choose another one with TREADLE_HOME or --home, or change its owner."
        return Finding("home", Level.FAIL, f"{home} cannot be written", advice)
    if existing == home and home.stat().st_mode & 0o077:
        return Finding("home", Level.WARN, f"{home} can be entered by other users", f"Close it: chmod 700 {home}.")
    return Finding("home", Level.OK, f"{home}{'' if existing == home else ' (will be made)'}")


def _space(settings: "Settings") -> Finding:
    free = shutil.disk_usage(_existing(settings.home_folder)).free
    message = f"{free / 1024**3:.1f} GiB free"
    if free < _NO_SPACE:
        return Finding("disk", Level.FAIL, message, "Make room: logs and results could not be stored.")
    if free < _LITTLE_SPACE:
        return Finding("disk", Level.WARN, message, "Make room before you run jobs with large results.")
    return Finding("disk", Level.OK, message)


def _packages(settings: "Settings") -> Finding:
    """Tell which packages functions may ask for, and how they are installed."""
    from treadle.adapters.environments.allow_list_file import read_allow_list
    from treadle.domain.errors import SettingsError

    try:
        allowed = read_allow_list(settings.allowed_packages)
    except SettingsError as error:
        return Finding("packages", Level.FAIL, str(error), error.hint)
    which = "any that functions ask for" if allowed is None else f"the {len(allowed.entries)} of the allow list"
    how = "also built from source" if settings.build_packages else "from wheels only"
    return Finding("packages", Level.OK, f"{which}, {how}")


def _profiles(settings: "Settings") -> Finding:
    """Tell which compute profiles jobs may ask for."""
    from treadle.adapters.profiles_file import read_profiles
    from treadle.domain.errors import SettingsError

    try:
        profiles = read_profiles(settings.compute_profiles, strict=settings.strict_budget)
    except SettingsError as error:
        return Finding("profiles", Level.FAIL, str(error), error.hint)
    offered = ", ".join(profiles.budgets) or "none are offered; every job has the same budget"
    return Finding("profiles", Level.OK, offered)


def _gateway(settings: "Settings") -> Finding:
    """Look for this home's gateway, and whether one could start where it would listen."""
    url = _announced_url(settings.home_folder)
    if url and _get(f"{url}/readiness/") is not None:
        return Finding("gateway", Level.OK, f"runs at {url}")
    address = f"{settings.bind_host} port {settings.bind_port}"
    taken = _taken(settings.bind_host, settings.bind_port)
    if not taken and url:
        return Finding(
            "gateway", Level.WARN, f"the one at {url} was killed", "Start it again: treadle up. Its jobs go on."
        )
    if not taken:
        free = f"{address} is free for it" if settings.bind_port else "it will take any free port"
        return Finding("gateway", Level.OK, f"does not run; {free}")
    other = "a Treadle gateway with another home" if _is_gateway(settings) else "another program"
    advice = "Stop it, or choose another port with TREADLE_BIND_PORT or --port; 0 takes any free one."
    return Finding("gateway", Level.FAIL, f"{address} is taken by {other} ({taken})", advice)


def _client() -> Finding:
    """Ask the platform that clients would find here whether it lets us in."""
    from qiskit_serverless import QiskitServerlessException, ServerlessClient
    from qiskit_serverless.exceptions import PlatformNotFoundError

    try:
        client = ServerlessClient()
    except QiskitServerlessException as error:
        explanation = explain(error)
        level = Level.WARN if isinstance(error, PlatformNotFoundError) else Level.FAIL
        return Finding("client", level, explanation.message, explanation.hint)
    return Finding("client", Level.OK, f"is let in at {client.host}")


def _existing(path: Path) -> Path:
    """Return `path` itself, or the nearest folder above it that exists."""
    return path if path.exists() else _existing(path.parent)


def _announced_url(home: Path) -> str | None:
    try:
        url: str = json.loads((home / "gateway.json").read_text())["url"]
    except (FileNotFoundError, NotADirectoryError, PermissionError):
        return None
    return url


def _taken(host: str, port: int) -> str | None:
    """Return why nothing could listen there, or None."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        socket.create_server((host, port), family=family).close()
    except OSError as error:
        return error.strerror or str(error)
    return None


def _is_gateway(settings: "Settings") -> bool:
    answer = _get(f"http://{settings.bind_host}:{settings.bind_port}/version/")
    return isinstance(answer, dict) and "version" in answer


def _get(url: str) -> object:
    """Return the JSON that a URL of this machine answers, None if there is no such answer."""
    import httpx2

    try:
        return httpx2.get(url, timeout=_ANSWER_SECONDS, trust_env=False).json()
    except (httpx2.HTTPError, ValueError):
        return None


_FORK_CHECK = """\
from qiskit_serverless.forked import assert_single_threaded
from treadle.runner.preload import import_libraries
import_libraries()
assert_single_threaded()
"""
_CHECKS: tuple[Callable[[], Finding], ...] = (_python, _installation, _sdk_owner, _fork, _sandbox)
_PLATFORM_CHECKS: tuple[Callable[["Settings"], Finding], ...] = (_home, _space, _packages, _profiles, _gateway)
