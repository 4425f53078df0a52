"""Where releases of the PyPI client up to 0.37 keep most of their names."""

from typing import TYPE_CHECKING

from qiskit_serverless.lazy_names import lazy_names

if TYPE_CHECKING:
    from qiskit_serverless.decorators import distribute_program, distribute_qiskit_function
    from qiskit_serverless.definitions import Configuration, QiskitFunction, QiskitPattern
    from qiskit_serverless.exceptions import ServerlessError
    from qiskit_serverless.ibm_client import IBMServerlessClient
    from qiskit_serverless.old_clients import BaseClient, LocalClient, RayClient
    from qiskit_serverless.own_job import send_error
    from qiskit_serverless.program import is_running_in_serverless, is_trial, save_result, update_status
    from qiskit_serverless.runtime_service import get_runtime_service
    from qiskit_serverless.sync.client import ServerlessClient
    from qiskit_serverless.sync.jobs import Job
    from qiskit_serverless.tasks import Target, distribute_task, get, get_refs_by_status, put

__all__ = [
    "BaseClient",
    "Configuration",
    "IBMServerlessClient",
    "Job",
    "LocalClient",
    "QiskitFunction",
    "QiskitPattern",
    "RayClient",
    "ServerlessClient",
    "ServerlessError",
    "Target",
    "distribute_program",
    "distribute_qiskit_function",
    "distribute_task",
    "get",
    "get_refs_by_status",
    "get_runtime_service",
    "is_running_in_serverless",
    "is_trial",
    "put",
    "save_result",
    "send_error",
    "update_status",
]

_MODULES = {
    "BaseClient": "old_clients",
    "Configuration": "definitions",
    "IBMServerlessClient": "ibm_client",
    "Job": "sync.jobs",
    "LocalClient": "old_clients",
    "QiskitFunction": "definitions",
    "QiskitPattern": "definitions",
    "RayClient": "old_clients",
    "ServerlessClient": "sync.client",
    "ServerlessError": "exceptions",
    "Target": "tasks",
    "distribute_program": "decorators",
    "distribute_qiskit_function": "decorators",
    "distribute_task": "tasks",
    "get": "tasks",
    "get_refs_by_status": "tasks",
    "get_runtime_service": "runtime_service",
    "is_running_in_serverless": "program",
    "is_trial": "program",
    "put": "tasks",
    "save_result": "program",
    "send_error": "own_job",
    "update_status": "program",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
