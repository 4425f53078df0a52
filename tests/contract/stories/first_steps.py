"""A first function: uploaded, run, looked at; one that fails; what is refused."""

from typing import Any

from setup import RELEASE, Setup, refusal


def tell(setup: Setup) -> dict[str, Any]:
    client = setup.connect()
    uploaded = client.upload(setup.function("hello"))
    job = client.function(setup.title("hello")).run(name="Ada")
    first_status = job.status()
    result = job.result(cadence=0.05)
    return {
        "release": RELEASE,
        "uploaded": uploaded.title,
        "first_status": first_status,
        "result": result,
        "status": job.status(),
        "ended": job.in_terminal_state(),
        "logs": job.logs(),
        "asked_by_id": {
            "status": client.status(job.job_id),
            "result": client.result(job.job_id),
            "logs": client.logs(job.job_id),
        },
        "failure": failure(setup),
        "unknown_function": refusal(lambda: client.function("nobody-wrote-this")),
        "unknown_job": refusal(lambda: client.job("5a0b4ad4-7a2b-4a4b-8a52-5b4f1d3a2c11")),
        "wrong_token": refusal(lambda: setup.connect(token="wrong")),
    }


def failure(setup: Setup) -> dict[str, Any]:
    client = setup.connect()
    client.upload(setup.function("broken"))
    job = client.run(setup.title("broken"))
    return {
        "error": refusal(lambda: job.result(cadence=0.05)),
        "message": job.error_message(),
        "status": job.status(),
        "logs": job.logs(),
    }
