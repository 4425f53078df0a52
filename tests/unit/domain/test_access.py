"""Who may do what, for every kind of user and every kind of function."""

from collections.abc import Callable
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from treadle.domain.access import (
    administers,
    business_model,
    may_change,
    may_look_up,
    may_run,
    may_see,
    owns,
    sees_all_of,
)
from treadle.domain.functions import Function, FunctionVersion
from treadle.domain.jobs import BusinessModel, Job
from treadle.domain.lifecycle import JobState
from treadle.domain.providers import Grant, Provider
from treadle.domain.users import User

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
LAB = Provider("lab-id", "lab", admin_groups=frozenset({"lab-admins"}))
GRANTS = (Grant("viewers", may_run=False), Grant("runners"), Grant("triers", trial=True))

AUTHOR = User("author-id", "author")
ADMIN = User("admin-id", "admin", frozenset({"lab-admins"}))
RUNNER = User("runner-id", "runner", frozenset({"runners", "elsewhere"}))
TRIER = User("trier-id", "trier", frozenset({"triers"}))
VIEWER = User("viewer-id", "viewer", frozenset({"viewers"}))
STRANGER = User("stranger-id", "stranger", frozenset({"elsewhere"}))
EVERYBODY = (AUTHOR, ADMIN, RUNNER, TRIER, VIEWER, STRANGER)

OWN = Function("own-id", "own", AUTHOR.id, NOON, FunctionVersion("v", 1, "main.py"))
PUBLISHED = Function("shared-id", "shared", AUTHOR.id, NOON, FunctionVersion("w", 1, "main.py"), LAB, grants=GRANTS)


def a_job(author: User, function: Function) -> Job:
    return Job(
        "job-id", author.id, function.id, function.title, function.current.id, NOON, JobState(), None, function.provider
    )


@pytest.mark.parametrize(
    ("rule", "function", "allowed"),
    [
        (may_see, OWN, {AUTHOR}),
        (may_run, OWN, {AUTHOR}),
        (may_change, OWN, {AUTHOR}),
        (may_see, PUBLISHED, {AUTHOR, ADMIN, RUNNER, TRIER, VIEWER}),
        (may_run, PUBLISHED, {AUTHOR, ADMIN, RUNNER, TRIER}),
        (may_change, PUBLISHED, {ADMIN}),
    ],
)
def test_what_users_may_do_with_functions(
    rule: Callable[[User, Any], bool], function: Function, allowed: set[User]
) -> None:
    assert {user for user in EVERYBODY if rule(user, function)} == allowed


@pytest.mark.parametrize(
    ("rule", "function", "allowed"),
    [
        (owns, OWN, {RUNNER}),
        (may_look_up, OWN, {RUNNER}),
        (owns, PUBLISHED, {RUNNER}),
        (may_look_up, PUBLISHED, {RUNNER, ADMIN}),
        (sees_all_of, PUBLISHED, {ADMIN}),
    ],
)
def test_what_users_may_do_with_the_runners_job(
    rule: Callable[[User, Any], bool], function: Function, allowed: set[User]
) -> None:
    assert {user for user in EVERYBODY if rule(user, a_job(RUNNER, function))} == allowed


def test_nobody_acts_for_no_provider() -> None:
    assert [user for user in EVERYBODY if administers(user, None)] == []
    assert [user for user in EVERYBODY if administers(user, Provider("id", "without-admins"))] == []


def test_the_author_of_a_job_at_a_function_without_provider_sees_all_of_it() -> None:
    assert sees_all_of(AUTHOR, a_job(AUTHOR, OWN))


@pytest.mark.parametrize(
    ("user", "model"), [(TRIER, BusinessModel.TRIAL), (RUNNER, BusinessModel.SUBSIDIZED), (AUTHOR, "SUBSIDIZED")]
)
def test_a_job_is_a_trial_by_the_grant_that_lets_it_run(user: User, model: str) -> None:
    assert business_model(user, PUBLISHED) == model


def test_a_right_to_more_is_a_right_to_less_whatever_the_grants() -> None:
    groups = ("lab-admins", "viewers", "runners", "triers", "elsewhere")
    flags = product([False, True], repeat=len(groups))
    for chosen in flags:
        members = frozenset(group for group, member in zip(groups, chosen, strict=True) if member)
        user = User("somebody", "somebody", members)
        assert may_change(user, PUBLISHED) <= may_run(user, PUBLISHED) <= may_see(user, PUBLISHED)
        assert not any(rule(user, OWN) for rule in (may_see, may_run, may_change))
        if not members & {"lab-admins", "viewers", "runners", "triers"}:
            assert not may_see(user, PUBLISHED)
