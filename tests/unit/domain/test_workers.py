"""How many workers a run may ask for, and what its job gets."""

from typing import Any

import pytest

from treadle.domain.budget import Budget
from treadle.domain.errors import InvalidError
from treadle.domain.limits import JobLimits

BUDGET = Budget(4.0, 0.0, 10**9)


@pytest.mark.parametrize(
    ("config", "workers", "ready"),
    [
        ({}, None, 0),
        ({"workers": 3}, 3, 3),
        ({"workers": 3, "min_workers": 1, "max_workers": 9, "auto_scaling": False}, 3, 3),
        ({"workers": 3, "min_workers": 1, "max_workers": 9, "auto_scaling": True}, 9, 1),
        ({"min_workers": 1, "max_workers": 9}, None, 0),
        ({"auto_scaling": True}, None, 0),
        ({"workers": 0}, 1, 0),
        ({"workers": -4}, 1, 0),
        ({"max_workers": 2, "min_workers": None, "auto_scaling": True}, 2, 0),
    ],
)
def test_a_job_gets_the_workers_its_run_asked_for(config: dict[str, Any], workers: int | None, ready: int) -> None:
    budget = BUDGET.for_workers(config)
    assert (budget.workers, budget.min_workers) == (workers, ready)
    assert budget.cpu == BUDGET.cpu


@pytest.mark.parametrize("config", [{}, {"workers": 5, "min_workers": 2, "max_workers": 10}, {"workers": None}])
def test_what_is_within_the_limits_is_taken(config: dict[str, Any]) -> None:
    JobLimits().check_workers(config)


@pytest.mark.parametrize(
    ("config", "words"),
    [
        ({"workers": 6}, "less than or equal to 5"),
        ({"min_workers": 3}, "less than or equal to 2"),
        ({"max_workers": 11}, "less than or equal to 10"),
        ({"min_workers": 2, "max_workers": 1}, "min_workers 2 is more than max_workers 1"),
    ],
)
def test_more_is_refused_with_the_limit(config: dict[str, Any], words: str) -> None:
    with pytest.raises(InvalidError, match=words):
        JobLimits().check_workers(config)


def test_an_operator_may_allow_more() -> None:
    JobLimits(workers=100).check_workers({"workers": 100})
