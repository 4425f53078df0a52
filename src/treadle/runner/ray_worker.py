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

ENVIRONMENT_VARIABLE = "TREADLE_WORKER_ENVIRONMENT"
"""JSON: ``home`` and ``digest`` say where the environment is; the rest is for who builds it."""

BUILDER = "treadle.environment_build"
"""Module that builds the environment; it finds the same variable."""


def main() -> NoReturn:
    """Become a worker in the environment, or end with the reason on standard error."""
    told = json.loads(os.environ[ENVIRONMENT_VARIABLE])
    environment = Path(told["home"]) / "environments" / told["digest"]
    if not _keep(environment):
        build = subprocess.run([sys.executable, "-P", "-m", BUILDER], start_new_session=True, check=False)
        if build.returncode or not _keep(environment):
            sys.exit(f"The environment {told['digest']} is not there, so no worker can be started in it.")
    note_use(environment)
    interpreter = str(interpreter_of(environment))
    path = f"{environment / 'bin'}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    variables = {**os.environ, "VIRTUAL_ENV": str(environment), "PATH": path}
    os.execve(interpreter, [interpreter, *sys.argv[1:]], variables)  # noqa: S606  (no shell is wanted)


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
