"""``treadle run``: run a function."""

from typing import Annotated

import typer

from treadle.cli.arguments import parse_arguments
from treadle.cli.following import follow_to_result
from treadle.cli.output import AsJson, Output


def run(
    function: Annotated[str, typer.Argument(help="Name of the function.", metavar="FUNCTION")],
    argument: Annotated[
        list[str] | None,
        typer.Option(
            "--argument",
            "-a",
            metavar="KEY=VALUE",
            help="key=value (JSON, else text) or key=@file (.json, .qpy, .npy, else text). May be repeated.",
        ),
    ] = None,
    version: Annotated[
        str | None, typer.Option(help="Number or label of the version to run. Default: the current one.")
    ] = None,
    compute_profile: Annotated[
        str | None, typer.Option(help="What the job may use; `treadle profile list` shows what is offered.")
    ] = None,
    function_size: Annotated[
        str | None, typer.Option(help="The same by the name that the function's author gave it, e.g. L.")
    ] = None,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Show statuses and log until the end, then the result.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Run a function.

    With --follow, ends with 1 if the job does not end in DONE.
    """
    from qiskit_serverless import ServerlessClient

    output = Output(as_json)
    job = ServerlessClient().run(
        function,
        arguments=parse_arguments(argument or []),
        version=version,
        compute_profile=compute_profile,
        function_size=function_size,
    )
    output.document({"job": job.job_id}, job.job_id) if as_json or not follow else output.say(f"Job {job.job_id}")
    if follow:
        follow_to_result(job, output)
