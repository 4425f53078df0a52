"""Run Qiskit programs on a Treadle platform, and write such programs.

What it offers is imported when it is first used, so that importing the package itself costs next to nothing.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from qiskit_serverless.aio.client import AsyncServerlessClient
    from qiskit_serverless.aio.jobs import AsyncJob
    from qiskit_serverless.definitions import QiskitFunction
    from qiskit_serverless.exceptions import QiskitServerlessException
    from qiskit_serverless.program import get_arguments, is_running_in_serverless, save_result, update_status
    from qiskit_serverless.sync.client import ServerlessClient
    from qiskit_serverless.sync.functions import RunnableQiskitFunction
    from qiskit_serverless.sync.jobs import Job
    from qiskit_serverless.tasks import Target, distribute_task, get, get_refs_by_status, put, wait

    __version__: str

__all__ = [
    "AsyncJob",
    "AsyncServerlessClient",
    "Job",
    "QiskitFunction",
    "QiskitServerlessException",
    "RunnableQiskitFunction",
    "ServerlessClient",
    "Target",
    "__version__",
    "distribute_task",
    "get",
    "get_arguments",
    "get_refs_by_status",
    "is_running_in_serverless",
    "put",
    "save_result",
    "update_status",
    "wait",
]

_MODULES = {
    "AsyncJob": "aio.jobs",
    "AsyncServerlessClient": "aio.client",
    "Job": "sync.jobs",
    "QiskitFunction": "definitions",
    "QiskitServerlessException": "exceptions",
    "RunnableQiskitFunction": "sync.functions",
    "ServerlessClient": "sync.client",
    "Target": "tasks",
    "distribute_task": "tasks",
    "get": "tasks",
    "get_arguments": "program",
    "get_refs_by_status": "tasks",
    "is_running_in_serverless": "program",
    "put": "tasks",
    "save_result": "program",
    "update_status": "program",
    "wait": "tasks",
}


def __getattr__(name: str) -> object:
    if name == "__version__":
        from importlib.metadata import version

        value: object = version("treadle")
    elif name in _MODULES:
        value = getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
    else:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
