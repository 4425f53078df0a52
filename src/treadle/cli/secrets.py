"""``treadle secrets``: what the processes of one platform share."""

from pathlib import Path
from typing import Annotated

import typer

from treadle.cli.installation import require_server
from treadle.cli.output import AsJson, Output


def secrets(
    folder: Annotated[Path, typer.Argument(help="Folder for the files, to be named in TREADLE_SECRETS.")],
    as_json: AsJson = False,
) -> None:
    """Make the secrets that all processes of one platform share, a file each. Files that are there stay.

    They are the platform's key, the owner's token, and the token by which the processes of Ray know each other.
    """
    require_server()

    from treadle.administration import make_secrets

    files = make_secrets(folder)
    Output(as_json).document(
        {"folder": str(folder), "files": [file.name for file in files]},
        f"{folder} has {', '.join(file.name for file in files)}. Keep a copy: without its key a platform cannot be restored.",
    )
