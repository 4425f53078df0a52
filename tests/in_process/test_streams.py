"""Watching a job: what happens is told in order and once, from wherever the watcher goes on."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from tests.in_process.conftest import Attempt, Gateway
from treadle.adapters.wakeups.in_process import InProcessWakeUps
from treadle.domain.errors import InvalidError
from treadle.domain.logs import LogView
from treadle.services.streams import JobStreams, Position, StreamEvent

pytestmark = pytest.mark.anyio


async def log(attempt: Attempt, offset: int, text: bytes) -> None:
    answer = await attempt.tell("PUT", "logs/", params={"offset": offset}, content=text)
    assert answer.status_code == 200, answer.text


async def a_whole_job(gateway: Gateway) -> Attempt:
    """Run a job that logs before and after a stage."""
    attempt = await gateway.running()
    await log(attempt, 0, b"one\n")
    await attempt.tell("POST", "status/", json={"sub_status": "MAPPING"})
    await log(attempt, 4, b"two\n")
    await attempt.finish()
    return attempt


def parsed(text: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Return kind, id and data of the events of a stream."""
    found = []
    for block in text.strip().split("\n\n"):
        fields = dict(line.split(": ", 1) for line in block.splitlines() if not line.startswith(":"))
        if fields:
            found.append((fields["event"], fields["id"], json.loads(fields["data"])))
    return found


async def streamed(gateway: Gateway, job_id: str, last: str | None = None, **query: str) -> list[Any]:
    headers = {"Last-Event-ID": last} if last else {}
    answer = await gateway.http.get(f"/api/v1/jobs/{job_id}/stream/", params=query, headers=headers)
    assert answer.status_code == 200, answer.text
    assert answer.headers["cache-control"] == "no-store"
    return parsed(answer.text)


async def test_a_job_that_has_ended_is_told_from_its_beginning_to_its_end(gateway: Gateway) -> None:
    attempt = await a_whole_job(gateway)
    events = await streamed(gateway, attempt.job_id, logs="true")
    statuses = [data["sub_status"] or data["status"] for kind, _, data in events if kind == "status"]
    assert statuses == ["QUEUED", "PENDING", "RUNNING", "MAPPING", "SUCCEEDED"]
    assert "".join(data["text"] for kind, _, data in events if kind == "log") == "one\ntwo\n"
    assert events[-1][0] == "end"
    assert events[-1][2] == {"status": "SUCCEEDED"}
    kinds = [kind for kind, _, _ in events]
    assert kinds.index("log") < len(kinds) - 2  # the last status comes after all of the log
    assert kinds[-2:] == ["status", "end"]


async def test_who_goes_on_after_any_event_sees_the_rest_and_nothing_twice(gateway: Gateway) -> None:
    attempt = await a_whole_job(gateway)
    events = await streamed(gateway, attempt.job_id, logs="true")
    for number, (_, position, _) in enumerate(events[:-1]):
        assert await streamed(gateway, attempt.job_id, position, logs="true") == events[number + 1 :]


async def test_without_logs_only_statuses_are_told(gateway: Gateway) -> None:
    attempt = await a_whole_job(gateway)
    assert {kind for kind, _, _ in await streamed(gateway, attempt.job_id)} == {"status", "end"}


async def test_an_error_that_a_program_tells_of_is_no_event_of_the_stream(gateway: Gateway) -> None:
    attempt = await gateway.running()
    body = {"type": "ERROR", "exception": "E", "code": "1", "message": "m"}
    await gateway.http.post(f"/api/v1/jobs/{attempt.job_id}/event/", json=body)
    await attempt.finish()
    assert [kind for kind, _, _ in await streamed(gateway, attempt.job_id)] == ["status"] * 4 + ["end"]


async def test_a_watcher_is_told_while_it_happens(gateway: Gateway) -> None:
    attempt = await gateway.running()
    ada = await gateway.platform.access.authenticate("token-of-ada")
    events = gateway.platform.streams.follow(ada, attempt.job_id, Position(), LogView.ALL)
    async with aclosing(events):  # type: ignore[type-var]
        assert [(await anext(events)).data["status"] for _ in range(3)] == ["QUEUED", "PENDING", "RUNNING"]
        await told_next(
            events, log(attempt, 0, b"\xc3"), log(attempt, 1, b"\xa4\n"), ("log", {"offset": 0, "text": "ä\n"})
        )
        stage = attempt.tell("POST", "status/", json={"sub_status": "MAPPING"})
        await told_next(events, stage, None, ("status", {"status": "RUNNING", "sub_status": "MAPPING"}))
        await told_next(events, attempt.finish(3), None, ("status", {"status": "FAILED", "sub_status": None}))
        assert (await anext(events)).name == "end"
        with pytest.raises(StopAsyncIteration):
            await anext(events)


async def told_next(events: AsyncIterator[StreamEvent], first: Any, second: Any, expected: tuple[str, Any]) -> None:
    """See that a watcher who waits already is told of what is done now."""

    async def next_one() -> StreamEvent:
        return await anext(events)

    waiting = asyncio.create_task(next_one())
    for done in (first, second):
        if done is not None:
            await done
    event = await waiting
    assert (event.name, event.data) == expected


async def test_a_stream_ends_when_the_platform_shuts_down(gateway: Gateway) -> None:
    attempt = await gateway.running()
    ada = await gateway.platform.access.authenticate("token-of-ada")
    wakeups = InProcessWakeUps()
    streams = JobStreams(gateway.platform.jobs, gateway.database, gateway.platform.streams._logs, wakeups)
    events = streams.follow(ada, attempt.job_id, Position(), None)
    for _ in range(3):
        await anext(events)
    wakeups.close()
    assert [event async for event in events] == []


@pytest.mark.parametrize(
    "text", ["", "1", "1.", ".1", "a.b", "-1.0", "1.2.3", "1.\N{SUPERSCRIPT TWO}", "9" * 19 + ".0", " 1.0"]
)
def test_what_is_no_position_is_refused(text: str) -> None:
    with pytest.raises(InvalidError, match="is not a position"):
        Position.parse(text)


@pytest.mark.parametrize("position", [Position(), Position(1, 2), Position(10**17, 10**17)], ids=str)
def test_a_position_is_read_as_it_was_written(position: Position) -> None:
    assert Position.parse(str(position)) == position
