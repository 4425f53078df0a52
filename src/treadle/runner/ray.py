"""What lets programs start Ray for themselves, where it is installed beside them.

Ray's processes are descendants of the program, so they end with it; what they write lies in the attempt's folder.
"""

import hashlib
import importlib.util
import json
import os
from functools import cache

from treadle.domain.launch import Launch
from treadle.runner.attempt import AttemptFolder


@cache
def has_ray() -> bool:
    """Return whether programs can import Ray. The zygote finds out, so that nobody else has to look."""
    return importlib.util.find_spec("ray") is not None


def ray_variables(launch: Launch, folder: AttemptFolder) -> dict[str, str]:
    """Return the environment variables with which Ray stays inside a job.

    Its sockets lie below a short path. Others on this machine, who can reach its ports, lack its token; without one of
    its own, Ray would make one for all of this user's jobs in the home directory. It does not tell anybody that it is used.
    Of a machine with more cores than the job's budget it sees those of the budget, also where `ray.init` asks for more.
    """
    if not has_ray():
        return {}
    cores = max(1, int(launch.budget.cpu))  # Ray takes whole ones only
    fewer = {"RAY_OVERRIDE_RESOURCES": json.dumps({"CPU": cores})} if cores < (os.cpu_count() or 1) else {}
    return {
        **fewer,
        "RAY_TMPDIR": str(folder.short),
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": hashlib.sha256(f"ray {launch.token}".encode()).hexdigest(),
        "RAY_USAGE_STATS_ENABLED": "0",
    }
