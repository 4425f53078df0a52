"""A platform in the background: started once, however many ask for it at the same moment."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from treadle.cli.errors import CommandError
from treadle.home_folder import announced_gateway, make, starting

if TYPE_CHECKING:
    from treadle.settings import Settings

_LAST_WORDS = 2000


def ensure_detached(settings: "Settings") -> str:
    """Return the URL of the platform of the home folder; start it in the background if none runs.

    Raises:
        HomeFolderError: The home folder cannot be written.
        CommandError: It does not start.
    """
    home = settings.home_folder
    make(home)
    with starting(home):
        running = announced_gateway(home)
        return running[0] if running else _start(settings, home)


def _start(settings: "Settings", home: Path) -> str:
    """Start a platform that this process does not wait for, and return its URL as soon as it answers."""
    command = [sys.executable, "-m", "treadle.cli", "up", "--json", "--home", str(home)]
    address = ["--host", settings.bind_host, "--port", str(settings.bind_port)]
    part = ["--role", settings.role, "--engine", settings.engine]
    with (home / "gateway.log").open("ab") as log:
        said_before = log.tell()
        process = subprocess.Popen(
            [*command, *address, *part],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            cwd=home,
            env={**os.environ, **_paths(settings)},
            start_new_session=True,
        )
    assert process.stdout is not None  # noqa: S101  (it was started with a pipe)
    with process.stdout as stdout:
        line = stdout.readline()
    if not line:
        process.wait()
        with (home / "gateway.log").open("rb") as said:
            said.seek(said_before)
            raise _not_started(said.read(_LAST_WORDS).decode(errors="replace"))
    process.returncode = 0  # it is not waited for: it outlives this process
    return str(json.loads(line)["url"])


def _paths(settings: "Settings") -> dict[str, str]:
    """Return the settings that name files, by their variables, so that they are found from another folder too."""
    paths = {name: value for name, value in settings if isinstance(value, Path)}
    return {f"TREADLE_{name.upper()}": str(path.expanduser().absolute()) for name, path in paths.items()}


def _not_started(said: str) -> CommandError:
    """Return the error of a platform that ended with these words: mostly an error and its hint."""
    message, _, hint = said.strip().removeprefix("Error: ").partition("\nHint: ")
    return CommandError(f"The platform did not start. {message}", hint=hint)
