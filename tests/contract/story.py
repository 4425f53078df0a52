"""What a person does with the client from PyPI. Runs in that client's environment: it sees nothing of this project.

Usage: story.py '{"client": {"host": ..., "token": ..., ...}, "working_dir": ..., "title": ...}'
Prints one JSON object with what the client showed.
"""

import json
import sys
from collections.abc import Callable
from importlib.metadata import version

from qiskit_serverless import QiskitFunction, QiskitServerlessException, ServerlessClient


def main(setup: dict) -> dict:
    client = ServerlessClient(**setup["client"])
    uploaded = client.upload(
        QiskitFunction(title=setup["title"], entrypoint="hello.py", working_dir=setup["working_dir"])
    )
    job = client.function(setup["title"]).run(name="Ada")
    first_status = job.status()
    result = job.result(cadence=0.05)
    return {
        "client": version("qiskit-serverless"),
        "uploaded": uploaded.title,
        "listed": [function.title for function in client.functions()],
        "first_status": first_status,
        "result": result,
        "status": job.status(),
        "logs": job.logs(),
        "found_again": client.job(job.job_id).job_id == job.job_id,
        "jobs_of_function": [job.job_id for job in client.jobs(function=uploaded)] == [job.job_id],
        "done_jobs": job.job_id in [job.job_id for job in client.jobs(status="DONE", limit=50)],
        "failure": failure(client, setup),
        "unknown_function": refusal(lambda: client.function("nobody-wrote-this")),
        "wrong_token": refusal(lambda: ServerlessClient(**{**setup["client"], "token": "wrong"})),
    }


def failure(client: ServerlessClient, setup: dict) -> dict:
    title = setup["title"] + "-broken"
    client.upload(QiskitFunction(title=title, entrypoint="broken.py", working_dir=setup["working_dir"]))
    job = client.run(title)
    return {"error": refusal(lambda: job.result(cadence=0.05)), "status": job.status(), "logs": job.logs()}


def refusal(call: Callable[[], object]) -> str:
    try:
        call()
    except QiskitServerlessException as error:
        return str(error)
    return "it was not refused"


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
