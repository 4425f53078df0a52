"""Programs hold the token of their attempt: whatever they send with it, the job stays readable and comes to its end."""

import json
from typing import Any

import pytest

from tests.in_process.conftest import Gateway

pytestmark = pytest.mark.anyio

JSON = {"Content-Type": "application/json"}
ERROR = '{"type": "ERROR", "exception": "E", "code": "1", "message": "m", "args": %s}'


async def readable(gateway: Gateway, job_id: str) -> list[dict[str, Any]]:
    """See that everything about a job can be read; return its events."""
    for path in ("", "?with_result=false", "logs/", "version/", "runtime_jobs/"):
        answer = await gateway.http.get(f"/api/v1/jobs/{job_id}/{path}")
        assert answer.status_code == 200, (path, answer.text)
    answer = await gateway.http.get(f"/api/v1/jobs/{job_id}/events/")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


@pytest.mark.parametrize(
    "args", ["NaN", "1e999", '[{"deep": -Infinity}]', '"\\ud800"', '{"\\udfff": 1}', "9" * 400, '"\\u0000"']
)
async def test_an_error_with_odd_arguments_is_refused_or_shown(gateway: Gateway, args: str) -> None:
    attempt = await gateway.running()
    path = f"/api/v1/jobs/{attempt.job_id}/event/"
    answer = await gateway.http.post(path, content=ERROR % args, headers={**attempt.headers, **JSON})
    assert answer.status_code in (200, 400), answer.text
    events = await readable(gateway, attempt.job_id)
    assert [event["event_type"] for event in events].count("ERROR") == (1 if answer.status_code == 200 else 0)


@pytest.mark.parametrize(
    "failure",
    [
        '{"type": "E", "message": "\\ud800"}',
        '{"type": "\\u0000", "message": "\\u0000"}',
        '{"type": "E", "message": "m", "file": "\\udfff", "line": -1}',
        '{"type": "E", "message": "m", "details": {"module": {"a": []}}}',
        '{"type": "E", "message": "m", "details": {"path": ["x"], "errno": []}}',
        '{"type": "E", "message": "m", "details": {"\\ud800": "\\ud800"}}',
        json.dumps({"type": "E" * 10_000, "message": "m" * 100_000}),
    ],
)
async def test_an_odd_failure_ends_the_job_all_the_same(gateway: Gateway, failure: str) -> None:
    attempt = await gateway.running()
    outcome = f'{{"ending": "exited", "exit_code": 1, "failure": {failure}}}'
    answer = await attempt.tell("POST", "finished/", content=outcome)
    assert answer.status_code in (200, 400), answer.text
    if answer.status_code == 400:
        assert (await attempt.finish(1)).status_code == 200
    assert (await gateway.job(attempt.job_id))["status"] == "FAILED"
    await readable(gateway, attempt.job_id)


@pytest.mark.parametrize(
    "outcome",
    [
        "",
        "[]",
        "null",
        "[" * 100_000,
        '{"ending": "won"}',
        '{"ending": "exited", "exit_code": NaN}',
        '{"ending": "exited", "exit_code": 0, "wall_seconds": Infinity}',
        '{"ending": "exited", "exit_code": "\\ud800"}',
        '{"ending": "exited", "failure": {"type": "E", "message": "m", "details": {"x": NaN}}}',
    ],
    ids=lambda outcome: outcome[:40],
)
async def test_what_is_no_outcome_is_refused_and_the_job_goes_on(gateway: Gateway, outcome: str) -> None:
    attempt = await gateway.running()
    answer = await attempt.tell("POST", "finished/", content=outcome)
    assert answer.status_code == 400, answer.text
    assert answer.json()["message"].startswith("This is not an outcome")
    assert (await gateway.job(attempt.job_id))["status"] == "RUNNING"


@pytest.mark.parametrize(
    "numbers", ['"signal": 999', '"exit_code": -99999999999', '"signal": -1', '"wall_seconds": -1e300']
)
async def test_odd_numbers_of_an_outcome_are_told_and_not_believed(gateway: Gateway, numbers: str) -> None:
    attempt = await gateway.running()
    outcome = f'{{"ending": "exited", {numbers}}}'
    assert (await attempt.tell("POST", "finished/", content=outcome)).status_code == 200
    assert (await gateway.job(attempt.job_id))["status"] == "FAILED"
    await readable(gateway, attempt.job_id)


@pytest.mark.parametrize("log", [b"\xff\xfe\x00", b"[PUBLIC] \xed\xa0\x80\n", b"\xef\xbb\xbf\n", b"\r\r\n"])
async def test_any_bytes_may_be_in_a_log(gateway: Gateway, log: bytes) -> None:
    attempt = await gateway.running()
    answer = await attempt.tell("PUT", "logs/", params={"offset": 0}, content=log)
    assert answer.json()["length"] == len(log)
    await attempt.finish()
    await readable(gateway, attempt.job_id)
    streamed = await gateway.http.get(f"/api/v1/jobs/{attempt.job_id}/stream/", params={"logs": "true"})
    assert "event: end" in streamed.text
