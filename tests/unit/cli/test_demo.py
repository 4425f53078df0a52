"""``treadle demo`` runs from a clone and from a wheel, and leaves nothing behind."""

import os
import re
import signal
import subprocess
import sys
import zipfile
from pathlib import Path

import psutil
import pytest
import uv

from tests.running_platform import clean_environment
from tests.unit.cli.command import COMMAND
from treadle.cli.demo import PROGRAM

PROJECT = Path(__file__).parents[3]
EXAMPLE = PROJECT / "examples" / "transpile_remote" / "transpile_remote.py"


@pytest.fixture
def temporary(tmp_path: Path) -> dict[str, str]:
    """An environment whose temporary files are put into a folder of the test's own."""
    folder = tmp_path / "t"
    folder.mkdir()
    return {**clean_environment(), "TMPDIR": str(folder), "HOME": str(tmp_path)}


def left_over(environment: dict[str, str]) -> list[str]:
    """Return the files and processes that are left of a demonstration."""
    folder = environment["TMPDIR"]
    files = os.listdir(folder)  # noqa: PTH208  (names, for the message)
    processes = [
        process.info["name"] for process in psutil.process_iter(["name", "cmdline"]) if folder in str(process.info)
    ]
    return files + processes


def test_it_shows_statuses_log_and_result_and_ends_well(temporary: dict[str, str]) -> None:
    done = subprocess.run(
        [*COMMAND, "demo", "--circuits", "3", "--qubits", "5"],
        env=temporary, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    statuses = [line for line in done.stderr.splitlines() if line.isupper() or line.startswith("RUNNING")]
    assert statuses == ["QUEUED", "INITIALIZING", "RUNNING", "RUNNING: OPTIMIZING_FOR_HARDWARE", "DONE"]
    assert "3 circuits for fake_sherbrooke at optimization level 1\n" in done.stdout
    assert "3 of 3 are ready\n" in done.stdout
    rows = re.findall(r"^ *(\d+) +(\d+) +(\d+) +(\d+) +(\d+) *$", done.stdout, re.MULTILINE)
    assert [int(row[0]) for row in rows] == [0, 1, 2]
    assert done.stderr.splitlines()[-1].startswith("All is well")
    assert left_over(temporary) == []


def test_ctrl_c_ends_the_job_and_the_platform(temporary: dict[str, str]) -> None:
    with subprocess.Popen(
        [*COMMAND, "demo"],
        env=temporary, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        assert any(line.startswith("30 circuits") for line in process.stdout)  # the program runs
        process.send_signal(signal.SIGINT)
        told = process.stderr.read()

    assert process.returncode == 130
    assert "Traceback" not in told
    assert left_over(temporary) == []


def test_the_program_is_that_of_the_examples() -> None:
    assert PROGRAM.resolve() == EXAMPLE


def test_a_wheel_brings_the_program_and_everything_else_it_needs(tmp_path: Path) -> None:
    build = [uv.find_uv_bin(), "build", "--quiet", "--wheel", "--offline", "--python", sys.executable]
    subprocess.run([*build, "--out-dir", tmp_path, PROJECT], check=True)

    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("treadle/cli/example/transpile_remote.py") == EXAMPLE.read_bytes()
        names = set(archive.namelist())
    sources = [
        *(PROJECT / "src").rglob("*.py"),
        *(PROJECT / "src").rglob("py.typed"),
        *(PROJECT / "src").rglob("*.mako"),
    ]
    assert {str(path.relative_to(PROJECT / "src")) for path in sources} <= names
