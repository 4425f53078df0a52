"""``treadle doctor``: what is wrong with an installation, and what to do."""

from typing import TYPE_CHECKING

import typer

from treadle.cli.errors import CommandError
from treadle.cli.exit_codes import ExitCode
from treadle.cli.output import AsJson, Output
from treadle.cli.up import read_settings

if TYPE_CHECKING:
    from treadle.cli.diagnosis import Finding
    from treadle.settings import Settings


def doctor(as_json: AsJson = False) -> None:
    """Say what is wrong with this installation, and what to do.

    Looks at Python, the installed packages, whether forking is safe, the home folder, the files that settings name,
    and the gateway. Ends with 1 if something does not work.
    """
    from treadle.cli.diagnosis import Level, examine

    output = Output(as_json)
    failed = False
    for finding in examine(_settings()):
        output.document(finding.to_dict(), _line(finding))
        failed = failed or finding.level is Level.FAIL
    if failed:
        raise typer.Exit(ExitCode.FAILED)


def _settings() -> "Settings | None":
    try:
        return read_settings()
    except CommandError:  # a client only; the check of the installation says so
        return None


def _line(finding: "Finding") -> str:
    advice = f"\n        -> {finding.advice}" if finding.advice else ""
    return f"{finding.level:<4}  {finding.check}: {finding.message}{advice}"
