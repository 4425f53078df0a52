"""Versions of a function from a terminal and from a script."""

import json

import pytest

from tests.running_platform import RunningPlatform
from tests.unit.cli.command import treadle

PROGRAM = "from qiskit_serverless import save_result\nsave_result({answer!r})\n"


@pytest.fixture(scope="module")
def versioned(platform: RunningPlatform, tmp_path_factory: pytest.TempPathFactory) -> RunningPlatform:
    """A platform that has two versions of the function cli-versions."""
    program = tmp_path_factory.mktemp("versions") / "cli-versions.py"
    for label, answer in (("1.0", "old"), ("1.1", "new")):
        program.write_text(PROGRAM.format(answer=answer))
        done = treadle(platform, "function", "upload", program, "--version", label)
        assert done.returncode == 0, done.stderr
    return platform


def test_versions_are_listed_for_people_and_for_programs(versioned: RunningPlatform) -> None:
    heading, second, first = treadle(versioned, "function", "versions", "cli-versions").stdout.splitlines()
    listed = json.loads(treadle(versioned, "function", "versions", "cli-versions", "--json").stdout)

    assert heading.startswith("VERSION  LABEL  UPLOADED")
    assert second.split()[:2] == ["2", "1.1"]
    assert first.split()[:2] == ["1", "1.0"]
    assert [(each["number"], each["label"], each["current"]) for each in listed] == [
        (2, "1.1", True),
        (1, "1.0", False),
    ]
    assert second.split()[-1] == listed[0]["digest"][:12]


def test_a_diff_shows_the_changed_lines_and_fields(versioned: RunningPlatform) -> None:
    shown = treadle(versioned, "function", "diff", "cli-versions", "1").stdout
    document = json.loads(treadle(versioned, "function", "diff", "cli-versions", "1.0", "2", "--json").stdout)
    same = treadle(versioned, "function", "diff", "cli-versions", "2", "1.1")

    assert shown.startswith("label: '1.0' -> '1.1'\n--- a/cli-versions.py\n+++ b/cli-versions.py\n")
    assert "-save_result('old')\n+save_result('new')\n" in shown
    assert (document["old"], document["new"], document["changed"]) == (1, 2, ["cli-versions.py"])
    assert (same.stdout, same.stderr) == ("", "Versions 2 and 2 are the same.\n")


def test_an_older_version_is_run_and_rolled_back_to(versioned: RunningPlatform) -> None:
    at_first = treadle(versioned, "run", "cli-versions", "--version", "1", "--follow")
    said = treadle(versioned, "function", "rollback", "cli-versions", "1.0")
    afterwards = treadle(versioned, "run", "cli-versions", "--follow")
    treadle(versioned, "function", "rollback", "cli-versions", "2")

    assert "old" in at_first.stdout
    assert said.stdout == "New jobs of cli-versions run version 1 (1.0).\n"
    assert "old" in afterwards.stdout


def test_a_version_that_does_not_exist_is_told_in_a_line(versioned: RunningPlatform) -> None:
    done = treadle(versioned, "function", "rollback", "cli-versions", "9")

    assert done.returncode != 0
    assert "has no version 9" in done.stderr
    assert "Traceback" not in done.stderr
