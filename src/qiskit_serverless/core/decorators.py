"""Where releases of the PyPI client up to 0.37 keep tasks and decorators."""

from qiskit_serverless.decorators import distribute_program, distribute_qiskit_function
from qiskit_serverless.tasks import Target, distribute_task, get, get_refs_by_status, put

__all__ = [
    "Target",
    "distribute_program",
    "distribute_qiskit_function",
    "distribute_task",
    "get",
    "get_refs_by_status",
    "put",
]
