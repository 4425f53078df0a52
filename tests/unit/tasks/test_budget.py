"""What a job may use in all."""

import os
from collections.abc import Callable
from typing import Any

import pytest

from qiskit_serverless.tasks import BudgetExceededError, BudgetWarning, Target, distribute_task, get
from qiskit_serverless.tasks.budget import Budget

OpenSession = Callable[..., Any]


def test_outside_the_platform_the_budget_is_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TREADLE_BUDGET", raising=False)
    budget = Budget.from_environment()

    assert budget.cpu == len(os.sched_getaffinity(0))
    assert budget.mem > 10**8
    assert not budget.strict


@pytest.mark.parametrize("text", ["", "3", "{}", '{"cpu": "many", "gpu": 0, "mem": 1}', '{"cpu": 1, "gpu": 0}'])
def test_a_budget_that_is_none_is_refused_with_its_text(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setenv("TREADLE_BUDGET", text)

    with pytest.raises(ValueError, match="TREADLE_BUDGET is not a budget"):
        Budget.from_environment()


@pytest.mark.parametrize("workers", ['"two"', "1.5"])
def test_workers_are_whole_numbers(monkeypatch: pytest.MonkeyPatch, workers: str) -> None:
    monkeypatch.setenv("TREADLE_BUDGET", f'{{"cpu": 1, "gpu": 0, "mem": 1, "workers": {workers}}}')

    with pytest.raises(ValueError, match="TREADLE_BUDGET is not a budget"):
        Budget.from_environment()


def test_every_task_takes_one_worker_where_they_are_counted() -> None:
    assert dict(Budget(cpu=8, gpu=0, mem=0).shape(Target(cpu=0.1)).demand).keys() == {"cpu"}
    counted = Budget.from_json('{"cpu": 8, "gpu": 0, "mem": 0, "workers": 3, "min_workers": 2}')
    assert 3 * dict(counted.shape(Target(cpu=0.1)).demand)["workers"] == counted.amounts()["workers"]
    assert counted.min_workers == 2


def test_ten_tenths_are_one() -> None:
    budget = Budget(cpu=1, gpu=0, mem=0)
    tenth = dict(budget.shape(Target(cpu=0.1)).demand)["cpu"]

    assert 10 * tenth == budget.amounts()["cpu"]


def test_a_strict_budget_refuses_larger_targets_at_the_call_with_both_numbers(with_budget: OpenSession) -> None:
    with_budget(cpu=2, strict=True)

    with pytest.raises(
        BudgetExceededError, match="task 'getpid' asks for cpu=64, but the budget of its job is cpu=2; lower"
    ):
        distribute_task(target={"cpu": 64})(os.getpid)()
    with pytest.raises(BudgetExceededError, match="asks for licences=1, but the budget of its job is licences=0"):
        distribute_task(target={"resources": {"licences": 1}})(os.getpid)()
    with pytest.raises(BudgetExceededError, match="asks for mem=2e"):
        distribute_task(target={"mem": 2 * 10**9})(os.getpid)()


def test_otherwise_they_get_what_there_is_with_one_warning(with_budget: OpenSession) -> None:
    with_budget(cpu=2)
    greedy = distribute_task(target={"cpu": 64})(lambda: os.environ["OMP_NUM_THREADS"])

    with pytest.warns(
        BudgetWarning, match="asks for cpu=64, but the budget of its job is cpu=2; it gets that"
    ) as warned:
        first = greedy()

    assert get([first, greedy(), greedy()]) == ["2", "2", "2"]
    assert len(warned) == 1
    assert warned[0].filename == __file__


def test_tasks_of_tasks_are_held_to_the_same_budget(with_budget: OpenSession) -> None:
    with_budget(cpu=2, strict=True)
    greedy = distribute_task(target={"cpu": 64}, name="greedy")(os.getpid)

    @distribute_task
    def outer() -> int:
        return get(greedy())

    with pytest.raises(BudgetExceededError, match="task 'greedy' asks for cpu=64"):
        get(outer())
