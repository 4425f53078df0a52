"""Builds the environment of a Ray worker on this machine: ``python -m treadle.environment_build``.

`treadle.runner.ray_worker` starts it, and says by an environment variable what to build.
"""

import asyncio
import json
import os
import sys

from treadle.adapters.environments.node import LockSource, NodeEnvironments, NodeTerms
from treadle.domain.errors import EngineUnavailableError, EnvironmentUnusableError
from treadle.runner.ray_worker import ENVIRONMENT_VARIABLE


def main() -> None:
    """Build it, or end with the reason on standard error."""
    told = json.loads(os.environ[ENVIRONMENT_VARIABLE])
    environments = NodeEnvironments(
        told["platform"], NodeTerms(told["build_seconds"], told["only_wheels"], told["kept_bytes"])
    )
    environments.open()
    try:
        asyncio.run(environments.provide(LockSource(told["digest"], told["gateway_url"], told["token"])))
    except (EnvironmentUnusableError, EngineUnavailableError) as error:
        sys.exit(f"{error} {error.hint}")


if __name__ == "__main__":
    main()
