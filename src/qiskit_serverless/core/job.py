"""Where releases of the PyPI client up to 0.37 keep jobs, and what a program does about its own."""

from typing import TYPE_CHECKING

from qiskit_serverless.lazy_names import lazy_names
from qiskit_serverless.statuses import SHOWN, STAGES

if TYPE_CHECKING:
    from qiskit_serverless.definitions import Configuration
    from qiskit_serverless.old_clients import JobService
    from qiskit_serverless.own_job import send_error
    from qiskit_serverless.program import is_running_in_serverless, is_trial, save_result, update_status
    from qiskit_serverless.runtime_service import get_runtime_service
    from qiskit_serverless.sync.jobs import Job

__all__ = [
    "STATUS_MAP",
    "Configuration",
    "Job",
    "JobService",
    "get_runtime_service",
    "is_running_in_serverless",
    "is_trial",
    "save_result",
    "send_error",
    "update_status",
]

_MODULES = {
    "Configuration": "definitions",
    "Job": "sync.jobs",
    "JobService": "old_clients",
    "get_runtime_service": "runtime_service",
    "is_running_in_serverless": "program",
    "is_trial": "program",
    "save_result": "program",
    "send_error": "own_job",
    "update_status": "program",
}

STATUS_MAP = {**SHOWN, **STAGES}
"""Status or stage on the gateway to shown status."""

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
