"""Tasks against ``ProcessPoolExecutor``, QPY and plain Python, side by side.

``python -m benchmarks.tasks`` prints a table. Each comparison runs in a process of its own; the sides take turns, round by
round, so that a noisy machine disturbs all of them alike. Ray takes part where it is installed.
"""

import importlib.util
import io
import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from typing import Any, NamedTuple, TypeAlias

from benchmarks.table import Finding, at_most, show
from qiskit_serverless.tasks import distribute_task, get

ROUNDS = 7
EMPTY_TASKS = 10_000
ARRAY_BYTES = 100 * 2**20
CIRCUITS, QUBITS, DEPTH = 100, 100, 50
TRANSPILATIONS = 1_000
CORES = len(os.sched_getaffinity(0))

Sides = dict[str, Callable[[], object]]
Value: TypeAlias = Any


def nothing() -> None:
    """Do nothing."""


def array() -> Value:
    """Make an array of 100 MB."""
    import numpy as np

    return np.ones(ARRAY_BYTES // 8)


def same(value: Value) -> Value:
    """Return what it is given."""
    return value


def transpile(circuit: Value) -> Value:
    """Fit a small circuit to a small device."""
    from qiskit.transpiler import CouplingMap, generate_preset_pass_manager

    return generate_preset_pass_manager(
        1, basis_gates=["cz", "rz", "sx", "x"], coupling_map=CouplingMap.from_line(4), seed_transpiler=1
    ).run(circuit)


def transpile_seeds(seeds: range) -> None:
    """Fit many small circuits, and keep nothing."""
    for circuit in random_circuits(len(seeds), 4, 4):
        transpile(circuit)


def random_circuits(count: int, qubits: int, depth: int) -> list[Any]:
    """Return random circuits."""
    from qiskit.circuit.random import random_circuit

    return [random_circuit(qubits, depth, max_operands=2, seed=seed) for seed in range(count)]


def executor() -> ProcessPoolExecutor:
    """Return a ``ProcessPoolExecutor`` whose processes run already."""
    pool = ProcessPoolExecutor(CORES)
    for future in [pool.submit(time.sleep, 0.05) for _ in range(CORES)]:
        future.result()
    return pool


def ray_side(function: Callable[..., Any], calls: list[tuple[Any, ...]]) -> Sides:
    """Return the same work on Ray, if it is installed."""
    if importlib.util.find_spec("ray") is None:
        return {}
    import ray

    os.environ |= {"RAY_AUTH_MODE": "disabled", "RAY_USAGE_STATS_ENABLED": "0"}
    ray.init(num_cpus=CORES, log_to_driver=False, include_dashboard=False)
    remote = ray.remote(function)
    return {"Ray": lambda: ray.get([remote.remote(*call) for call in calls])}


def on_ray(function: Callable[..., Any], calls: list[tuple[Any, ...]]) -> Sides:
    """Return the same work as tasks of ours on Ray, and as tasks of Ray's."""
    plain = ray_side(function, calls)["Ray"]
    os.environ["TREADLE_TASKS"] = "ray"
    task = distribute_task(function)
    return {"tasks on Ray": lambda: get([task(*call) for call in calls]), "Ray itself": plain}


def empty_tasks() -> Sides:
    """Run 10,000 tasks that do nothing."""
    pool, task = executor(), distribute_task(nothing)
    return {
        "tasks": lambda: get([task() for _ in range(EMPTY_TASKS)]),
        "ProcessPoolExecutor": lambda: [
            future.result() for future in [pool.submit(nothing) for _ in range(EMPTY_TASKS)]
        ],
        **ray_side(nothing, [()] * EMPTY_TASKS),
    }


def large_array() -> Sides:
    """Get an array of 100 MB from a task, and read it."""
    pool, task = executor(), distribute_task(array)
    return {
        "tasks": lambda: get(task()).sum(),
        "ProcessPoolExecutor": lambda: pool.submit(array).result().sum(),
        **ray_side(array, [()]),
    }


def circuits() -> Sides:
    """Send 100 large circuits to one task and back."""
    from qiskit import qpy

    sent, task = random_circuits(CIRCUITS, QUBITS, DEPTH), distribute_task(same)

    def both_ways() -> None:
        travelling = sent
        for _ in range(2):
            file = io.BytesIO()
            qpy.dump(travelling, file)
            file.seek(0)
            travelling = qpy.load(file)

    return {"tasks": lambda: get(task(sent)), "QPY itself, both ways": both_ways}


def transpilations() -> Sides:
    """Fit 1,000 small circuits, one task each."""
    small, task, shared = (
        random_circuits(TRANSPILATIONS, 4, 4),
        distribute_task(transpile),
        distribute_task(transpile_seeds),
    )
    return {
        "tasks": lambda: get([task(circuit) for circuit in small]),
        "serial": lambda: [transpile(circuit) for circuit in small],
        "one task per core": lambda: get([shared(range(TRANSPILATIONS // CORES)) for _ in range(CORES)]),
        **ray_side(transpile, [(circuit,) for circuit in small]),
    }


class Comparison(NamedTuple):
    """Two or three ways to do the same work.

    Attributes:
        work: What is done.
        prepare: Returns the sides; the second is the one to compare with.
        aim: The largest ratio of the first to the second that is good.
        share: What part of the second side's time is the measure.
    """

    work: str
    prepare: Callable[[], Sides]
    aim: float
    share: float = 1.0


COMPARISONS_ON_RAY = {
    "ray_empty_tasks": Comparison(
        "10,000 empty tasks through get, on Ray", lambda: on_ray(nothing, [()] * EMPTY_TASKS), 1.2
    ),
    "ray_large_array": Comparison("a 100 MB array back from a task, on Ray", lambda: on_ray(array, [()]), 2),
    "ray_circuits": Comparison(
        "100 circuits (100 qubits, depth 50) to a task and back, on Ray",
        lambda: on_ray(same, [(random_circuits(CIRCUITS, QUBITS, DEPTH),)]),
        0.5,
    ),
    "ray_transpilations": Comparison(
        "1,000 small transpilation tasks, on Ray",
        lambda: on_ray(transpile, [(circuit,) for circuit in random_circuits(TRANSPILATIONS, 4, 4)]),
        1.2,
    ),
}
COMPARISONS = {
    "empty_tasks": Comparison("10,000 empty tasks through get", empty_tasks, 0.6),
    "large_array": Comparison("a 100 MB array back from a task", large_array, 0.5),
    "circuits": Comparison("100 circuits (100 qubits, depth 50) to a task and back", circuits, 1.5),
    "transpilations": Comparison("1,000 small transpilation tasks", transpilations, 1.15, 1 / CORES),
    **(COMPARISONS_ON_RAY if importlib.util.find_spec("ray") else {}),
}


def measure(name: str, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each side and round. The first round, in which all sides warm up, is not counted."""
    sides = COMPARISONS[name].prepare()
    seconds: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(rounds + 1):
        for side, work in sides.items():
            began = time.perf_counter()
            work()
            seconds[side].append(time.perf_counter() - began)
    return {side: times[1:] for side, times in seconds.items()}


def measure_apart(name: str, rounds: int) -> dict[str, list[float]]:
    """Return what `measure` finds in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.tasks", name, str(rounds)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True)
    seconds: dict[str, list[float]] = json.loads(done.stdout)
    return seconds


def finding(name: str, rounds: int) -> Finding:
    """Return the row of one comparison."""
    comparison, seconds = COMPARISONS[name], measure_apart(name, rounds)
    medians = {side: statistics.median(times) for side, times in seconds.items()}
    ours, other, *_ = medians
    measure_of = f"{other} / {1 / comparison.share:g}" if comparison.share != 1 else other
    shown = "; ".join(
        f"{side} {medians[side]:.3f} s ({min(times):.3f} to {max(times):.3f})" for side, times in seconds.items()
    )
    ratio = medians[ours] / (medians[other] * comparison.share)
    return at_most(comparison.work, ratio, f"x {measure_of}", comparison.aim, f"{rounds} rounds: {shown}")


def findings(rounds: int = ROUNDS) -> Iterator[Finding]:
    """Yield the rows of all comparisons."""
    for name in COMPARISONS:
        yield finding(name, rounds)


def main() -> None:
    """Print the table or, with the name of a comparison, what was measured, as JSON."""
    if len(sys.argv) > 1:
        name, rounds = sys.argv[1], int(sys.argv[2]) if len(sys.argv) > 2 else ROUNDS
        print(json.dumps(measure(name, rounds)))
    else:
        show(findings())


if __name__ == "__main__":
    main()
