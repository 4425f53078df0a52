"""The environment variables of a program, and the threads its libraries may use."""

import json
import os
import signal
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING

from qiskit_serverless.spaces.job_spaces import DESCRIPTION
from treadle.domain.launch import Launch
from treadle.runner.attempt import AttemptFolder
from treadle.runner.file_delivery import spaces_of
from treadle.runner.ray import ray_variables

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController

# Read by BLAS and OpenMP, by Qiskit's compiled part and by its parallel_map.
_THREAD_VARIABLES = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "RAYON_NUM_THREADS",
    "QISKIT_NUM_PROCS",
)
_COUNT_DIGITS = 4  # of a number of threads; Python refuses to read very long numbers
ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def job_environment(launch: Launch, folder: AttemptFolder, inherited: Mapping[str, str]) -> dict[str, str]:
    """Return the environment variables of a program: the table in docs/architecture.md.

    Args:
        launch: The attempt; its own variables come before what is inherited, the platform's before both.
        folder: Where its files are.
        inherited: What the zygote was allowed to pass on.
    """
    count = str(threads(launch))
    return {
        **{name: value for name, value in inherited.items() if name not in ONE_THREAD},
        **dict.fromkeys(_THREAD_VARIABLES, count),
        **ray_variables(launch, folder, inherited),
        **launch.variables,
        "ENV_JOB_ID_GATEWAY": launch.job_id,
        "ENV_JOB_GATEWAY_HOST": launch.gateway_url,
        "ENV_JOB_GATEWAY_TOKEN": launch.token,
        "ENV_JOB_ARGUMENTS": "{}",
        "ARGUMENTS_PATH": str(folder.arguments),
        "RESULTS_PATH": str(folder.result),
        **_files(launch, folder),
        "TREADLE_BUDGET": json.dumps(launch.budget.to_dict()),
        "TMPDIR": str(folder.temporary),
    }


def _files(launch: Launch, folder: AttemptFolder) -> dict[str, str]:
    """Return the variables about the job's files. Where these are brought when they are looked at, `settle` adds the folders."""
    spaces = spaces_of(launch, folder)
    if spaces is not None:
        return {DESCRIPTION: spaces.description()}
    data_path = str(launch.data_path)
    return {"DATA_PATH": data_path, "FUNCTION_DATA_PATH": launch.function_data_path or data_path}


def threads(launch: Launch) -> int:
    """Return how many threads the libraries of a program use: what its variables say, or else what its budget allows."""
    wanted = launch.variables.get("OMP_NUM_THREADS", "")
    is_count = wanted.isdecimal() and len(wanted) <= _COUNT_DIGITS
    return max(1, int(wanted) if is_count else int(launch.budget.cpu))


def replace_environment(variables: Mapping[str, str]) -> None:
    """Make `variables` the whole environment of this process."""
    os.environ.clear()
    os.environ.update(variables)


def limit_threads(count: int) -> None:
    """Let the libraries that are loaded use so many threads.

    BLAS starts its threads here. They block all signals, which are then for the program's own threads to take.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())
    thread_pools().limit(limits=count)
    signal.pthread_sigmask(signal.SIG_SETMASK, ())


@cache
def thread_pools() -> "ThreadpoolController":
    """Return the thread pools of the libraries that are loaded now. The first call takes 10 ms: the zygote does it."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()
