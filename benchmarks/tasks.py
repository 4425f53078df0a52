"""Tasks against ``ProcessPoolExecutor``, QPY and plain Python, side by side.

``python -m benchmarks.tasks`` prints a table. Each measurement runs in a process of its own; the two sides of a ratio take
turns, round by round, so that a noisy machine disturbs both alike.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple

ROUNDS = 5
EMPTY_TASKS = 10_000
ARRAY_BYTES = 100 * 2**20
CIRCUITS, QUBITS, DEPTH = 100, 100, 50
TRANSPILATIONS = 1_000


def _timed(work: Callable[[], Any]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _nothing() -> None:
    return None


def _array() -> Any:
    import numpy as np

    return np.ones(ARRAY_BYTES // 8)


def _same(value: Any) -> Any:
    return value


def _transpile_small(seed: int) -> Any:
    from qiskit.circuit.random import random_circuit
    from qiskit.transpiler import CouplingMap, generate_preset_pass_manager

    circuit = random_circuit(4, 4, seed=seed)
    manager = generate_preset_pass_manager(
        1, basis_gates=["cz", "rz", "sx", "x"], coupling_map=CouplingMap.from_line(4), seed_transpiler=seed
    )
    return manager.run(circuit)


def empty_tasks() -> list[float]:
    """Return the seconds for 10,000 empty tasks: ours, each round."""
    from qiskit_serverless.tasks import distribute_task, get

    nothing = distribute_task(_nothing)
    get([nothing() for _ in range(100)])
    return [_timed(lambda: get([nothing() for _ in range(EMPTY_TASKS)]))]


def empty_tasks_executor() -> list[float]:
    """Return the seconds for 10,000 empty tasks: ``ProcessPoolExecutor``."""
    with ProcessPoolExecutor(2) as executor:
        list(executor.map(_nothing, *[()] * 0)) if False else [executor.submit(_nothing).result() for _ in range(100)]
        return [_timed(lambda: [f.result() for f in [executor.submit(_nothing) for _ in range(EMPTY_TASKS)]])]
