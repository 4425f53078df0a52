"""The platform of this machine's home folder, started when none runs."""

import os
import subprocess
import sys

from qiskit_serverless.exceptions import PlatformNotFoundError
from qiskit_serverless.platform import Endpoint, home_folder, platform_of_home


def ensure_platform() -> Endpoint:
    """Return the platform of the home folder (``TREADLE_HOME``, by default ``~/.treadle``); start it if none runs.

    It runs detached, as ``treadle up --detach`` starts it, and outlives this process; ``treadle down`` stops it. It listens on
    ``TREADLE_BIND_PORT``, by default on any free port. When several ask at once, one is started, and all get it.

    Raises:
        PlatformNotFoundError: It cannot be started here; the message says why.
    """
    return platform_of_home() or _start()


def _start() -> Endpoint:
    port = [] if "TREADLE_BIND_PORT" in os.environ else ["--port", "0"]
    command = [sys.executable, "-m", "treadle.cli", "up", "--detach", "--json", "--home", str(home_folder()), *port]
    done = subprocess.run(command, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False)
    found = platform_of_home() if done.returncode == 0 else None
    if found is None:
        raise PlatformNotFoundError(f"The platform of {home_folder()} could not be started. {done.stderr.strip()}")
    return found
