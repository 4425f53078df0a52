"""Brings a worker of Ray into the environment of its job: ``python -m treadle.runner.ray_worker SCRIPT ARGUMENT...``.

Ray starts this in place of its own Python (``py_executable`` of a runtime environment) and appends what it wants to be run.
`ENVIRONMENT_VARIABLE` tells which environment that is. When this machine lacks it, it is built first, by a process of its
own, which goes on if Ray loses patience with this one: the next one finds it built, or waits for it.

Standard library only: it stands before every worker.
"""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from treadle.runner.environments import hold, interpreter_of, is_whole, note_use
from treadle.runner.node import node_home

ENVIRONMENT_VARIABLE = "TREADLE_WORKER_ENVIRONMENT"
"""JSON: ``platform`` and ``digest`` say where the environment is; the rest is for who builds it."""

FAILURE_VARIABLE = "TREADLE_WORKER_FAILURE"
"""Set in a worker that is not in the environment of its job: why."""

BUILDER = "treadle.environment_build"
"""Module that builds the environment; it finds the same variable."""


def main() -> NoReturn:
    """Become a worker in the environment.

    If that cannot be had, become one in the platform's, whose tasks fail with the reason. To end would be worse: Ray does not
    look whether the process lives, but waits a minute for its worker, and starts the next.
    """
    told = json.loads(os.environ[ENVIRONMENT_VARIABLE])
    environment = node_home(told["platform"]).resolve() / "environments" / told["digest"]
    if _keep(environment):
        _become(environment)
    failure = _build()
    if failure is None and _keep(environment):
        _become(environment)
    _execute(sys.executable, {FAILURE_VARIABLE: failure or "The environment was removed as soon as it was built."})


def _build() -> str | None:
    """Build the environment in a process of its own. Returns why that went wrong, None if it went well."""
    command = [sys.executable, "-P", "-m", BUILDER]
    build = subprocess.run(command, start_new_session=True, capture_output=True, text=True, check=False)
    return build.stderr.strip() or f"{BUILDER} ended with {build.returncode}." if build.returncode else None


def _become(environment: Path) -> NoReturn:
    note_use(environment)
    path = f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    _execute(str(interpreter_of(environment)), {"VIRTUAL_ENV": str(environment), "PATH": path})


def _execute(interpreter: str, variables: dict[str, str]) -> NoReturn:
    os.execve(interpreter, [interpreter, *sys.argv[1:]], {**os.environ, **variables})  # noqa: S606  (no shell is wanted)


def _keep(environment: Path) -> bool:
    """Keep an environment from being removed for as long as this process lives, as a worker too. Returns whether it is there."""
    descriptor = hold(environment)
    if is_whole(environment):
        os.set_inheritable(descriptor, True)
        return True
    os.close(descriptor)
    return False


if __name__ == "__main__":
    main()
