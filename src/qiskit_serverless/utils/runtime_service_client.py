"""Where releases of the PyPI client up to 0.37 keep the QPU service."""

from typing import TYPE_CHECKING

from qiskit_serverless.lazy_names import lazy_names

if TYPE_CHECKING:
    from qiskit_serverless.own_job import associate_runtime_job_with_serverless_job
    from qiskit_serverless.runtime_service import ServerlessRuntimeService

__all__ = [
    "ServerlessRuntimeService",
    "associate_runtime_job_with_serverless_job",
]

_MODULES = {
    "ServerlessRuntimeService": "runtime_service",
    "associate_runtime_job_with_serverless_job": "own_job",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
