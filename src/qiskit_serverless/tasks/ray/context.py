"""What the workers of a job have in common, and what they make of it."""

import os
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import ray

from qiskit_serverless.tasks.budget import Budget

_OWN = (  # of the program's process alone
    "TREADLE_WORKERS_FD",
    "TREADLE_REPORT_FD",
    "TREADLE_TASKS",
    "TMPDIR",
)
_OF_THE_WORKER = ("RAY_", "CUDA_VISIBLE_DEVICES")


@dataclass(frozen=True)
class JobContext:
    """What every worker of a job is told once. Ray stores it as one object.

    Attributes:
        variables: The environment variables of the program.
        path: Its ``sys.path``.
        work: Its working folder.
        node: The node of the cluster that it runs on.
        budget: The budget of the job.
    """

    variables: dict[str, str]
    path: tuple[str, ...]
    work: str
    node: str
    budget: Budget

    @classmethod
    def of_this_process(cls, budget: Budget) -> "JobContext":
        """Return the context of a program, taken from its process."""
        variables = {name: value for name, value in os.environ.items() if _is_shared(name)}
        return cls(variables, tuple(sys.path), str(Path.cwd()), ray.get_runtime_context().get_node_id(), budget)

    def settle(self) -> None:
        """Make this worker process one of the job, the first time it is called in it."""
        _settle(self)


def _is_shared(name: str) -> bool:
    return name not in _OWN and not name.startswith(_OF_THE_WORKER)


@cache
def _settled() -> list[JobContext]:
    return []


def _settle(context: JobContext) -> None:
    if _settled():
        return
    _settled().append(context)
    os.environ.update(context.variables)
    for name in _OWN:
        os.environ.pop(name, None)
    sys.path[:] = context.path
    if ray.get_runtime_context().get_node_id() == context.node:
        os.chdir(context.work)
