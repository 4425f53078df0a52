"""``treadle down``: the end of a platform that runs in the background, or anywhere else on this machine."""

import os
import signal
from pathlib import Path
from typing import Annotated

import typer

from treadle.cli.errors import CommandError
from treadle.cli.exit_codes import ExitCode
from treadle.cli.output import Output


def down(
    home: Annotated[
        Path | None,
        typer.Option(help="Home folder of the platform. Default: $TREADLE_HOME, then ~/.treadle."),
    ] = None,
) -> None:
    """Stop the platform that runs on the home folder.

    Jobs that run go on; the next start picks them up.
    """
    from qiskit_serverless.platform import home_folder
    from treadle.home_folder import announced_gateway, wait_until_free

    folder = (home or home_folder()).expanduser().absolute()
    running = announced_gateway(folder)
    if running is None:
        raise CommandError(f"No platform runs on {folder}.", exit_code=ExitCode.UNREACHABLE)
    url, pid = running
    os.kill(pid, signal.SIGTERM)
    wait_until_free(folder)
    Output().say(f"Stopped the platform at {url}.")
