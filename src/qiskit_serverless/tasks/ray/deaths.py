"""What the end of a worker process on a cluster says about the task it ran."""

import signal
from typing import Any

from ray.exceptions import NodeDiedError, OutOfMemoryError, RayError

from qiskit_serverless.tasks import deaths
from qiskit_serverless.tasks.errors import WorkerDiedError


def explain(task: str, *, pid: int, status: int | None, error: RayError | None) -> WorkerDiedError:
    """Return the error for a task whose worker ended in the middle of it.

    Args:
        task: Name of the task.
        pid: Process id of the worker on its node.
        status: Its wait status, where that is known.
        error: What Ray says; None if it knows of nothing wrong.
    """
    if isinstance(error, OutOfMemoryError):
        return WorkerDiedError(
            f"the worker process {pid} of task {task!r} was killed because its node ran out of memory: "
            f"{_first_line(error)}; ask for more with 'mem', so that fewer tasks share a node"
        )
    if isinstance(error, NodeDiedError):
        return WorkerDiedError(f"the node of the cluster that ran task {task!r} has died: {_first_line(error)}")
    return deaths.explain(task, pid, signal.SIGKILL if status is None else status, 0)


def _first_line(error: Any) -> str:  # noqa: ANN401  (Ray has no annotations)
    return str(error).strip().partition("\n")[0]
