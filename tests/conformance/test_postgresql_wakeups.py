"""What is special about wake-ups through PostgreSQL: other processes, and a server that goes away."""

import asyncio
import subprocess
import sys
from collections.abc import AsyncIterator
from itertools import islice, pairwise
from pathlib import Path

import pytest

from tests.postgresql import PostgresqlServer
from treadle.adapters.wakeups.postgresql import PostgresqlWakeUps, growing_pauses

pytestmark = pytest.mark.anyio

NO_SERVER = "postgresql://ada:hush@127.0.0.1:1/name"
PUBLISH = """
import asyncio, sys
from treadle.adapters.wakeups.postgresql import PostgresqlWakeUps

async def publish(url, topic):
    wakeups = PostgresqlWakeUps(url)
    await wakeups.open()
    wakeups.publish(topic)
    wakeups.close()
    await wakeups.disconnect()

asyncio.run(publish(*sys.argv[1:]))
"""
OPEN_STORES = """
import sys
from treadle.composition.gateway import build
from treadle.composition.stores import open_stores
from treadle.settings import Settings

open_stores(Settings(home=sys.argv[1]))
print([name for name in sys.modules if name.startswith("psycopg")])
"""


@pytest.fixture
async def gateways(postgresql_url: str, anyio_backend: str) -> AsyncIterator[list[PostgresqlWakeUps]]:
    """The wake-ups of two gateways on one database."""
    opened = [PostgresqlWakeUps(postgresql_url) for _ in range(2)]
    for each in opened:
        await each.open()
    yield opened
    for each in opened:
        each.close()
        await each.disconnect()


async def test_who_waits_at_one_gateway_is_woken_by_the_other(gateways: list[PostgresqlWakeUps]) -> None:
    first, second = gateways
    for publisher, listener in ((first, second), (second, first)):
        with listener.subscribe("a") as subscription, listener.subscribe("b") as other:
            publisher.publish("a")
            assert await subscription.wait(20)
            assert not await other.wait(0)


async def test_another_process_wakes_us_with_the_last_it_has_to_say(
    gateways: list[PostgresqlWakeUps], postgresql_url: str
) -> None:
    with gateways[0].subscribe("a") as subscription:
        process = await asyncio.create_subprocess_exec(sys.executable, "-c", PUBLISH, postgresql_url, "a")
        assert await subscription.wait(30)
        assert await process.wait() == 0


async def test_many_publications_wake_once(gateways: list[PostgresqlWakeUps]) -> None:
    first, second = gateways
    with second.subscribe("a") as subscription, second.subscribe("last") as last:
        for _ in range(1000):
            first.publish("a")
        first.publish("last")
        assert await last.wait(20)
        assert await subscription.wait(20)
        assert not await subscription.wait(0)


async def test_what_a_gateway_publishes_does_not_come_back_to_it(gateways: list[PostgresqlWakeUps]) -> None:
    first, second = gateways
    with first.subscribe("a") as subscription, second.subscribe("a") as of_second, first.subscribe("answer") as answer:
        first.publish("a")
        assert await subscription.wait(0)
        assert await of_second.wait(20)
        second.publish("answer")
        assert await answer.wait(20)  # what the server has sent before is here by now
        assert not await subscription.wait(0)


async def test_more_topics_than_one_notification_holds_all_arrive(gateways: list[PostgresqlWakeUps]) -> None:
    first, second = gateways
    topics = [f"job/{number:036}" for number in range(1000)]
    with second.subscribe(topics[0]) as one, second.subscribe(topics[-1]) as other, second.subscribe("b") as neither:
        for topic in topics:
            first.publish(topic)
        assert await one.wait(20)
        assert await other.wait(20)
        assert not await neither.wait(0)


@pytest.mark.parametrize("topic", ["a" * 100_000, "a\nb", "a\x00b", "größer"], ids=["long", "lines", "NUL", "umlaut"])
async def test_a_topic_that_no_notification_can_hold_wakes_its_subscribers_all_the_same(
    gateways: list[PostgresqlWakeUps], topic: str
) -> None:
    with gateways[1].subscribe(topic) as subscription:
        gateways[0].publish(topic)
        assert await subscription.wait(20)


async def test_so_many_topics_that_they_are_not_kept_apart_wake_everybody(
    gateways: list[PostgresqlWakeUps],
) -> None:
    with gateways[1].subscribe("last") as subscription, gateways[1].subscribe("z") as other:
        for number in range(10_000):
            gateways[0].publish(str(number))
        gateways[0].publish("last")
        assert await subscription.wait(20)
        assert await other.wait(20)


async def test_whoever_could_not_listen_for_a_while_wakes_everybody_once(
    gateways: list[PostgresqlWakeUps], postgresql: PostgresqlServer
) -> None:
    first, second = gateways
    with second.subscribe("a") as subscription, second.subscribe("b") as other:
        postgresql.end_connections()
        assert await subscription.wait(30)
        assert await other.wait(30)
        first.publish("a")
        assert await subscription.wait(30)
        assert not await other.wait(0)


async def test_what_could_not_be_sent_is_sent_when_the_connection_is_back(
    gateways: list[PostgresqlWakeUps], postgresql_url: str, postgresql: PostgresqlServer
) -> None:
    of_others = postgresql.connections()
    listener = PostgresqlWakeUps(postgresql_url)
    await listener.open()
    with listener.subscribe("a") as subscription, listener.subscribe("b") as other:
        postgresql.end_connections(of_others)
        gateways[0].publish("a")
        assert await subscription.wait(30)
        assert not await other.wait(0)
    listener.close()
    await listener.disconnect()


async def test_without_a_server_publishing_neither_fails_nor_waits_and_wakes_this_process() -> None:
    wakeups = PostgresqlWakeUps(NO_SERVER)
    await wakeups.open()
    with wakeups.subscribe("a") as subscription:
        wakeups.publish("a")
        assert await subscription.wait(0)
    wakeups.close()
    await wakeups.disconnect()
    assert wakeups.closed


async def test_closing_one_gateway_leaves_the_other_awake(gateways: list[PostgresqlWakeUps]) -> None:
    first, second = gateways
    first.close()
    assert not second.closed
    with second.subscribe("a") as subscription:
        first.publish("a")  # what its dispatcher says at the end
        await first.disconnect()
        assert await subscription.wait(20)


def test_pauses_before_new_connections_grow_up_to_ten_seconds() -> None:
    pauses = list(islice(growing_pauses(), 40))
    assert 0 < pauses[0] <= 0.1
    assert all(later > 0.45 * earlier for earlier, later in pairwise(pauses))
    assert all(5 <= pause <= 10 for pause in pauses[10:])


def test_a_platform_on_sqlite_imports_no_driver_of_postgresql(tmp_path: Path) -> None:
    told = subprocess.run(
        [sys.executable, "-c", OPEN_STORES, str(tmp_path)], check=True, stdout=subprocess.PIPE, text=True
    )
    assert told.stdout.strip() == "[]"
