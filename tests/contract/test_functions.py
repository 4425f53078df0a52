"""Functions are uploaded, found, looked at, uploaded again and refused, with every generation of the client."""

from typing import Any

import pytest

from tests.contract.methods import methods_of_story
from tests.contract.researcher import Researcher
from tests.running_platform import RunningPlatform

pytestmark = pytest.mark.timeout(600)  # the first run on a machine downloads the client's packages

# What a release sends and shows of a function; 0.18 keeps only where to find it, and no version is sent before 0.30.
KEPT = {
    "0.18.1": {"description": None, "version": None, "entrypoint": None},
    "0.24.0": {"description": "Adds numbers.", "version": None, "entrypoint": "settings.py"},
}
KEPT_TODAY = {"description": "Adds numbers.", "version": "1.2.3", "entrypoint": "settings.py"}

REFUSED = {
    "image": "Custom images are only available if you are a provider.",
    "image of a provider": "nobody is not valid provider.",
    "provider": "Qiskit Function nobody/refused-",
    "version": "Invalid version - expected format x.y.z",
    "dependency": "Error while parsing dependencies.",
    "run": "Qiskit Function nobody-wrote-this-",
}
# 0.18 shows nothing of what a gateway says, 0.24 its first letter; neither sends a version.
WORDLESS = {"0.18.1", "0.24.0"}

# The widget of a notebook cannot draw functions in any of these releases, whatever a gateway answers.
WIDGET = {
    "0.18.1": "'ServerlessClient' object has no attribute 'get_programs'",
    "0.24.0": "'NoneType' object has no attribute 'get'",
    "0.30.1": "'NoneType' object has no attribute 'get'",
}


@pytest.fixture(scope="session")
def told(researcher: Researcher, platform: RunningPlatform) -> dict[str, Any]:
    return researcher.tell("functions", platform)


@pytest.fixture
def seen(told: dict[str, Any]) -> Any:
    return told["seen"]


def test_the_story_calls_every_method(told: dict[str, Any], researcher: Researcher) -> None:
    assert set(told["called"]) >= methods_of_story("functions", researcher.release)


def test_a_function_is_uploaded_found_and_run(seen: Any, researcher: Researcher) -> None:
    [title, provider] = seen["uploaded"]
    assert provider is None
    assert seen["found"] == {"title": title, "provider": None, **KEPT.get(researcher.release, KEPT_TODAY)}
    assert seen["get"]
    assert {name: seen[name] for name in ("listed", "list", "own_only", "of_providers", "from_dict")} == {
        **dict.fromkeys(("listed", "list", "own_only", "from_dict"), 1),
        "of_providers": 0,
    }
    assert seen["result"] == {"colour": "blue", "bond": 0.735, "sum": 3}
    assert seen["from_json"] in {"QUEUED", "INITIALIZING", "RUNNING", "DONE"}
    assert seen.get("widget") == WIDGET.get(researcher.release)


def test_a_second_upload_changes_what_it_says_and_keeps_the_rest(seen: Any, researcher: Researcher) -> None:
    description = KEPT.get(researcher.release, KEPT_TODAY)["description"]
    version = None if researcher.release in WORDLESS else "1.3.0"
    assert seen["updated"] == {
        "described": [description, version],
        "count": 1,
        "result": {"colour": "red", "bond": 0.735, "sum": 7},
    }


def test_what_cannot_be_uploaded_or_run_is_refused_with_words(seen: Any, researcher: Researcher) -> None:
    refused = seen["refused"]
    assert "Entrypoint file [missing.py] does not exist" in refused["entrypoint"]  # the client's own words
    wordless = researcher.release in WORDLESS
    assert wordless or all(words in refused[name] for name, words in REFUSED.items())
    assert (refused["version"] == "it was not refused") == wordless
    assert "it was not refused" not in [refused[name] for name in REFUSED if name != "version"]
    assert refused["uploaded"] == ("1" if wordless else "0")


def test_arguments_are_checked_against_the_schema_of_a_function(seen: Any, researcher: Researcher) -> None:
    if "client.validate_arguments" not in methods_of_story("functions", researcher.release):
        assert "schema" not in seen
        return
    schema = seen["schema"]
    assert schema["shown"]["required"] == ["numbers"]
    assert schema["good"] == [{"valid": True}, {"valid": True}]
    assert "'type' validation failed" in schema["bad"]
    assert "'maxItems' validation failed" in schema["run"]
    assert "arguments_schema cannot be used" in schema["unusable"]
