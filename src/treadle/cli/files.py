"""``treadle file``: files for functions and their programs."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.cli.errors import CommandError
from treadle.cli.groups import command_group
from treadle.cli.output import AsJson, Output

if TYPE_CHECKING:
    from qiskit_serverless.data_files import DataFile
    from qiskit_serverless.sync.data import Data

app = command_group("file", "Move files to functions and back; programs find them in the folder DATA_PATH.")

_SHOWN_DIGITS = 12  # of a checksum, for people

Of = Annotated[
    str | None,
    typer.Option(
        "--function",
        "-f",
        help="Files for this function, PROVIDER/TITLE. Your own functions share theirs: leave it out.",
    ),
]
OfProvider = Annotated[
    bool,
    typer.Option("--of-provider", help="The provider's files for the function, FUNCTION_DATA_PATH of its programs."),
]
Progress = Annotated[
    bool | None, typer.Option("--progress/--no-progress", help="Show how far it is. Default: at a terminal.")
]
Name = Annotated[str, typer.Argument(help="Name of the file or folder, e.g. runs/1/out.csv.")]


@app.command("list")
def list_files(
    folder: Annotated[str, typer.Argument(help="Only what lies in this folder.")] = "",
    function: Of = None,
    of_provider: OfProvider = False,
    checksums: Annotated[bool, typer.Option(help="Tell checksums, for which files may have to be read.")] = True,
    as_json: AsJson = False,
) -> None:
    """List files, also those in folders, with size, time and SHA-256."""
    files = _data(function, of_provider).list(folder, checksums=checksums)
    if as_json:
        Output(as_json).document([_fields(file) for file in files], "")
        return
    rows = [{**_fields(file), "sha256": (file.sha256 or "-")[:_SHOWN_DIGITS]} for file in files]
    columns = {"name": "NAME", "size": "BYTES", "modified": "MODIFIED", "sha256": "SHA-256"}
    Output().table(rows, columns, empty="There are no files. Upload one: treadle file upload data.csv")


@app.command()
def upload(
    path: Annotated[Path, typer.Argument(help="A file, or a folder with all that is in it.", exists=True)],
    name: Annotated[str | None, typer.Argument(help="What to call it, e.g. runs/1/in.csv. Default: as here.")] = None,
    function: Of = None,
    of_provider: OfProvider = False,
    progress: Progress = None,
    as_json: AsJson = False,
) -> None:
    """Upload a file or a folder; what has the same names is replaced."""
    files = _data(function, of_provider).upload(path, name, progress=progress)
    text = "\n".join(f"Uploaded {file.name}." for file in files)
    Output(as_json).document([_fields(file) for file in files], text)


@app.command()
def download(
    name: Name,
    target: Annotated[
        Path | None, typer.Argument(help="Where to save it. Default: here, under its own last name.")
    ] = None,
    function: Of = None,
    of_provider: OfProvider = False,
    progress: Progress = None,
    as_json: AsJson = False,
) -> None:
    """Download a file or a folder; goes on where a connection broke, and compares checksums."""
    from qiskit_serverless import QiskitServerlessException

    try:
        saved = _data(function, of_provider).download(name, target, progress=progress)
    except QiskitServerlessException:
        raise
    except OSError as error:
        raise CommandError(f"{error.filename or target or name} cannot be written: {error.strerror}.") from error
    Output(as_json).document({"name": name, "path": str(saved)}, f"Saved {saved}.")


@app.command()
def delete(
    names: Annotated[list[str], typer.Argument(help="Names of files.", metavar="NAME...")],
    function: Of = None,
    of_provider: OfProvider = False,
    as_json: AsJson = False,
) -> None:
    """Delete files."""
    data = _data(function, of_provider)
    for name in names:
        data.delete(name)
        Output(as_json).document({"deleted": name}, f"Deleted {name}.")


def _data(function: str | None, of_provider: bool) -> "Data":
    from qiskit_serverless import ServerlessClient

    client = ServerlessClient()
    if not of_provider:
        return client.data(function)
    if function is None:
        raise typer.BadParameter("Say which function: --function PROVIDER/TITLE.", param_hint="'--of-provider'")
    return client.provider_data(function)


def _fields(file: "DataFile") -> dict[str, Any]:
    return {"name": file.name, "size": file.size, "modified": file.modified, "sha256": file.sha256}
