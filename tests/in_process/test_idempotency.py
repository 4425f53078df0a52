"""A run that is sent twice under one key is one job."""

import asyncio
from typing import Any

import pytest

from tests.e2e.conftest import message
from tests.in_process.conftest import Gateway

pytestmark = pytest.mark.anyio

RUN = "/api/v1/programs/run/"


async def run(gateway: Gateway, key: str, title: str = "keyed") -> Any:
    body = {"title": title, "arguments": "{}"}
    return await gateway.http.post(RUN, json=body, headers={"Idempotency-Key": key})


async def jobs_of(gateway: Gateway, title: str) -> int:
    return int((await gateway.http.get("/api/v1/jobs/", params={"function": title})).json()["count"])


async def test_the_same_key_gets_the_same_job_also_when_both_are_sent_at_once(gateway: Gateway) -> None:
    await gateway.submit("keyed")
    before = await jobs_of(gateway, "keyed")
    answers = await asyncio.gather(*(run(gateway, "once") for _ in range(5)))
    assert len({answer.json()["id"] for answer in answers}) == 1
    assert (await run(gateway, "twice")).json()["id"] != answers[0].json()["id"]
    assert await jobs_of(gateway, "keyed") == before + 2


async def test_a_key_serves_for_one_function(gateway: Gateway) -> None:
    await gateway.submit("keyed")
    await gateway.submit("other")
    assert (await run(gateway, "of keyed")).status_code == 200
    assert "another function" in message(await run(gateway, "of keyed", "other"), 409)


@pytest.mark.parametrize("key", ["", "k" * 256, "tab\there"])
async def test_what_is_no_key_is_refused(gateway: Gateway, key: str) -> None:
    assert "1 to 255 printable" in message(await run(gateway, key))
