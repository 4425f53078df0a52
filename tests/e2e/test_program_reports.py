"""What programs, and the SDKs of today inside them, report on their own job over the contract's routes."""

import json
from typing import Any

import httpx2
import pytest

from tests.e2e.conftest import UNKNOWN, Upload, message, statuses_of

ENDED = "pass"
ASKS_THE_GATEWAY = """
    import os
    import httpx2
    from qiskit_serverless import get_arguments, save_result

    url = os.environ["ENV_JOB_GATEWAY_HOST"]
    job_id = os.environ["ENV_JOB_ID_GATEWAY"]
    headers = {"Authorization": "Bearer " + os.environ["ENV_JOB_GATEWAY_TOKEN"]}
    answers = []
    for method, path, fields in get_arguments()["requests"]:
        path = "/api/v1/" + path.replace("{job}", job_id)
        answer = httpx2.request(method, url + path, headers=headers, json=fields, timeout=20)
        answers.append([answer.status_code, answer.text])
    save_result(answers)
"""
ERROR = {"type": "error", "exception": "Overload", "code": 42, "message": "too hot", "args": {"kelvin": [1.5]}}


def ask_from_a_program(
    upload: Upload, title: str, *requests: tuple[str, str, Any]
) -> tuple[Any, list[tuple[int, Any]]]:
    """Run a program that sends these requests with its own token; return its job, and status and content of each answer."""
    job = upload(title, ASKS_THE_GATEWAY).run(requests=[list(each) for each in requests])
    return job, [(status, json.loads(text) if text else None) for status, text in job.result()]


def waiting_job(upload: Upload, title: str) -> Any:
    return upload(title, "import time\ntime.sleep(60)").run()


def test_a_program_reports_its_stage_its_errors_and_its_quantum_jobs(http: httpx2.Client, upload: Upload) -> None:
    job, answers = ask_from_a_program(
        upload,
        "reports",
        ("PATCH", "jobs/{job}/sub_status/", {"sub_status": "MAPPING"}),
        ("PATCH", "jobs/{job}/sub_status/", {"sub_status": "MAPPING"}),
        ("POST", "jobs/{job}/event/", ERROR),
        ("POST", "jobs/{job}/runtime_jobs/", {"runtime_job": "q1", "runtime_session": "s1"}),
        ("POST", "jobs/{job}/runtime_jobs/", {"runtime_job": "q2", "runtime_session": ""}),
        ("POST", "jobs/{job}/runtime_jobs/", {"runtime_job": "q1", "runtime_session": "s2"}),
        ("GET", "jobs/{job}/runtime_jobs/", None),
        ("GET", "jobs/{job}/?with_result=false", None),
    )
    staged, again, event, first, second, repeated, listed, own = answers
    assert staged == again
    assert " ".join(staged[1]["job"]) == "id status program created sub_status"
    assert staged[1]["job"]["sub_status"] == "MAPPING"
    assert event == (200, None)
    assert first[1] == {"message": f"RuntimeJob object [q1] created for serverless job id [{job.job_id}]."}
    assert (second[0], repeated[0]) == (200, 200)
    quantum_jobs = [{"runtime_job": "q1", "runtime_session": "s2"}, {"runtime_job": "q2", "runtime_session": None}]
    assert listed[1] == {"runtime_jobs": quantum_jobs}
    assert own[1]["id"] == job.job_id
    assert statuses_of(job) == ["QUEUED", "PENDING", "RUNNING", "MAPPING", "SUCCEEDED"]
    [error] = http.get(f"/api/v1/jobs/{job.job_id}/events/?type=ERROR").json()
    assert (error["origin"], error["context"]) == ("API", "SEND_ERROR")
    assert error["data"] == {"code": "42", "message": "too hot", "exception": "Overload", "args": {"kelvin": [1.5]}}
    assert http.get(f"/api/v1/jobs/{job.job_id}/runtime_jobs").json() == {"runtime_jobs": quantum_jobs}


def test_the_token_of_a_job_opens_nothing_else(http: httpx2.Client, upload: Upload) -> None:
    other = upload("other_job", ENDED).run()
    other.result()
    _, answers = ask_from_a_program(
        upload,
        "curious",
        ("PATCH", f"jobs/{other.job_id}/sub_status/", {"sub_status": "MAPPING"}),
        ("POST", f"jobs/{other.job_id}/event/", ERROR),
        ("GET", f"jobs/{other.job_id}/", None),
        ("GET", "jobs/", None),
        ("GET", "programs/", None),
        ("GET", "jobs/{job}/logs/", None),
        ("GET", "jobs/{job}/result/", None),
        ("POST", "jobs/{job}/result/", {"result": "1"}),
        ("POST", "jobs/{job}/stop/", {}),
        ("POST", "programs/run/", {"title": "curious", "arguments": "{}"}),
    )
    assert [status for status, _ in answers] == [404] * 3 + [401] * 7
    assert answers[0][1] == {"message": f"Job [{other.job_id}] not found"}


def test_a_form_sets_the_stage_too_and_only_while_the_job_is_active(http: httpx2.Client, upload: Upload) -> None:
    job = waiting_job(upload, "staged")
    path = f"/api/v1/jobs/{job.job_id}/sub_status"
    answer = http.patch(path, data={"sub_status": "WAITING_QPU"})
    assert (answer.status_code, answer.json()["job"]["sub_status"]) == (200, "WAITING_QPU")
    http.post(f"/api/v1/jobs/{job.job_id}/stop/")
    assert message(http.patch(path, data={"sub_status": "MAPPING"}), 403) == (
        "Cannot update 'sub_status' when is not in active status. (Currently STOPPED)"
    )
    assert message(http.post(f"/api/v1/jobs/{job.job_id}/event/", json=ERROR), 403) == (
        "You can create events on active jobs only"
    )


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({}, "'sub_status' not provided or is not valid"),
        ({"sub_status": "RUNNING"}, "'sub_status' not provided or is not valid"),
        ({"sub_status": ["MAPPING"]}, "'sub_status' not provided or is not valid"),
        ({"sub_status": None}, "'sub_status' cannot be null"),
    ],
)
def test_the_words_for_a_stage_that_makes_no_sense(http: httpx2.Client, body: Any, words: str) -> None:
    assert message(http.patch(f"/api/v1/jobs/{UNKNOWN}/sub_status/", json=body)) == words


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"type": "WARNING"}, "Type is not valid. Valid types: ['ERROR']"),
        ({"type": None}, "This field may not be null."),
        ({"code": " "}, "This field may not be blank."),
        ({"message": {}}, "Not a valid string."),
        ({"code": True}, "Not a valid string."),
        ({"args": "x" * 2**20}, "The event is longer than 1048576 characters; shorten its message or its args."),
    ],
)
def test_the_words_for_an_event_that_makes_no_sense(http: httpx2.Client, changes: Any, words: str) -> None:
    assert message(http.post(f"/api/v1/jobs/{UNKNOWN}/event/", json={**ERROR, **changes})) == words
    for name in ("type", "exception", "code", "message"):
        rest = {key: value for key, value in ERROR.items() if key != name}
        assert message(http.post(f"/api/v1/jobs/{UNKNOWN}/event/", json=rest)) == "This field is required."


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PATCH", "sub_status", {"sub_status": "MAPPING"}),
        ("POST", "event", ERROR),
        ("GET", "runtime_jobs", None),
        ("POST", "runtime_jobs", {"runtime_job": "q"}),
        ("POST", "result", {"result": "1"}),
    ],
)
def test_a_job_that_is_not_yours_takes_no_reports(http: httpx2.Client, method: str, path: str, body: Any) -> None:
    answer = http.request(method, f"/api/v1/jobs/{UNKNOWN}/{path}/", json=body)
    assert message(answer, 404) == f"Job [{UNKNOWN}] not found"


def test_the_author_can_replace_the_result(http: httpx2.Client, upload: Upload) -> None:
    job = upload("replaced", "from qiskit_serverless import save_result\nsave_result(1)").run()
    job.result()
    path = f"/api/v1/jobs/{job.job_id}/result/"
    answer = http.post(path, json={"result": '{"better": true}'}).json()
    assert " ".join(answer) == "id result status program created sub_status"
    assert answer["result"] == http.get(path).json()["result"] == '{"better": true}'
    assert message(http.post(path, json={"result": "{"})).startswith("result is not valid JSON: ")
    assert message(http.post(path, json={"result": 1})) == "Not a valid string."
