"""``treadle job``: look at jobs, wait for them, end them."""

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from treadle.cli.groups import command_group
from treadle.cli.output import AsJson, Output, function_name, time_of
from treadle.cli.results import outline

if TYPE_CHECKING:
    from qiskit_serverless import Job

app = command_group("job", "Look at jobs, wait for them, end them.")

JobId = Annotated[str, typer.Argument(help="Id of the job.", metavar="JOB")]


@app.command("list")
def list_jobs(
    function: Annotated[str | None, typer.Option(help="Only jobs of this function.")] = None,
    status: Annotated[str | None, typer.Option(help="Only jobs with this status, e.g. DONE.")] = None,
    limit: Annotated[int, typer.Option(help="At most this many, the newest.", min=1)] = 20,
    everybody: Annotated[
        bool, typer.Option("--everybody", help="Jobs of all users of the function PROVIDER/TITLE; for its provider.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """List your jobs, the newest first."""
    from qiskit_serverless import ServerlessClient

    status = _known(status) if status else None
    client = ServerlessClient()
    wanted = client.function(function) if function else None
    if everybody:
        if wanted is None:
            raise typer.BadParameter("say of which function: --function PROVIDER/TITLE.", param_hint="'--everybody'")
        found = client.provider_jobs(wanted, status=status, limit=limit)
    else:
        found = client.jobs(function=wanted, status=status, limit=limit)
    rows = [_fields(job) for job in found]
    columns = {"job": "JOB", "function": "FUNCTION", "status": "STATUS", "created": "CREATED"}
    Output(as_json).table(rows, columns, empty="No such jobs.")


@app.command()
def status(job: JobId, as_json: AsJson = False) -> None:
    """Show the status of a job."""
    found = _job(job)
    current = found.status()
    Output(as_json).document({"job": found.job_id, "status": current}, current)


@app.command()
def logs(
    job: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until the job ends.")] = False,
    provider: Annotated[
        bool, typer.Option("--provider", help="The lines that are not public; for the provider of the function.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Show what a job has printed: of a provider's function, the public lines."""
    output = Output(as_json)
    found = _job(job)
    if not follow:
        output.log(found.provider_logs() if provider else found.logs())
        return
    for update in found.follow(provider_logs=provider):
        if update.log is not None:
            output.log(update.log)


@app.command()
def result(job: JobId, as_json: AsJson = False) -> None:
    """Show the result of a job; waits until there is one.

    People see an outline of it; --json prints all of it, circuits and arrays in Qiskit's JSON form.
    """
    raw = _job(job).raw_result()
    Output(as_json).document(json.loads(raw), outline(raw))


@app.command()
def cancel(job: JobId, as_json: AsJson = False) -> None:
    """End a job."""
    found = _job(job)
    message = found.cancel()
    Output(as_json).document({"job": found.job_id, "message": message, "status": found.status()}, message)


def _known(status: str) -> str:
    """Return a status as the SDK writes it.

    Raises:
        typer.BadParameter: There is no such status.
    """
    from qiskit_serverless.statuses import SHOWN

    known = {**{each: each for each in SHOWN.values()}, **SHOWN}
    if status.upper() not in known:
        raise typer.BadParameter(
            f"{status!r} is no status of a job. There are: {', '.join(SHOWN.values())}.", param_hint="'--status'"
        )
    return known[status.upper()]


def _job(job_id: str) -> "Job":
    from qiskit_serverless import ServerlessClient

    return ServerlessClient().job(job_id)


def _fields(job: "Job") -> dict[str, Any]:
    from qiskit_serverless.statuses import shown

    raw = job.raw_data
    return {
        "job": job.job_id,
        "function": function_name(raw["program"]["title"], raw["program"].get("provider")),
        "status": shown(raw["status"], raw["sub_status"]),
        "created": time_of(raw["created"]),
    }
