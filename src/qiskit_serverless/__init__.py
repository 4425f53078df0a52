"""Run Qiskit programs on a Treadle platform, and write such programs.

What it offers is imported when it is first used, so that importing the package itself costs next to nothing.
"""

from typing import TYPE_CHECKING

from qiskit_serverless.lazy_names import lazy_names

if TYPE_CHECKING:
    from qiskit_serverless.aio.client import AsyncServerlessClient
    from qiskit_serverless.aio.jobs import AsyncJob
    from qiskit_serverless.decorators import distribute_qiskit_function
    from qiskit_serverless.definitions import Configuration, QiskitFunction, QiskitPattern
    from qiskit_serverless.exceptions import QiskitServerlessException, ServerlessError
    from qiskit_serverless.ibm_client import IBMServerlessClient
    from qiskit_serverless.loggers import get_logger, get_provider_logger
    from qiskit_serverless.old_clients import BaseClient, LocalClient, RayClient
    from qiskit_serverless.own_job import send_error
    from qiskit_serverless.program import (
        get_arguments,
        get_compute_profile,
        get_function_size,
        is_running_in_serverless,
        is_trial,
        save_result,
        update_status,
    )
    from qiskit_serverless.runtime_service import ServerlessRuntimeService, get_runtime_service
    from qiskit_serverless.sync.client import ServerlessClient
    from qiskit_serverless.sync.functions import RunnableQiskitFunction
    from qiskit_serverless.sync.jobs import Job
    from qiskit_serverless.tasks import Target, distribute_task, get, get_refs_by_status, put, wait
    from qiskit_serverless.version import __version__

__all__ = [
    "AsyncJob",
    "AsyncServerlessClient",
    "BaseClient",
    "Configuration",
    "IBMServerlessClient",
    "Job",
    "LocalClient",
    "QiskitFunction",
    "QiskitPattern",
    "QiskitServerlessException",
    "RayClient",
    "RunnableQiskitFunction",
    "ServerlessClient",
    "ServerlessError",
    "ServerlessRuntimeService",
    "Target",
    "__version__",
    "distribute_qiskit_function",
    "distribute_task",
    "get",
    "get_arguments",
    "get_compute_profile",
    "get_function_size",
    "get_logger",
    "get_provider_logger",
    "get_refs_by_status",
    "get_runtime_service",
    "is_running_in_serverless",
    "is_trial",
    "put",
    "save_result",
    "send_error",
    "update_status",
    "wait",
]

_MODULES = {
    "__version__": "version",
    "AsyncJob": "aio.jobs",
    "AsyncServerlessClient": "aio.client",
    "BaseClient": "old_clients",
    "Configuration": "definitions",
    "IBMServerlessClient": "ibm_client",
    "Job": "sync.jobs",
    "LocalClient": "old_clients",
    "QiskitFunction": "definitions",
    "QiskitPattern": "definitions",
    "QiskitServerlessException": "exceptions",
    "RayClient": "old_clients",
    "RunnableQiskitFunction": "sync.functions",
    "ServerlessClient": "sync.client",
    "ServerlessError": "exceptions",
    "ServerlessRuntimeService": "runtime_service",
    "Target": "tasks",
    "distribute_qiskit_function": "decorators",
    "distribute_task": "tasks",
    "get": "tasks",
    "get_arguments": "program",
    "get_compute_profile": "program",
    "get_function_size": "program",
    "get_logger": "loggers",
    "get_provider_logger": "loggers",
    "get_refs_by_status": "tasks",
    "get_runtime_service": "runtime_service",
    "is_running_in_serverless": "program",
    "is_trial": "program",
    "put": "tasks",
    "save_result": "program",
    "send_error": "own_job",
    "update_status": "program",
    "wait": "tasks",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
