"""The command ``treadle``.

Nothing heavy is imported until a command needs it: help must come at once.
"""

import sys
from typing import Annotated

import typer

from treadle.cli import files, functions, jobs, profiles, providers, sharing, user_groups, users
from treadle.cli.demo import demo
from treadle.cli.doctor import doctor
from treadle.cli.down import down
from treadle.cli.errors import expected_errors, explain
from treadle.cli.groups import Help, command_group
from treadle.cli.output import Output
from treadle.cli.run import run
from treadle.cli.secrets import secrets
from treadle.cli.up import up

app = command_group("treadle", "Run Qiskit programs: upload a function, run it, watch it, get the result.")


def _show_version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(version("treadle"))
        raise typer.Exit


@app.callback(epilog="Clients find the platform by TREADLE_HOST and TREADLE_TOKEN, else in TREADLE_HOME (~/.treadle).")
def options(
    _: Help = False,
    version: Annotated[
        bool, typer.Option("--version", help="Show the version and exit.", is_eager=True, callback=_show_version)
    ] = False,
) -> None:
    """Take the options of the command itself."""


app.command()(up)
app.command()(down)
app.command()(demo)
app.add_typer(functions.app)
sharing.add_to(functions.app)
app.command()(run)
app.add_typer(jobs.app)
app.add_typer(files.app)
app.add_typer(profiles.app)
app.add_typer(users.app)
app.add_typer(user_groups.app)
app.add_typer(providers.app)
app.command()(secrets)
app.command()(doctor)


def main() -> None:
    """Run the command that the arguments of this process name, and end the process."""
    try:
        app(prog_name="treadle")
    except SystemExit:  # the usual end; named here so that the next line, which imports, is not looked at
        raise
    except expected_errors() as error:
        explanation = explain(error)
        Output().error(explanation.message, explanation.hint)
        sys.exit(explanation.exit_code)
