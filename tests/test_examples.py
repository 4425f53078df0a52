"""Every example runs as its page says."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.running_platform import RunningPlatform

EXAMPLES = Path(__file__).parents[1] / "examples"
DRIVERS = sorted(EXAMPLES.glob("*/run.py"))


def run(driver: Path, platform: RunningPlatform) -> str:
    done = subprocess.run(
        [sys.executable, driver], env=platform.environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_every_example_has_a_page_and_a_test() -> None:
    assert [driver.parent.name for driver in DRIVERS] == ["transpile_remote"]
    assert all((driver.parent / "README.md").is_file() for driver in DRIVERS)


@pytest.mark.parametrize("driver", [EXAMPLES / "transpile_remote" / "run.py"], ids=["transpile_remote"])
def test_transpile_remote_brings_back_every_circuit(driver: Path, platform: RunningPlatform) -> None:
    shown = run(driver, platform)

    assert "\nDONE\n" in shown
    assert "30 of 30 are ready\n" in shown
    assert len(re.findall(r"^depth +10 -> +\d+, +\d+ two-qubit gates$", shown, re.MULTILINE)) == 30
