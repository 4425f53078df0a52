"""What tasks of a shape ask of the cluster."""

import json
import math
import os
from typing import Any

import ray

from qiskit_serverless.tasks.budget import WORKERS, Shape

_MICRO = 1_000_000
_FRACTION = 10_000  # Ray counts in ten-thousandths
_NAMES = {"cpu": "CPU", "gpu": "GPU", "mem": "memory"}
_ARGUMENTS = {"cpu": "num_cpus", "gpu": "num_gpus", "mem": "memory"}


def options(shape: Shape, waiting: int) -> dict[str, Any]:
    """Return the options of a task of Ray's that holds what tasks of this shape need.

    Args:
        shape: The shape.
        waiting: How many tasks wait for others. Ray lends out their cores at once only to tasks of another kind than theirs
            (of the same kind it starts one after 1 s, the next after 2 s, then 4 s), so each adds a byte of memory.
    """
    amounts = {name: _amount(name, amount) for name, amount in shape.demand}
    amounts.pop(WORKERS, None)  # the budget of the job counts these
    arguments: dict[str, Any] = {_ARGUMENTS[name]: amounts.pop(name, 0) for name in _ARGUMENTS}
    arguments["memory"] += waiting
    variables = dict(shape.env_vars)
    if shape.threads > 1:
        variables["TREADLE_TASK_THREADS"] = str(shape.threads)  # processes with as many threads keep to themselves
    environment = json.loads(os.environ.get("TREADLE_RUNTIME_ENV", "{}"))
    if variables or environment:
        arguments["runtime_env"] = {**environment, "env_vars": {**environment.get("env_vars", {}), **variables}}
    return {**arguments, "resources": amounts, "num_returns": "streaming", "max_retries": 0, "name": "treadle-tasks"}


def _amount(name: str, micros: int) -> float:
    """Return an amount as Ray takes it: whole bytes, whole GPUs from one on, and no smaller parts than it knows."""
    if name == "mem" or (name == "gpu" and micros > _MICRO):
        return math.ceil(micros / _MICRO)
    return math.ceil(micros * _FRACTION / _MICRO) / _FRACTION


def lacking(shape: Shape) -> str | None:
    """Say what of a shape no node of the cluster can ever give; None if some node has all of it.

    A cluster that grows on demand may get such a node, so nothing is lacking there.
    """
    if os.environ.get("TREADLE_RAY_AUTOSCALING") == "1":
        return None
    nodes = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    wanted = {name: _amount(name, amount) for name, amount in shape.demand if name != WORKERS}
    if any(all(node.get(_NAMES.get(name, name), 0) >= amount for name, amount in wanted.items()) for node in nodes):
        return None
    asked = ", ".join(f"{name}={amount:g}" for name, amount in wanted.items())
    most = ", ".join(f"{name}={max(node.get(_NAMES.get(name, name), 0) for node in nodes):g}" for name in wanted)
    return f"asks for {asked}, but no node of the cluster has that; the most that one has is {most}"
