"""Running ``treadle`` as people and scripts do: as a process of its own."""

import subprocess
import sys
from collections.abc import Mapping

from tests.running_platform import RunningPlatform

COMMAND = (sys.executable, "-m", "treadle.cli")


def treadle(environment: RunningPlatform | Mapping[str, str], *arguments: object) -> subprocess.CompletedProcess[str]:
    """Run a command to its end.

    Args:
        environment: The platform that it is to find, or its environment variables.
        arguments: What stands behind ``treadle``.
    """
    variables = environment.environment if isinstance(environment, RunningPlatform) else environment
    return subprocess.run(
        [*COMMAND, *map(str, arguments)], env=variables, capture_output=True, text=True, check=False, timeout=50
    )


def start_treadle(platform: RunningPlatform, *arguments: object) -> subprocess.Popen[str]:
    """Start a command; standard output and error can be read while it runs."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env=platform.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
