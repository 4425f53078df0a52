"""Running ``treadle``: as people and scripts do, as a process of its own, or in the process of the tests, which is quicker."""

import contextlib
import io
import os
import subprocess
import sys
from collections.abc import Mapping

import pytest

from tests.running_platform import RunningPlatform
from treadle.cli.app import main

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


def treadle_here(
    environment: RunningPlatform | Mapping[str, str], *arguments: object
) -> subprocess.CompletedProcess[str]:
    """Run a command in this process; otherwise as `treadle`."""
    variables = environment.environment if isinstance(environment, RunningPlatform) else environment
    output, errors = io.StringIO(), io.StringIO()
    command = ["treadle", *map(str, arguments)]
    code = 0
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", command)
        for name in os.environ.keys() - variables.keys():
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(errors):
            try:
                main()
            except SystemExit as leaving:
                code = int(leaving.code or 0)
    return subprocess.CompletedProcess(command, code, output.getvalue(), errors.getvalue())


def start_treadle(platform: RunningPlatform, *arguments: object) -> subprocess.Popen[str]:
    """Start a command; standard output and error can be read while it runs."""
    return subprocess.Popen(
        [*COMMAND, *map(str, arguments)],
        env=platform.environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
