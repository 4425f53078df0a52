"""Jobs are listed in pages and by filters, followed, looked into and stopped, with every generation of the client."""

from typing import Any

import pytest

from tests.contract.methods import methods_of_story
from tests.contract.researcher import Researcher
from tests.running_platform import RunningPlatform

pytestmark = pytest.mark.timeout(600)  # the first run on a machine downloads the client's packages


@pytest.fixture(scope="session")
def told(researcher: Researcher, platform: RunningPlatform) -> dict[str, Any]:
    return researcher.tell("jobs", platform)


@pytest.fixture
def seen(told: dict[str, Any]) -> Any:
    return told["seen"]


def test_the_story_calls_every_method(told: dict[str, Any], researcher: Researcher) -> None:
    assert set(told["called"]) >= methods_of_story("jobs", researcher.release)


def test_jobs_are_listed_newest_first_in_pages_and_by_filters(seen: Any) -> None:
    listings = seen["listings"]
    assert seen["results"] == [0, 1, 2]
    assert (listings.pop("first page"), listings.pop("second page")) == ([2, 1], [0])
    assert listings.pop("by id") == [1, 2]
    assert [listings.pop(name) for name in ("failed", "since tomorrow", "catalog")] == [[], [], []]
    assert [name for name, shown in listings.items() if shown != [2, 1, 0]] == []


def test_a_log_is_filtered_by_words(seen: Any) -> None:
    assert seen["log"] == {
        "whole": "INFO number 0\nWARNING the lattice is small\nINFO mapped\n",
        "info": "INFO number 0\nINFO mapped\n",
        "no info": "WARNING the lattice is small\n",
        "both": "INFO number 0\n",
    }


def test_jobs_are_stopped(seen: Any) -> None:
    said = seen["stopped"]["said"]
    assert [words.startswith("Job has been stopped.") for words in said] == [True, True, True, False]
    assert said[3].startswith("Job already in terminal state.")
    assert seen["stopped"]["statuses"] == ["CANCELED"] * 3
    assert seen["stopped"]["ended"] == [True] * 3


def test_qpu_jobs_of_a_job_are_found_again(seen: Any, researcher: Researcher) -> None:
    if "job.runtime_jobs" not in methods_of_story("jobs", researcher.release):
        assert "qpu" not in seen
        return
    assert seen["qpu"] == {
        "jobs": ["qpu-x-0-0", "qpu-x-0-1"],
        "of a session": ["qpu-x-0-1"],
        "sessions": [["session-0", "session-1"]] * 2,
    }


def test_the_events_of_a_job_tell_its_history_newest_first(seen: Any, researcher: Researcher) -> None:
    if "job.events" not in methods_of_story("jobs", researcher.release):
        assert "events" not in seen
        return
    assert seen["events"]["data"] == [
        {"status": "SUCCEEDED"},
        {"sub_status": "MAPPING"},
        {"status": "RUNNING"},
        {"status": "PENDING"},
        {"status": "QUEUED"},
    ]
    assert (seen["events"]["by id"], seen["events"]["errors"]) == (5, [])
    assert seen["data"] == ["SUCCEEDED", None]
