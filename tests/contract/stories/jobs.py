"""Jobs: listed in pages and by filters, followed, looked into, stopped."""

from datetime import UTC, datetime
from typing import Any

from setup import Setup, has

from qiskit_serverless import ServerlessClient
from qiskit_serverless.core.function import RunnableQiskitFunction
from qiskit_serverless.core.job import Job


def tell(setup: Setup) -> dict[str, Any]:
    client = setup.connect()
    client.upload(setup.function("stages"))
    client.upload(setup.function("endless"))
    function = client.function(setup.title("stages"))
    before = datetime.now(UTC).isoformat()
    jobs = [function.run(number=number, mark=f"{setup.suffix}-{number}") for number in range(3)]
    results = [job.result(cadence=0.05)["number"] for job in jobs]
    seen = {
        "results": results,
        "listings": listings(client, function, jobs, before),
        "log": log(client, jobs[0]),
        "stopped": stopped(client, setup),
    }
    if has("job.runtime_jobs"):
        seen["qpu"] = qpu(client, jobs[0], setup.suffix)
    if has("job.events"):
        seen["events"] = events(client, jobs[0])
        seen["data"] = [client.get_job_data(jobs[0].job_id)["status"], jobs[0].fleet_id]
    return seen


def listings(
    client: ServerlessClient, function: RunnableQiskitFunction, jobs: list[Job], before: str
) -> dict[str, Any]:
    """Which of the jobs, by their numbers, each way of listing them shows, newest first."""
    numbers = {job.job_id: number for number, job in enumerate(jobs)}
    one = {"function": function} if has("client.provider_logs") else {"function": function.title}

    def shown(listed: list[Job]) -> list[int]:
        return [numbers.get(job.job_id, -1) for job in listed]

    return {
        "newest": shown(client.jobs(limit=3)),
        "of the function": shown(client.jobs(**one)),
        "first page": shown(client.jobs(**one, limit=2)),
        "second page": shown(client.jobs(**one, limit=2, offset=2)),
        "done": shown(client.jobs(**one, status=done())),
        "failed": shown(client.jobs(**one, status=failed())),
        "since": shown(client.jobs(**one, created_after=before)),
        "since tomorrow": shown(client.jobs(**one, created_after="2100-01-01T00:00:00Z")),
        "catalog": shown(client.jobs(**one, filter="catalog")),
        "own": shown(client.jobs(**one, filter="serverless")),
        "get_jobs": shown(client.get_jobs(limit=3)),
        "function.jobs": shown(function.jobs()),
        "function.get_jobs": shown(function.get_jobs()),
        "by id": shown([client.job(jobs[1].job_id), client.get_job_by_id(jobs[2].job_id)]),
    }


def done() -> str:
    """Up to 0.24 a status in a filter is the gateway's."""
    return "DONE" if has("client.provider_logs") else "SUCCEEDED"


def failed() -> str:
    return "ERROR" if has("client.provider_logs") else "FAILED"


def log(client: ServerlessClient, job: Job) -> dict[str, str]:
    return {
        "whole": job.logs(),
        "info": job.filtered_logs(include="INFO"),
        "no info": client.filtered_logs(job.job_id, exclude="INFO"),
        "both": job.filtered_logs(include="INFO", exclude="mapped"),
    }


def stopped(client: ServerlessClient, setup: Setup) -> dict[str, Any]:
    jobs = [client.run(setup.title("endless")) for _ in range(3)]
    said = [jobs[0].cancel(), jobs[1].stop(), client.stop(jobs[2].job_id), jobs[0].cancel()]
    return {
        "said": said,
        "statuses": [job.status() for job in jobs],
        "ended": [job.in_terminal_state() for job in jobs],
    }


def qpu(client: ServerlessClient, job: Job, suffix: str) -> dict[str, Any]:
    """QPU jobs and sessions, without what makes their ids this client's own."""
    return {
        "jobs": [name.replace(suffix, "x") for name in job.runtime_jobs()],
        "of a session": [name.replace(suffix, "x") for name in client.runtime_jobs(job.job_id, "session-1")],
        "sessions": [job.runtime_sessions(), client.runtime_sessions(job.job_id)],
    }


def events(client: ServerlessClient, job: Job) -> dict[str, Any]:
    listed = job.events()
    return {
        "types": [event.event_type for event in listed],
        "data": [event.data for event in listed],
        "by id": len(client.events(job.job_id)),
        "errors": job.events(type="ERROR"),
    }
