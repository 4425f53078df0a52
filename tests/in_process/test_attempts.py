"""What supervisors tell, told out of order, twice, late or by the wrong one: the job's history stays what happened."""

import asyncio
import json
from datetime import datetime, timedelta

import pytest

from tests.e2e.conftest import UNKNOWN
from tests.in_process.conftest import Attempt, Gateway
from treadle.adapters.clock import SystemClock
from treadle.domain.errors import NotFoundError, StaleAttemptError, UnauthenticatedError
from treadle.domain.jobs import Context, Origin
from treadle.domain.lifecycle import Returned
from treadle.services.access import Access
from treadle.services.transitions import LEASE, apply

pytestmark = pytest.mark.anyio

REPORTS = [
    ("GET", "artifact/", {}),
    ("GET", "arguments/", {}),
    ("POST", "started/", {}),
    ("POST", "heartbeat/", {}),
    ("POST", "status/", {"json": {"sub_status": "MAPPING"}}),
    ("PUT", "logs/", {"params": {"offset": 0}, "content": b"late\n"}),
    ("PUT", "result/", {"content": b'"late"'}),
    ("POST", "finished/", {"json": {"ending": "exited", "exit_code": 0}}),
]
NAMES = [name for _, name, _ in REPORTS]


async def history(gateway: Gateway, job_id: str) -> list[str]:
    """Return statuses and stages of a job, oldest first."""
    events = (await gateway.http.get(f"/api/v1/jobs/{job_id}/events/")).json()
    return [event["data"].get("sub_status") or event["data"]["status"] for event in reversed(events)]


async def given_back(gateway: Gateway, attempt: Attempt) -> Attempt:
    """Let the dispatcher take a claimed job back, and claim it again."""
    await gateway.database.write(
        lambda repositories: apply(
            repositories,
            attempt.job_id,
            Returned(attempt.number),
            Origin.SCHEDULER,
            Context.SCHEDULE_JOBS,
            SystemClock().now(),
        )
    )
    return await gateway.claim(attempt.job_id)


async def test_an_attempt_tells_its_story(gateway: Gateway) -> None:
    attempt = await gateway.claim(await gateway.submit())
    assert (await attempt.tell("GET", "arguments/")).json() == {}
    assert (await attempt.tell("GET", "artifact/")).headers["content-type"] == "application/x-tar"
    await attempt.tell("POST", "started/")
    await attempt.tell("POST", "status/", json={"sub_status": "EXECUTING_QPU"})
    await attempt.tell("PUT", "logs/", params={"offset": 0}, content=b"hello\n")
    await attempt.tell("PUT", "result/", content=b'{"energy": -1.1}')
    await attempt.finish()
    assert await history(gateway, attempt.job_id) == ["QUEUED", "PENDING", "RUNNING", "EXECUTING_QPU", "SUCCEEDED"]
    result = (await gateway.http.get(f"/api/v1/jobs/{attempt.job_id}/result/")).json()
    assert json.loads(result["result"]) == {"energy": -1.1}


@pytest.mark.parametrize(("method", "what", "content"), REPORTS, ids=NAMES)
async def test_what_is_told_twice_counts_once(
    gateway: Gateway, method: str, what: str, content: dict[str, object]
) -> None:
    attempt = await gateway.running()
    first = await attempt.tell(method, what, **content)
    told = await history(gateway, attempt.job_id)
    second = await attempt.tell(method, what, **content)
    assert first.status_code == 200
    assert second.status_code == (200 if what != "finished/" else 409)
    assert await history(gateway, attempt.job_id) == told


@pytest.mark.parametrize(("method", "what", "content"), REPORTS, ids=NAMES)
async def test_nothing_is_taken_from_an_attempt_whose_job_has_ended(
    gateway: Gateway, method: str, what: str, content: dict[str, object]
) -> None:
    attempt = await gateway.running()
    await attempt.tell("PUT", "result/", content=b'"in time"')
    await attempt.finish()
    answer = await attempt.tell(method, what, **content)
    assert answer.status_code == 409, answer.text
    assert "is over" in answer.json()["message"]
    result = (await gateway.http.get(f"/api/v1/jobs/{attempt.job_id}/result/")).json()
    assert json.loads(result["result"]) == "in time"
    assert (await gateway.http.get(f"/api/v1/jobs/{attempt.job_id}/logs/")).json() == {"logs": ""}


@pytest.mark.parametrize(("method", "what", "content"), REPORTS, ids=NAMES)
async def test_an_older_attempt_can_write_nothing(
    gateway: Gateway, method: str, what: str, content: dict[str, object]
) -> None:
    older = await gateway.claim(await gateway.submit())
    newer = await given_back(gateway, older)
    assert newer.number == older.number + 1
    assert (await older.tell(method, what, **content)).status_code == 409
    await newer.tell("POST", "started/")
    assert (await gateway.job(newer.job_id))["status"] == "RUNNING"


@pytest.mark.parametrize(("method", "what", "content"), REPORTS, ids=NAMES)
async def test_the_token_of_one_job_opens_no_other(
    gateway: Gateway, method: str, what: str, content: dict[str, object]
) -> None:
    mine, other = await gateway.running("mine"), await gateway.running("other")
    thief = Attempt(gateway.http, other.job_id, other.number, mine.headers)
    assert (await thief.tell(method, what, **content)).status_code == 404
    user = Attempt(gateway.http, other.job_id, other.number, {"Authorization": "Bearer token-of-ada"})
    assert (await user.tell(method, what, **content)).status_code == 401


async def test_a_job_that_is_to_stop_is_told_at_the_next_occasion_and_ends_stopped(gateway: Gateway) -> None:
    attempt = await gateway.running()
    stopping = asyncio.create_task(gateway.http.post(f"/api/v1/jobs/{attempt.job_id}/stop/"))
    await gateway.until(attempt.job_id, "STOPPING")
    assert (await attempt.tell("POST", "heartbeat/")).json() == {"stop": True}
    assert (await attempt.tell("POST", "started/")).json() == {"stop": True}
    await attempt.finish(None, signal=15)
    assert (await stopping).json() == {"message": "Job has been stopped."}
    assert (await history(gateway, attempt.job_id))[-2:] == ["STOPPING", "STOPPED"]
    events = (await gateway.http.get(f"/api/v1/jobs/{attempt.job_id}/events/", params={"type": "ERROR"})).json()
    assert events == []


async def test_a_program_that_ends_well_although_it_was_to_stop_keeps_its_result(gateway: Gateway) -> None:
    attempt = await gateway.running()
    stopping = asyncio.create_task(gateway.http.post(f"/api/v1/jobs/{attempt.job_id}/stop/"))
    await gateway.until(attempt.job_id, "STOPPING")
    await attempt.tell("PUT", "result/", content=b"1")
    await attempt.finish()
    await stopping
    assert (await gateway.http.get(f"/api/v1/jobs/{attempt.job_id}/result/")).json()["result"] == "1"


async def test_a_report_that_comes_after_the_end_of_a_run_nobody_saw_begin_still_tells_that_it_ran(
    gateway: Gateway,
) -> None:
    attempt = await gateway.claim(await gateway.submit())
    await attempt.finish()
    assert await history(gateway, attempt.job_id) == ["QUEUED", "PENDING", "RUNNING", "SUCCEEDED"]


@pytest.mark.parametrize("stage", ["RUNNING", "mapping", "", "a" * 1000])
async def test_what_is_no_stage_is_refused(gateway: Gateway, stage: str) -> None:
    attempt = await gateway.running()
    answer = await attempt.tell("POST", "status/", json={"sub_status": stage})
    assert answer.status_code == 400
    assert "'sub_status' not provided or is not valid" in answer.json()["message"]


async def test_a_heartbeat_keeps_an_attempt_from_being_looked_after(gateway: Gateway) -> None:
    attempt = await gateway.running()
    begun = SystemClock().now()
    nearly_over = begun + timedelta(seconds=9)
    await gateway.database.write(lambda known: known.jobs.renew_lease(attempt.job_id, attempt.number, nearly_over))
    await attempt.tell("POST", "heartbeat/")

    async def silent(at: datetime) -> list[str]:
        return [job.id for job in await gateway.database.read(lambda repositories: repositories.jobs.silent(at))]

    assert attempt.job_id not in await silent(begun + LEASE)
    assert attempt.job_id in await silent(begun + LEASE + timedelta(minutes=1))


class Later:
    """A clock that is ahead of ours."""

    def __init__(self, ahead: timedelta) -> None:
        self._ahead = ahead

    def now(self) -> datetime:
        return SystemClock().now() + self._ahead


async def test_a_job_token_is_good_for_a_week_and_for_its_own_job(gateway: Gateway) -> None:
    attempt = await gateway.running()
    token = attempt.headers["Authorization"].split()[1]
    access = gateway.platform.access
    signer = access._signer
    assert Access(gateway.database, signer, Later(timedelta(days=7))).job_identity(token).job_id == attempt.job_id
    with pytest.raises(UnauthenticatedError, match="has expired"):
        Access(gateway.database, signer, Later(timedelta(days=9))).job_identity(token)
    user, number = await access.acting_user(token, attempt.job_id)
    assert (user.name, number) == ("ada", attempt.number)
    with pytest.raises(NotFoundError):
        await access.acting_user(token, UNKNOWN)
    with pytest.raises(StaleAttemptError):
        await access.acting_user(access.job_token(attempt.job_id, 7), attempt.job_id)


@pytest.mark.parametrize("change", ["job", "attempt", "expiry", "signature", "kind", "shorter", "longer"])
async def test_a_job_token_that_was_changed_is_not_valid(gateway: Gateway, change: str) -> None:
    kind, job_id, attempt, expiry, signature = gateway.platform.access.job_token("some-job", 1).split(".")
    changed = {
        "job": [kind, "other-job", attempt, expiry, signature],
        "attempt": [kind, job_id, "2", expiry, signature],
        "expiry": [kind, job_id, attempt, str(int(expiry) + 1), signature],
        "signature": [kind, job_id, attempt, expiry, signature[:-1] + ("0" if signature[-1] != "0" else "1")],
        "kind": ["other", job_id, attempt, expiry, signature],
        "shorter": [kind, job_id, attempt, signature],
        "longer": [kind, job_id, attempt, expiry, expiry, signature],
    }[change]
    with pytest.raises(UnauthenticatedError, match="is not valid"):
        gateway.platform.access.job_identity(".".join(changed))
