"""What a program tells the gateway about its own job, and what it learns of it."""

import logging
from typing import Any

import pytest

from qiskit_serverless import (
    ServerlessError,
    get_compute_profile,
    get_function_size,
    is_trial,
    send_error,
)
from qiskit_serverless.own_job import associate_runtime_job_with_serverless_job
from tests.unit.sdk.scripted_gateway import Answer, ScriptedGateway, refused_url

JOB = "/api/v1/jobs/j-1/"


@pytest.fixture
def in_job(gateway: ScriptedGateway, monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    variables = {
        "ENV_JOB_GATEWAY_HOST": gateway.url,
        "ENV_JOB_GATEWAY_TOKEN": "job-t0ken",
        "ENV_JOB_ID_GATEWAY": "j-1",
        "ENV_JOB_GATEWAY_INSTANCE": "crn",
        "QISKIT_IBM_CHANNEL": "ibm_cloud",
    }
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    return monkeypatch


@pytest.mark.usefixtures("in_job")
def test_an_error_is_put_into_the_history(gateway: ScriptedGateway) -> None:
    gateway.answer("POST", f"{JOB}event/", Answer(b""))
    assert send_error(1210, "no such backend", "BackendError", {"backend": "x"}) is True
    assert send_error("c", "m", "E") is True
    first, second = gateway.requests
    assert first.json == {
        "type": "ERROR",
        "code": 1210,
        "message": "no such backend",
        "exception": "BackendError",
        "args": {"backend": "x"},
    }
    assert "args" not in second.json
    assert first.headers["authorization"] == "Bearer job-t0ken"
    assert (first.headers["service-crn"], first.headers["service-channel"]) == ("crn", "ibm_cloud")


@pytest.mark.usefixtures("in_job")
def test_what_the_gateway_does_not_take_is_logged(gateway: ScriptedGateway, caplog: pytest.LogCaptureFixture) -> None:
    gateway.answer("POST", f"{JOB}event/", Answer({"message": "You can create events on active jobs only"}, 403))
    assert send_error("c", "what happened", "E", ["x"]) is False
    assert "active jobs only" in caplog.messages[0]
    assert caplog.messages[1] == "Error c: what happened ['x']"


@pytest.mark.usefixtures("in_job")
@pytest.mark.parametrize(
    "args",
    [float("nan"), {"energy": [float("inf")]}, object(), {1j: 2}, {"a": {1, 2}}],
    ids=lambda args: str(args)[:12],
)
def test_what_json_cannot_carry_ends_no_program_either(
    gateway: ScriptedGateway, caplog: pytest.LogCaptureFixture, args: Any
) -> None:
    assert send_error("c", "what happened", "E", args) is False
    assert not gateway.requests
    assert "JSON cannot carry it" in caplog.messages[0]
    assert caplog.messages[1] == f"Error c: what happened {args}"


def test_a_gateway_that_is_away_ends_no_program(in_job: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    in_job.setenv("ENV_JOB_GATEWAY_HOST", refused_url())
    in_job.setattr("qiskit_serverless.connections.Patience.pauses", lambda _: iter(()))
    assert associate_runtime_job_with_serverless_job("c1") is False
    assert "does not answer" in caplog.text


def test_a_script_logs_its_errors(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert send_error("c", "m", "E") is False
    assert caplog.messages == ["The gateway was not told (event): this program is not a job.", "Error c: m "]


@pytest.mark.usefixtures("in_job")
def test_a_qpu_job_is_recorded(gateway: ScriptedGateway) -> None:
    gateway.answer("POST", f"{JOB}runtime_jobs/", {"message": "ok"})
    assert associate_runtime_job_with_serverless_job("c1", "s1") is True
    assert gateway.requests[0].json == {"runtime_job": "c1", "runtime_session": "s1"}


def test_a_program_learns_its_terms(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (is_trial(), get_function_size(), get_compute_profile()) == (False, "", "")
    monkeypatch.setenv("ENV_ACCESS_TRIAL", "True")
    monkeypatch.setenv("ENV_JOB_FUNCTION_SIZE", "s")
    monkeypatch.setenv("ENV_JOB_COMPUTE_PROFILE", "cx3d-4x10")
    assert (is_trial(), get_function_size(), get_compute_profile()) == (True, "s", "cx3d-4x10")


def test_an_error_with_a_code() -> None:
    assert str(ServerlessError("1210", "no such backend")) == "[1210] no such backend"
    assert str(ServerlessError("1210", "no such backend", {"name": "x"})) == "[1210] no such backend\n{'name': 'x'}"
