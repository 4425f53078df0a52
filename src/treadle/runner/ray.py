"""What programs find of Ray: the cluster whose node they run on, or else the means to start a Ray of their own.

On the node of a cluster (``TREADLE_RAY_NODE`` is its address) the process of a program connects to it before anybody knows which
program it will be. Elsewhere, where Ray is installed, Ray's processes are descendants of the program, so they end with it; what
they write lies in the attempt's folder.
"""

import atexit
import hashlib
import importlib
import importlib.util
import json
import os
import sys
from collections.abc import Mapping
from functools import cache

from treadle.domain.launch import Launch
from treadle.runner.attempt import AttemptFolder

_TASKS_ON_RAY = {"TREADLE_TASKS": "ray"}  # of the program alone: no process that is forked keeps it
NODE_VARIABLE = "TREADLE_RAY_NODE"


@cache
def has_ray() -> bool:
    """Return whether programs can import Ray. The zygote finds out, so that nobody else has to look."""
    return importlib.util.find_spec("ray") is not None


def on_cluster(variables: Mapping[str, str]) -> bool:
    """Return whether programs with these environment variables run on a node of a cluster."""
    return NODE_VARIABLE in variables


def import_cluster_libraries() -> None:
    """Import what a program needs to connect to the cluster whose node this is. Starts no thread."""
    if on_cluster(os.environ) and has_ray():
        importlib.import_module("qiskit_serverless.tasks.ray.connection")


def connect_ahead() -> None:
    """Connect this process, whose program is not known yet, to the cluster whose node this is.

    Only a process that never forks may do so: it owns threads afterwards.
    """
    if on_cluster(os.environ) and has_ray():
        from qiskit_serverless.tasks.ray import connect_ahead

        connect_ahead(os.environ["RAY_ADDRESS"], os.environ[NODE_VARIABLE])
        _leave_in_peace()


def _leave_in_peace() -> None:
    """Take back what Ray does when this process, or one that the program forks, fails or ends.

    It would tell the cluster of each exception and say farewell, which takes half a second here and hangs in a forked process. A
    driver that is gone is noticed at once without that.
    """
    import ray

    sys.excepthook = sys.__excepthook__
    atexit.unregister(ray.shutdown)


def ray_variables(launch: Launch, folder: AttemptFolder, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables with which a Ray that a program starts stays inside its job.

    Its sockets lie below a short path. Others on this machine, who can reach its ports, lack its token; without one of
    its own, Ray would make one for all of this user's jobs in the home directory. It does not tell anybody that it is used.
    Of a machine with more cores than the job's budget it sees those of the budget, also where `ray.init` asks for more.

    Args:
        launch: The attempt.
        folder: Where its files are.
        inherited: What the zygote was allowed to pass on; on a cluster, it tells all that is needed.
    """
    if not has_ray():
        return {}
    if on_cluster(inherited):
        return _TASKS_ON_RAY
    cores = max(1, int(launch.budget.cpu))  # Ray takes whole ones only
    fewer = {"RAY_OVERRIDE_RESOURCES": json.dumps({"CPU": cores})} if cores < (os.cpu_count() or 1) else {}
    return {
        **fewer,
        "RAY_TMPDIR": str(folder.short),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": hashlib.sha256(f"ray {launch.token}".encode()).hexdigest(),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
