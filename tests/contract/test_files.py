"""Files of a user go to a program and come back, with every generation of the client."""

import pytest

from tests.contract.methods import methods_of_story
from tests.contract.researcher import Researcher
from tests.running_platform import RunningPlatform

pytestmark = pytest.mark.timeout(600)  # the first run on a machine downloads the client's packages


def test_files_are_sent_listed_read_by_a_program_fetched_and_removed(
    researcher: Researcher, platform: RunningPlatform
) -> None:
    told = researcher.tell("files", platform)
    seen = told["seen"]

    assert set(told["called"]) >= methods_of_story("files", researcher.release)
    assert (seen["listed"], seen["deleted"]) == (1, 0)
    assert seen["read_whole"]
    assert seen["written_by_the_program"] == 1
    assert seen["downloaded"] == "energies follow"
    assert seen["came_back_whole"]
    assert seen["missing"].startswith("404 Client Error")
