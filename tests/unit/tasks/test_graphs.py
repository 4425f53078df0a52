"""Random graphs of tasks that return, raise, die, nest and share, asked for by several threads: each value is as expected."""

import random
import threading
from typing import Any

import pytest

from qiskit_serverless.tasks import WorkerDiedError, distribute_task, get
from tests.unit.tasks.conftest import EXECUTOR
from tests.unit.tasks.work import OwnError, work_as

TASKS, THREADS, SEEDS = (100, 3, [10, 20, 30]) if EXECUTOR == "forked" else (20, 2, [12])
"""On a cluster each death, each task that waits, and most changes of target start a process, which takes a second."""
KINDS = {"return": 20, "raise": 1, "die": 0.3, "nest": 2, "share": 2}


def expected(kind: str, needed: list[Any]) -> Any:
    if any(isinstance(each, tuple) for each in needed):
        return OwnError, WorkerDiedError
    if kind in ("raise", "die"):
        return (OwnError,) if kind == "raise" else (WorkerDiedError,)
    return sum(needed) + {"nest": 3, "share": 2}.get(kind, 0) + 1


def check(reference: Any, value: Any) -> None:
    if isinstance(value, tuple):
        with pytest.raises(value):
            get(reference)
    else:
        assert float(get(reference)[0]) == value


def run_graph(seed: int, failures: list[BaseException]) -> None:
    chosen = random.Random(seed)
    references: list[Any] = []
    values: list[Any] = []
    for _ in range(TASKS):
        kind = chosen.choices(list(KINDS), list(KINDS.values()))[0]
        needed = chosen.sample(range(len(references)), min(len(references), chosen.randint(0, 2)))
        size = chosen.choice([1, 1, 10, 10_000, 200_000])
        references.append(chosen.choice(work_as)(kind, size, [references[each] for each in needed]))
        values.append(expected(kind, [values[each] for each in needed]))
    try:
        for reference, value in zip(references, values, strict=True):
            check(reference, value)
    except BaseException as failure:
        failures.append(failure)
        raise


@pytest.mark.timeout(300)
@pytest.mark.parametrize("seed", SEEDS)
def test_every_value_of_a_random_graph_is_as_expected(seed: int) -> None:
    failures: list[BaseException] = []
    threads = [threading.Thread(target=run_graph, args=(seed + place, failures)) for place in range(THREADS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert failures == []


def test_a_task_with_one_failed_and_one_slow_argument_fails_once() -> None:
    @distribute_task
    def fail() -> None:
        raise OwnError

    reached = [work_as[2]("return", 1, [fail(), work_as[0]("return", 1, [])]) for _ in range(20)]
    for reference in reached:
        with pytest.raises(OwnError):
            get(reference)
