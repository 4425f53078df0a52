"""Tasks: functions whose calls run beside the program, in other processes.

@distribute_task(target={"cpu": 1})
def square(x):
    return x * x

get([square(x) for x in range(10)])
"""

from qiskit_serverless.tasks.api import get, get_refs_by_status, put, wait
from qiskit_serverless.tasks.errors import (
    BudgetExceededError,
    BudgetWarning,
    GetTimeoutError,
    NotSerializableError,
    RemoteTraceback,
    TargetError,
    TaskError,
    TaskTimeoutError,
    WorkerDiedError,
    WorkersUnavailableError,
)
from qiskit_serverless.tasks.functions import DistributedFunction, distribute_task
from qiskit_serverless.tasks.references import TaskReference
from qiskit_serverless.tasks.target import Target

__all__ = [
    "BudgetExceededError",
    "BudgetWarning",
    "DistributedFunction",
    "GetTimeoutError",
    "NotSerializableError",
    "RemoteTraceback",
    "Target",
    "TargetError",
    "TaskError",
    "TaskReference",
    "TaskTimeoutError",
    "WorkerDiedError",
    "WorkersUnavailableError",
    "distribute_task",
    "get",
    "get_refs_by_status",
    "put",
    "wait",
]
