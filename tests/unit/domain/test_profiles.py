"""Compute profiles and sizes: which one a run gets, and what it may use."""

import pytest

from treadle.domain.budget import Budget
from treadle.domain.errors import InvalidError
from treadle.domain.functions import FunctionVersion
from treadle.domain.profiles import ComputeProfiles, budget_of_name, check_profile_name, chosen_size

USUAL = Budget(1.0, 0.0, 10**9)
OFFERED = ComputeProfiles({"cx3d-2x5": Budget(2.0, 0.0, 5 * 10**9), "bx3d-24x120": Budget(24.0, 0.0, 12 * 10**10)})
SIZED = FunctionVersion("v", 1, "main.py", sizes={"S": "cx3d-2x5", "L": "bx3d-24x120"}, default_size="S")


@pytest.mark.parametrize("name", ["bx3d-24x120", "cx2-1x2", "gx3d-24x120x1a100p", "g4-8x64x2l40s"])
def test_names_of_profiles_say_what_they_have(name: str) -> None:
    assert check_profile_name(name) == name


def test_the_name_is_the_budget() -> None:
    assert budget_of_name("gx3d-24x120x2a100p", strict=True) == Budget(24.0, 2.0, 120 * 10**9, strict=True)


@pytest.mark.parametrize(
    "name", ["", "large", "BX3D-24x120", "bx3d-24", "bx-24x120", "bx3d-24x120\n", "bx3d-24x120x1", "b1-" + "1" * 300]
)
def test_other_words_are_no_names_of_profiles(name: str) -> None:
    with pytest.raises(InvalidError, match="Invalid compute_profile"):
        check_profile_name(name)


def test_a_run_gets_the_profile_it_asks_for_or_the_default() -> None:
    assert OFFERED.choose("bx3d-24x120") == "bx3d-24x120"
    assert OFFERED.choose(None) is None
    assert ComputeProfiles(OFFERED.budgets, "cx3d-2x5").choose(None) == "cx3d-2x5"


def test_a_profile_that_is_not_offered_is_refused_with_those_that_are() -> None:
    with pytest.raises(InvalidError, match="Compute profile 'bx3d-1x1' doesn't exist") as caught:
        OFFERED.choose("bx3d-1x1")
    assert caught.value.hint == "There are: cx3d-2x5, bx3d-24x120."


def test_where_none_are_offered_any_may_be_asked_for_and_none_is_given() -> None:
    assert ComputeProfiles().choose("bx3d-1x1") is None
    with pytest.raises(InvalidError):
        ComputeProfiles().choose("large")


def test_a_job_may_use_what_its_profile_has() -> None:
    assert OFFERED.budget("cx3d-2x5", USUAL) == Budget(2.0, 0.0, 5 * 10**9)
    assert OFFERED.budget(None, USUAL) == USUAL
    with pytest.raises(InvalidError, match="'bx3d-1x1' is no longer offered"):
        OFFERED.budget("bx3d-1x1", USUAL)


def test_a_size_is_meant_in_any_case_or_by_default() -> None:
    assert chosen_size(SIZED, "l") == "L"
    assert chosen_size(SIZED, None) == "S"
    with pytest.raises(InvalidError, match="Function size 'XL' doesn't exist") as caught:
        chosen_size(SIZED, "XL")
    assert caught.value.hint == "Its sizes are: S, L."
    with pytest.raises(InvalidError) as caught:
        chosen_size(FunctionVersion("v", 1, "main.py"), "S")
    assert caught.value.hint.startswith("It has no sizes")
