"""Stopping a job together with what it has started on quantum computers."""

import json
from typing import Any

import httpx2

from tests.e2e.conftest import Upload, message

NOBODY = "https://127.0.0.1:9"  # where nothing listens
SERVICE = json.dumps(
    {
        "__type__": "QiskitRuntimeService",
        "__value__": {"channel": "ibm_cloud", "token": "t", "instance": "i", "url": NOBODY},
    }
)


def ended_job(upload: Upload, title: str) -> Any:
    job = upload(title, "pass").run()
    job.result()
    return job


def test_a_job_without_quantum_jobs_has_nothing_to_cancel(http: httpx2.Client, upload: Upload) -> None:
    path = f"/api/v1/jobs/{ended_job(upload, 'plain_stop').job_id}/stop/"
    words = "Job already in terminal state. No active runtime job ID associated with this serverless job ID."
    assert http.post(path, json={"service": SERVICE}).json() == {"message": words}
    assert http.post(path, data={"service": SERVICE}).json() == {"message": words}


def test_quantum_jobs_that_cannot_be_canceled_are_told_one_by_one(http: httpx2.Client, upload: Upload) -> None:
    job = ended_job(upload, "quantum_stop")
    for fields in ({"runtime_job": "q1"}, {"runtime_job": "q2", "runtime_session": "s2"}):
        http.post(f"/api/v1/jobs/{job.job_id}/runtime_jobs/", json=fields)
    said = http.post(f"/api/v1/jobs/{job.job_id}/stop/", json={"service": SERVICE}, timeout=40).json()["message"]
    assert said.startswith("Job already in terminal state. Runtime job [q1] could not be canceled: ")
    assert "could not be canceled: " in said.partition("q2")[2] + said.partition("s2")[2]


def test_a_service_that_makes_no_sense_stops_nothing(http: httpx2.Client, upload: Upload) -> None:
    job = upload("still_there", "import time\ntime.sleep(60)").run()
    path = f"/api/v1/jobs/{job.job_id}/stop/"
    assert message(http.post(path, json={"service": "{"})).startswith("'service' is not valid JSON: ")
    assert http.get(f"/api/v1/jobs/{job.job_id}/").json()["status"] not in ("STOPPING", "STOPPED")
    assert http.post(path, json={"service": "null"}).json()["message"] == (
        "Job has been stopped. QiskitRuntimeService not found, cannot stop runtime jobs."
    )
