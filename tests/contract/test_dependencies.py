"""What an operator allows to be installed is seen by the clients that can look it up."""

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.contract.methods import SINCE_30, methods_of_story
from tests.contract.researcher import Researcher
from tests.running_platform import RunningPlatform

pytestmark = pytest.mark.timeout(600)  # the first run on a machine downloads the client's packages


@pytest.mark.parametrize("researcher", SINCE_30, indirect=True)
def test_the_allowed_packages_are_listed_and_others_refused(
    researcher: Researcher, make_platform: Callable[..., RunningPlatform], tmp_path: Path
) -> None:
    allowed = tmp_path / "allowed.txt"
    allowed.write_text("pendulum==3.1.0\nffsim>=0.0.50\n")

    told = researcher.tell("dependencies", make_platform(TREADLE_ALLOWED_PACKAGES=str(allowed)))

    assert set(told["called"]) >= methods_of_story("dependencies", researcher.release)
    assert told["seen"]["allowed"] == ["pendulum==3.1.0", "ffsim>=0.0.50"]
    assert "Dependency `leftpad` is not allowed." in told["seen"]["others"]
