"""Help comes at once: nothing heavy is imported for it."""

import subprocess
import sys

import pytest

HEAVY = (
    "numpy",
    "qiskit",
    "qiskit_ibm_runtime",
    "qiskit_serverless",
    "httpx2",
    "rich",
    "fastapi",
    "sqlalchemy",
    "pydantic",
)
SHOW_HELP = """
import sys
from treadle.cli.app import app
try:
    app(sys.argv[1:], prog_name="treadle")
finally:
    print(*sys.modules, file=sys.stderr)
"""


@pytest.mark.parametrize("command", ["", "up", "run", "function upload", "job", "job logs", "doctor", "demo"])
def test_help_imports_nothing_heavy(command: str) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SHOW_HELP, *command.split(), "--help"], capture_output=True, text=True, check=True
    )

    assert done.stdout.startswith(f"Usage: treadle {command}".rstrip())
    imported = {module.partition(".")[0] for module in done.stderr.split()}
    assert "typer" in imported
    assert imported.intersection(HEAVY) == set()


@pytest.mark.parametrize("command", ["", "job", "job list"])
def test_help_has_a_short_name(command: str) -> None:
    told = [
        subprocess.run([sys.executable, "-m", "treadle.cli", *command.split(), option], capture_output=True, check=True)
        for option in ("-h", "--help")
    ]
    assert told[0].stdout == told[1].stdout


def test_the_version_is_that_of_the_distribution() -> None:
    from importlib.metadata import version

    done = subprocess.run(
        [sys.executable, "-m", "treadle.cli", "--version"], capture_output=True, text=True, check=True
    )

    assert done.stdout.strip() == version("treadle")
