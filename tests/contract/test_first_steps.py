"""The clients people have from PyPI work against our gateway, unchanged: the first things one does."""

import pytest

from tests.contract.environments import CLIENT_VERSIONS
from tests.contract.methods import IBM_ONLY, methods_of, methods_of_story
from tests.contract.researcher import Researcher
from tests.running_platform import RunningPlatform

# Longer than the others may take: the first run on a machine downloads the client's packages.
pytestmark = pytest.mark.timeout(600)


def test_every_generation_of_the_client_is_tried() -> None:
    assert CLIENT_VERSIONS == ("0.18.1", "0.24.0", "0.30.1", "0.35.1", "0.37.0")


def test_every_method_of_every_release_is_in_a_story(researcher: Researcher, platform: RunningPlatform) -> None:
    seen = researcher.tell("inventory", platform)["seen"]

    assert seen["release"] == researcher.release
    assert set(seen["methods"]) - IBM_ONLY == methods_of(researcher.release)


def test_upload_run_status_logs_result_and_refusals(researcher: Researcher, platform: RunningPlatform) -> None:
    for channel in researcher.channels:
        told = researcher.tell("first_steps", platform, channel)
        seen = told["seen"]

        assert set(told["called"]) >= methods_of_story("first_steps", researcher.release)
        assert seen["uploaded"].startswith("hello-")
        assert seen["first_status"] in {"QUEUED", "INITIALIZING", "RUNNING", "DONE"}
        assert seen["result"] == {"greeting": "Hello, Ada!", "length": 3}
        assert (seen["status"], seen["ended"]) == ("DONE", True)
        assert seen["logs"] == "Hello, Ada!\n"
        assert seen["asked_by_id"] == {"status": "SUCCEEDED", "result": seen["result"], "logs": seen["logs"]}
        assert seen["failure"]["status"] == "ERROR"
        assert "no such molecule: unobtainium" in seen["failure"]["error"]
        assert "no such molecule: unobtainium" in seen["failure"]["message"]
        assert "\n|   - hint: " in seen["failure"]["message"] or researcher.release in KNOWS_NO_EVENTS
        assert "before the fall" in seen["failure"]["logs"]
        for refusal, words in REFUSALS.items():
            assert "Code: 404" in seen[refusal]
            assert words in seen[refusal] or researcher.release in WORDLESS
        assert WRONG_TOKEN[researcher.release] in seen["wrong_token"]


KNOWS_NO_EVENTS = {"0.18.1", "0.24.0", "0.30.1"}
REFUSALS = {
    "unknown_function": "Qiskit Function nobody-wrote-this doesn't exist.",
    "unknown_job": "Job [5a0b4ad4-7a2b-4a4b-8a52-5b4f1d3a2c11] not found",
}
# Of what a gateway says, 0.18 shows nothing and 0.24 the first letter.
WORDLESS = {"0.18.1", "0.24.0"}
WRONG_TOKEN = {
    "0.18.1": "Cannot verify token.",
    "0.24.0": "Credentials couldn't be verified.",
    "0.30.1": "Credentials couldn't be verified.",
    "0.35.1": "Code: 401",
    "0.37.0": "Code: 401",
}
