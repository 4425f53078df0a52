"""Waiting for jobs and watching them, also through broken connections and on gateways that cannot stream."""

import logging
from typing import Any

import pytest

from qiskit_serverless import Job, ServerlessClient
from qiskit_serverless.connections import Patience
from qiskit_serverless.exceptions import (
    GatewayConnectionError,
    GatewayError,
    JobCanceledError,
    JobFailedError,
    NotFoundError,
    WaitTimeoutError,
)
from qiskit_serverless.records import JobEvent, JobUpdate
from qiskit_serverless.sync import watching
from qiskit_serverless.sync.transport import Transport
from qiskit_serverless.sync.watching import JobWatch
from tests.unit.sdk.scripted_gateway import Answer, ScriptedGateway, refused_url, stream

ID = "0190aaaa-0000-7000-8000-000000000001"
JOB = f"/api/v1/jobs/{ID}/"
QUICK = Patience(first_pause=0.001, longest_pause=0.002, in_all=0.01)


def record(status: str, sub_status: str | None = None) -> dict[str, Any]:
    return {"id": ID, "status": status, "sub_status": sub_status, "program": {"title": "f"}}


def status(name: str, sub_status: str | None = None, at: str = "1.0") -> tuple[str, dict[str, Any], str]:
    return ("status", {"status": name, "sub_status": sub_status}, at)


def log(text: str, at: str) -> tuple[str, dict[str, Any], str]:
    return ("log", {"offset": 0, "text": text}, at)


END = ("end", {"status": "SUCCEEDED"}, "9.9")


@pytest.fixture
def job(client: ServerlessClient) -> Job:
    return Job(ID, client)


@pytest.mark.parametrize(
    ("server", "stage", "shown"),
    [
        ("QUEUED", None, "QUEUED"),
        ("PENDING", None, "INITIALIZING"),
        ("RUNNING", None, "RUNNING"),
        ("RUNNING", "MAPPING", "RUNNING: MAPPING"),
        ("RUNNING", "OPTIMIZING_HARDWARE", "RUNNING: OPTIMIZING_FOR_HARDWARE"),
        ("RUNNING", "WAITING_QPU", "RUNNING: WAITING_FOR_QPU"),
        ("RUNNING", "EXECUTING_QPU", "RUNNING: EXECUTING_QPU"),
        ("RUNNING", "POST_PROCESSING", "RUNNING: POST_PROCESSING"),
        ("RUNNING", "A_NEWER_STAGE", "A_NEWER_STAGE"),
        ("STOPPING", "MAPPING", "CANCELING"),
        ("SUCCEEDED", "MAPPING", "DONE"),
        ("FAILED", None, "ERROR"),
        ("STOPPED", None, "CANCELED"),
        ("A_NEWER_STATUS", None, "A_NEWER_STATUS"),
    ],
)
def test_statuses_have_the_names_users_know(
    gateway: ScriptedGateway, job: Job, server: str, stage: str | None, shown: str
) -> None:
    gateway.answer("GET", JOB, record(server, stage))
    assert job.status() == shown
    assert job.sub_status == stage
    assert job.in_terminal_state() == (shown in ("DONE", "ERROR", "CANCELED"))
    assert job.raw_data["program"] == {"title": "f"}
    assert gateway.requests[0].query == {"with_result": "false"}


def test_a_result_is_waited_for_on_the_stream(gateway: ScriptedGateway, job: Job) -> None:
    gateway.answer("GET", f"{JOB}stream/", stream(status("QUEUED"), status("RUNNING"), status("SUCCEEDED"), END))
    gateway.answer("GET", f"{JOB}result/", {"result": '{"a": {"__type__": "complex", "__value__": [1, 2]}}'})
    assert job.result() == {"a": 1 + 2j}
    assert [request.path for request in gateway.requests] == [f"{JOB}stream/", f"{JOB}result/"]
    assert gateway.requests[0].query == {"logs": "false"}


@pytest.mark.parametrize("nothing", [Answer(b"", 204), Answer({"result": None}), Answer({"result": ""})])
def test_a_job_that_saved_nothing_has_an_empty_result(gateway: ScriptedGateway, job: Job, nothing: Answer) -> None:
    gateway.answer("GET", f"{JOB}stream/", stream(status("SUCCEEDED"), END))
    gateway.answer("GET", f"{JOB}result/", nothing)
    assert job.result() == {}
    assert job.raw_result() == "{}"


def test_a_result_can_be_asked_for_without_waiting(gateway: ScriptedGateway, job: Job) -> None:
    gateway.answer("GET", JOB, record("RUNNING"))
    gateway.answer("GET", f"{JOB}result/", Answer(b"", 204))
    assert job.result(wait=False) == {}


def test_statuses_are_logged_on_request(gateway: ScriptedGateway, job: Job, caplog: pytest.LogCaptureFixture) -> None:
    gateway.answer("GET", f"{JOB}stream/", stream(status("QUEUED"), status("SUCCEEDED"), END))
    gateway.answer("GET", f"{JOB}result/", {"result": "1"})
    with caplog.at_level(logging.INFO, "qiskit_serverless"):
        job.result(verbose=True)
    assert caplog.messages == [f"Job {ID}: QUEUED", f"Job {ID}: DONE"]


@pytest.mark.parametrize("trouble", [Answer(cut="before"), Answer({}, 503)])
def test_a_result_is_asked_for_again_when_it_cannot_be_had_at_once(
    gateway: ScriptedGateway, job: Job, trouble: Answer
) -> None:
    gateway.answer("GET", f"{JOB}stream/", stream(status("SUCCEEDED"), END, cut=""))
    gateway.answer("GET", f"{JOB}result/", trouble, {"result": "42"})
    assert job.result() == 42


def test_a_job_is_followed_through_broken_connections_without_loss_or_repetition(
    gateway: ScriptedGateway, job: Job
) -> None:
    gateway.answer(
        "GET",
        f"{JOB}stream/",
        stream(status("QUEUED", at="1.0"), status("RUNNING", at="2.0"), log("one\n", "2.4")),
        Answer(cut="before"),
        Answer({"message": "starting"}, 503),
        stream(log("two\n", "2.8"), cut=""),
        stream(status("RUNNING", "MAPPING", "3.8"), status("SUCCEEDED", at="4.8"), END),
    )
    assert list(job.follow()) == [
        JobUpdate(status="QUEUED"),
        JobUpdate(status="RUNNING"),
        JobUpdate(log="one\n"),
        JobUpdate(log="two\n"),
        JobUpdate(status="RUNNING: MAPPING"),
        JobUpdate(status="DONE"),
    ]
    assert [request.headers.get("last-event-id") for request in gateway.requests] == [None, "2.4", "2.4", "2.4", "2.8"]
    assert {request.query["logs"] for request in gateway.requests} == {"true"}


def watch(url: str, timeout: float | None = None, cadence: float = 0.002, **extra: Any) -> JobWatch:
    return JobWatch(Transport(url, {}, QUICK), JOB, None, cadence, timeout, QUICK, **extra)


def test_a_gateway_that_stays_away_is_given_up(gateway: ScriptedGateway) -> None:
    with pytest.raises(GatewayConnectionError, match="does not answer"):
        list(watch(refused_url()).updates())
    gateway.answer("GET", f"{JOB}stream/", Answer({"message": "broken"}, 500))
    with pytest.raises(GatewayError, match="broken"):
        list(watch(gateway.url).updates())
    gateway.answer("GET", f"{JOB}stream/", stream(cut=""))
    with pytest.raises(GatewayConnectionError, match="ended the stream"):
        list(watch(gateway.url).updates())


def test_a_refusal_is_not_waited_out(gateway: ScriptedGateway, job: Job) -> None:
    gateway.answer("GET", f"{JOB}stream/", Answer({"detail": "no"}, 401))
    with pytest.raises(GatewayError, match="Code: 401"):
        job.result()
    assert len(gateway.requests) == 1


def test_a_job_that_does_not_exist(gateway: ScriptedGateway, job: Job) -> None:
    gateway.answer("GET", JOB, Answer({"message": f"Job [{ID}] not found"}, 404))
    with pytest.raises(NotFoundError, match=r"Job \[.*\] not found"):
        job.result()


@pytest.mark.parametrize("how", ["timeout", "maxwait"])
def test_waiting_has_a_limit(gateway: ScriptedGateway, job: Job, how: str) -> None:
    gateway.answer("GET", f"{JOB}stream/", stream(status("RUNNING"), cut="never"))
    limit = {"timeout": 0.05} if how == "timeout" else {"maxwait": 5, "cadence": 0.01}
    with pytest.raises(WaitTimeoutError, match=r"has not ended within 0\.05 s\. It goes on"):
        job.result(**limit)  # type: ignore[arg-type]
    assert issubclass(WaitTimeoutError, TimeoutError)


def test_waiting_has_a_limit_on_a_gateway_that_cannot_stream(gateway: ScriptedGateway) -> None:
    gateway.answer("GET", JOB, record("RUNNING"))
    with pytest.raises(WaitTimeoutError):
        list(watch(gateway.url, timeout=0.02).updates())


def test_a_gateway_that_cannot_stream_is_asked_again_and_again(
    gateway: ScriptedGateway, client: ServerlessClient
) -> None:
    gateway.answer(
        "GET",
        JOB,
        record("QUEUED"),
        record("QUEUED"),
        record("RUNNING"),
        record("RUNNING", "MAPPING"),
        record("SUCCEEDED"),
    )
    gateway.answer("GET", f"{JOB}logs/", *({"logs": text} for text in ("", "", "one\n", "one\ntwo", "one\ntwo\n")))
    assert list(client.watch(ID, cadence=0.001)) == [
        JobUpdate(status="QUEUED"),
        JobUpdate(status="RUNNING"),
        JobUpdate(log="one\n"),
        JobUpdate(status="RUNNING: MAPPING"),
        JobUpdate(log="two"),
        JobUpdate(log="\n"),
        JobUpdate(status="DONE"),
    ]
    assert len(gateway.asked("GET", f"{JOB}stream/")) == 1


def test_questions_come_less_and_less_often(monkeypatch: pytest.MonkeyPatch, gateway: ScriptedGateway) -> None:
    pauses: list[float] = []
    monkeypatch.setattr(watching.time, "sleep", pauses.append)
    gateway.answer("GET", JOB, *[record("RUNNING")] * 12, record("SUCCEEDED"))
    list(watch(gateway.url, cadence=0.4).updates())
    assert pauses == sorted(pauses)
    assert (pauses[0], pauses[-1]) == (0.1, 0.4)


def failed(gateway: ScriptedGateway, *errors: dict[str, Any]) -> None:
    gateway.answer("GET", f"{JOB}stream/", stream(status("FAILED"), END))
    gateway.answer("GET", JOB, record("FAILED"))
    events = [
        {
            "event_type": "ERROR",
            "origin": "SCHEDULER",
            "context": "UPDATE_JOB_STATUS",
            "created": "2026-01-01T00:00:00Z",
            "data": data,
        }
        for data in errors
    ]
    gateway.answer("GET", f"{JOB}events/", Answer(events))


def test_a_failure_tells_its_cause(gateway: ScriptedGateway, job: Job) -> None:
    cause: dict[str, Any] = {
        "code": "user_exception",
        "message": "ValueError: no such angle (in main.py, line 3)",
        "hint": "Read the end of the job's log.",
        "exception": "ValueError",
        "details": {
            "file": "main.py",
            "line": 3,
            "signal": None,
            "traceback": "Traceback:\n  ...\nValueError: no such angle\n",
        },
    }
    args = {"hint": cause["hint"], **cause["details"]}
    failed(
        gateway,
        {"code": "user_exception", "message": cause["message"], "exception": "ValueError", "args": args},
        {"code": "older", "message": "older", "exception": "E"},
    )
    with pytest.raises(JobFailedError) as caught:
        job.result()
    assert (caught.value.job_id, caught.value.cause) == (ID, cause)
    told = """
| Message: ValueError: no such angle (in main.py, line 3)
| Code: user_exception
| Exception: ValueError
| Hint: Read the end of the job's log.
|   - file: main.py
|   - line: 3
Traceback:
  ...
ValueError: no such angle"""
    assert str(caught.value) == f"Job {ID} failed.{told}"
    assert job.error_message() == told
    assert gateway.asked("GET", f"{JOB}events/")[0].query == {"type": "ERROR"}


def test_a_failure_on_another_gateway_tells_what_that_one_knows(gateway: ScriptedGateway, job: Job) -> None:
    failed(gateway, {"code": "1210", "message": "bad input", "exception": "InputError", "args": {"field": "shots"}})
    with pytest.raises(JobFailedError) as caught:
        job.result()
    assert caught.value.cause == {
        "code": "1210",
        "message": "bad input",
        "exception": "InputError",
        "details": {"field": "shots"},
    }
    assert "| Message: bad input\n| Code: 1210\n| Exception: InputError\n|   - field: shots" in str(caught.value)


@pytest.mark.parametrize("arguments", ["just text", ["a"], None])
def test_details_of_any_kind_are_told(gateway: ScriptedGateway, job: Job, arguments: Any) -> None:
    failed(gateway, {"code": 1, "message": "m", "exception": "E", "args": arguments})
    expected = f"\n| Details: {arguments}" if arguments else ""
    assert job.error_message() == f"\n| Message: m\n| Code: 1\n| Exception: E{expected}"


@pytest.mark.parametrize(
    ("printed", "message"),
    [
        ("fine\nKeyError: 'x'\nan Exception came\n", "KeyError: 'x'\nan Exception came"),
        ("fine\n", "The gateway does not say why. See job.logs()."),
    ],
)
def test_a_failure_without_a_word_is_looked_for_in_the_log(
    gateway: ScriptedGateway, job: Job, printed: str, message: str
) -> None:
    failed(gateway)
    gateway.answer("GET", f"{JOB}logs/", {"logs": printed})
    with pytest.raises(JobFailedError) as caught:
        job.raw_result()
    assert caught.value.cause == {"code": "unknown", "message": message}


def test_there_is_no_error_message_without_an_error(gateway: ScriptedGateway, job: Job) -> None:
    gateway.answer("GET", JOB, record("SUCCEEDED"))
    assert job.error_message() == ""


def test_a_cancelled_job_has_no_result(gateway: ScriptedGateway, job: Job) -> None:
    gateway.answer("GET", f"{JOB}stream/", stream(status("RUNNING"), status("STOPPED"), END))
    with pytest.raises(JobCanceledError, match=f"Job {ID} was cancelled"):
        job.result()


def test_cancelling(gateway: ScriptedGateway, job: Job) -> None:
    gateway.answer("POST", f"{JOB}stop/", {"message": "Job has been stopped."})
    assert job.cancel() == "Job has been stopped."
    with pytest.warns(DeprecationWarning, match=r"Job\.cancel\(\)"):
        assert job.stop() == "Job has been stopped."
    assert [request.json for request in gateway.requests] == [{}, {}]


def test_cancelling_with_the_service_of_its_qpu_jobs(gateway: ScriptedGateway, job: Job) -> None:
    from qiskit_ibm_runtime import QiskitRuntimeService

    gateway.answer("POST", f"{JOB}stop/", {"message": "ok"})
    job.cancel(QiskitRuntimeService(channel="local"))
    assert gateway.requests[0].json == {
        "service": '{"__type__":"QiskitRuntimeService","__value__":{"channel":"local"}}'
    }


@pytest.mark.parametrize(("answer", "text"), [(Answer({"logs": "a\nb\n"}), "a\nb\n"), (Answer(b"", 204), "")])
def test_logs(gateway: ScriptedGateway, job: Job, answer: Answer, text: str) -> None:
    gateway.answer("GET", f"{JOB}logs/", answer)
    assert job.logs() == text


def test_events(gateway: ScriptedGateway, job: Job) -> None:
    event = {
        "event_type": "STATUS_CHANGE",
        "origin": "API",
        "context": "RUN_PROGRAM",
        "created": "2026",
        "data": {"status": "QUEUED"},
    }
    gateway.answer("GET", f"{JOB}events/", Answer([{**event, "newer": 1}]))
    assert job.events() == [JobEvent("STATUS_CHANGE", "API", "RUN_PROGRAM", "2026", {"status": "QUEUED"})]


def test_a_job_shows_its_id(job: Job) -> None:
    assert repr(job) == f"<Job | {ID}>"
