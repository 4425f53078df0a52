"""Programs written for any generation of the client run as they are, with our SDK in place of theirs."""

import pytest

from tests.contract.researcher import Researcher
from tests.running_platform import RunningPlatform

pytestmark = pytest.mark.timeout(600)  # the first run on a machine downloads the client's packages

ENERGIES = [1.5, 1.7, 2.0]
RESULTS = {"0.18.1": {"energies": ENERGIES}, "0.24.0": {"energies": ENERGIES}}
RESULT_TODAY = {"energies": ENERGIES, "mostly_agreeing": True, "trial": False}


def test_a_program_of_its_time_runs(researcher: Researcher, platform: RunningPlatform) -> None:
    seen = researcher.tell("programs", platform)["seen"]

    assert seen["status"] == "DONE"
    assert seen["result"] == RESULTS.get(researcher.release, RESULT_TODAY)
    assert "lowest energy: 1.5\n" in seen["log"]
    # 0.37 has no decorators any more.
    assert seen.get("sent away") == (None if researcher.release == "0.37.0" else {"double": 42})


@pytest.mark.parametrize("researcher", ["0.37.0"], indirect=True)
def test_a_program_has_our_sdk_even_where_the_official_one_is_installed(
    researcher: Researcher, platform: RunningPlatform
) -> None:
    seen = researcher.tell("official_sdk", platform)["seen"]

    assert seen == {"official": researcher.release, "is_official": False, "ours": True}
