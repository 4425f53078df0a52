"""``treadle function``: upload functions, look at them and at their versions."""

import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.cli.groups import command_group
from treadle.cli.output import AsJson, Output, function_name, time_of

if TYPE_CHECKING:
    from qiskit_serverless import QiskitFunction
    from qiskit_serverless.versions import FunctionVersion

app = command_group("function", "Upload functions, look at them and at their versions.")

_SHOWN_DIGITS = 12  # of a digest: enough to tell versions apart


@app.command()
def upload(
    path: Annotated[Path, typer.Argument(help="A program, or a folder with one.", exists=True, metavar="PATH")],
    title: Annotated[
        str | None, typer.Option(help="Name of the function. Default: the name of the program or folder.")
    ] = None,
    entrypoint: Annotated[
        str | None, typer.Option(help="The program inside the folder. Default: main.py, or the only .py file.")
    ] = None,
    dependency: Annotated[
        list[str] | None,
        typer.Option(
            "--dependency", "-d", metavar="REQUIREMENT", help="A requirement such as pendulum==3.0.0. May be repeated."
        ),
    ] = None,
    env: Annotated[
        list[str] | None,
        typer.Option(
            "--env",
            "-e",
            metavar="NAME=VALUE",
            help="An environment variable NAME=VALUE for its jobs. May be repeated.",
        ),
    ] = None,
    description: Annotated[str | None, typer.Option(help="Text for people.")] = None,
    version: Annotated[str | None, typer.Option(help="Your own version label, e.g. 1.2.0.")] = None,
    arguments_schema: Annotated[
        Path | None, typer.Option(help="File with a JSON Schema of the arguments.", exists=True, dir_okay=False)
    ] = None,
    size: Annotated[
        list[str] | None,
        typer.Option(
            "--size",
            metavar="NAME=PROFILE",
            help="A size that runs may ask for, and the compute profile it means, e.g. L=bx3d-24x120. May be repeated.",
        ),
    ] = None,
    default_size: Annotated[str | None, typer.Option(help="The size of runs that ask for none.")] = None,
    as_json: AsJson = False,
) -> None:
    """Upload a program as a function; under a title you have, as its new version.

    Of a file that file alone is uploaded, of a folder all that is in it.
    """
    from qiskit_serverless import QiskitFunction, ServerlessClient

    with program_folder(path, entrypoint) as (folder, program):
        function = QiskitFunction(
            title=title or path.resolve().stem,
            entrypoint=program,
            working_dir=str(folder),
            dependencies=dependency or [],
            env_vars=_pairs(env or [], "NAME=VALUE", "'--env'"),
            description=description,
            version=version,
            arguments_schema=_schema(arguments_schema),
            sizes_map=_pairs(size, "NAME=PROFILE", "'--size'") if size else None,
            default_size=default_size,
        )
        uploaded = ServerlessClient().upload(function)
    name = function_name(uploaded.title, uploaded.provider)
    Output(as_json).document(_fields(uploaded), f"Uploaded {name}. Run it: treadle run {name}")


@app.command("list")
def list_functions(as_json: AsJson = False) -> None:
    """List your functions."""
    from qiskit_serverless import ServerlessClient

    rows = [_fields(function) for function in ServerlessClient().functions()]
    columns = {"title": "TITLE", "entrypoint": "ENTRYPOINT", "label": "LABEL", "description": "DESCRIPTION"}
    Output(as_json).table(rows, columns, empty="You have no functions. Upload one: treadle function upload program.py")


@app.command()
def show(
    title: Annotated[str, typer.Argument(help="Name of the function.", metavar="FUNCTION")],
    as_json: AsJson = False,
) -> None:
    """Show one of your functions."""
    from qiskit_serverless import ServerlessClient

    Output(as_json).fields(_fields(ServerlessClient().function(title)))


@app.command()
def versions(
    title: Annotated[str, typer.Argument(help="Name of the function.", metavar="FUNCTION")],
    as_json: AsJson = False,
) -> None:
    """List the versions of one of your functions, the newest first."""
    from qiskit_serverless import ServerlessClient

    rows = [_version_fields(version) for version in ServerlessClient().versions(title)]
    columns = {
        "number": "VERSION",
        "label": "LABEL",
        "created": "UPLOADED",
        "author": "BY",
        "current_since": "CURRENT SINCE",
        "digest": "DIGEST",
    }
    shown = rows if as_json else [{**row, "digest": (row["digest"] or "-")[:_SHOWN_DIGITS]} for row in rows]
    Output(as_json).table(shown, columns, empty="")


@app.command()
def rollback(
    title: Annotated[str, typer.Argument(help="Name of the function.", metavar="FUNCTION")],
    version: Annotated[str, typer.Argument(help="Number or label of the version.", metavar="VERSION")],
    as_json: AsJson = False,
) -> None:
    """Let new jobs run an older version again. Jobs that are there keep theirs."""
    from qiskit_serverless import ServerlessClient

    current = ServerlessClient().roll_back(title, version)
    label = f" ({current.label})" if current.label else ""
    Output(as_json).document(_version_fields(current), f"New jobs of {title} run version {current.number}{label}.")


@app.command()
def diff(
    title: Annotated[str, typer.Argument(help="Name of the function.", metavar="FUNCTION")],
    old: Annotated[str, typer.Argument(help="Number or label of the one version.", metavar="OLD")],
    new: Annotated[str, typer.Argument(help="Number or label of the other.", metavar="NEW")] = "current",
    as_json: AsJson = False,
) -> None:
    """Show what is different between two versions: files as a unified diff, and all else that was uploaded."""
    from qiskit_serverless import ServerlessClient

    difference = ServerlessClient().version_difference(title, old, new)
    output = Output(as_json)
    if as_json:
        output.document(asdict(difference), "")
    elif difference:
        output.diff(str(difference))
    else:
        output.say(f"Versions {difference.old} and {difference.new} are the same.")


@app.command()
def environment(
    title: Annotated[str, typer.Argument(help="Name of the function.", metavar="FUNCTION")],
    version: Annotated[str, typer.Option(help="Number or label of the version.")] = "current",
    log: Annotated[bool, typer.Option("--log", help="Print the log of its last build.")] = False,
    build: Annotated[bool, typer.Option("--build", help="Build it again, if its build has failed.")] = False,
    as_json: AsJson = False,
) -> None:
    """Show the Python environment that a function's jobs run in: what is installed, and how its build went."""
    from qiskit_serverless import ServerlessClient

    client = ServerlessClient()
    found = client.build_environment(title, version) if build else client.environment(title, version)
    output = Output(as_json)
    if log:
        output.log(found.log)
    else:
        fields = {name: value for name, value in asdict(found).items() if name != "log"}
        output.fields({**fields, "digest": found.digest or "the platform's own"})


@contextmanager
def program_folder(path: Path, entrypoint: str | None) -> Iterator[tuple[Path, str]]:
    """Yield a folder to upload and the program inside it.

    Args:
        path: A program, which is then alone in the folder, or a folder.
        entrypoint: The program inside `path`, if that is a folder; None for the obvious one.

    Raises:
        typer.BadParameter: It is not clear which file is the program.
    """
    if path.is_dir():
        yield path, entrypoint or _only_program(path)
        return
    if entrypoint is not None:
        raise typer.BadParameter(f"{path} is a file, so it is the program itself.", param_hint="'--entrypoint'")
    with TemporaryDirectory(prefix="treadle-upload-") as folder:
        (Path(folder) / path.name).write_bytes(path.read_bytes())
        yield Path(folder), path.name


def _only_program(folder: Path) -> str:
    if (folder / "main.py").is_file():
        return "main.py"
    programs = sorted(path.name for path in folder.glob("*.py"))
    if len(programs) == 1:
        return programs[0]
    found = f"has {', '.join(programs)}" if programs else "has no .py file"
    raise typer.BadParameter(f"{folder} {found}: say which one is the program.", param_hint="'--entrypoint'")


def _pairs(texts: Sequence[str], form: str, option: str) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, separator, value = text.partition("=")
        if not separator or not name:
            raise typer.BadParameter(f"{text!r} is not of the form {form}.", param_hint=option)
        pairs[name] = value
    return pairs


def _schema(path: Path | None) -> dict[str, Any] | bool | None:
    if path is None:
        return None
    try:
        schema = json.loads(path.read_bytes())
    except ValueError as error:
        raise typer.BadParameter(f"{path} is not JSON: {error}.", param_hint="'--arguments-schema'") from error
    if not isinstance(schema, dict | bool):
        raise typer.BadParameter(f"{path} holds no JSON Schema, which is an object.", param_hint="'--arguments-schema'")
    return schema


def _fields(function: "QiskitFunction") -> dict[str, Any]:
    """Return what is shown of a function; the values of its environment variables stay out of sight."""
    return {
        "title": function_name(function.title, function.provider),
        "entrypoint": function.entrypoint,
        "label": function.version,
        "description": function.description,
        "dependencies": function.dependencies,
        "arguments_schema": function.arguments_schema,
        "sizes": function.sizes_map,
        "default_size": function.default_size,
    }


def _version_fields(version: "FunctionVersion") -> dict[str, Any]:
    told = {field.name: getattr(version, field.name) for field in fields(version) if field.name != "raw_data"}
    return {**told, "created": time_of(version.created), "current_since": time_of(version.current_since)}
