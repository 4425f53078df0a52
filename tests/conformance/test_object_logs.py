"""Logs in a bucket: several gateways write and read the same log, and any of them may die in the middle."""

import asyncio
import random

import obstore
import pytest
from obstore.store import S3Store

from treadle.adapters.logs import objects
from treadle.adapters.logs.objects import ObjectLogs
from treadle.adapters.objects.s3 import Bucket

pytestmark = pytest.mark.anyio


@pytest.fixture
def store(bucket: Bucket) -> S3Store:
    return bucket.store


@pytest.fixture
def gateways(store: S3Store) -> tuple[ObjectLogs, ObjectLogs]:
    """The log stores of two gateways on one bucket."""
    return ObjectLogs(store), ObjectLogs(store)


def parts(store: S3Store) -> list[str]:
    return sorted(meta["path"].rpartition("/")[2] for meta in obstore.list(store, "logs").collect())


async def test_what_one_gateway_stores_another_shows(gateways: tuple[ObjectLogs, ObjectLogs]) -> None:
    one, other = gateways
    await one.append("job", 0, b"one\n")
    assert await other.read("job") == b"one\n"
    await one.append("job", 4, b"two\n")
    assert await other.read("job", 2, 100) == b"e\ntwo\n"
    assert await other.append("job", 8, b"three\n") == 14
    assert await one.read("job") == b"one\ntwo\nthree\n"


async def test_a_part_whose_answer_was_lost_is_stored_once_by_whichever_gateway_gets_it_again(
    gateways: tuple[ObjectLogs, ObjectLogs], store: S3Store
) -> None:
    one, other = gateways
    assert await one.append("job", 0, b"first\n") == 6
    assert await other.append("job", 0, b"first\nsecond\n") == 13
    assert await one.append("job", 0, b"first\n") == 6, "as far as this gateway knows: the sender tells it more"
    assert await one.append("job", 13, b"third\n") == 19
    assert await other.read("job") == b"first\nsecond\nthird\n"
    assert parts(store) == ["0000000000000000", "0000000000000006", "0000000000000013"]


async def test_two_gateways_that_store_at_the_same_moment_come_to_one_log(
    gateways: tuple[ObjectLogs, ObjectLogs],
) -> None:
    log = b"".join(b"line %d\n" % number for number in range(100))

    async def send(gateway: ObjectLogs, seed: int) -> None:
        """Send the log as a supervisor does, in parts of any size, and some of them twice."""
        chance, offset = random.Random(seed), 0
        while offset < len(log):
            part = log[offset : offset + chance.randint(1, 90)]
            for _ in range(chance.randint(1, 2)):
                end = await gateway.append("job", offset, part)
            offset = end

    await asyncio.gather(*(send(gateway, seed) for seed, gateway in enumerate(gateways)))
    for gateway in gateways:
        assert await gateway.read("job") == log


async def test_the_log_of_a_job_that_has_ended_becomes_one_object(
    gateways: tuple[ObjectLogs, ObjectLogs], store: S3Store
) -> None:
    one, other = gateways
    for number in range(10):
        await one.append("job", 2 * number, b"%d\n" % number)
    log = await other.read("job")
    await one.settle("job")
    assert parts(store) == ["0000000000000000-0000000000000020"]
    assert await other.read("job", 0, 20) == log, "though it remembers parts that are gone"
    await asyncio.gather(one.settle("job"), other.settle("job"))
    assert await ObjectLogs(store).read("job") == log


async def test_a_gateway_that_dies_while_it_joins_loses_nothing(
    gateways: tuple[ObjectLogs, ObjectLogs], store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = gateways
    for number in range(5):
        await one.append("job", 2 * number, b"%d\n" % number)
    log = await one.read("job")

    def die(*_: object, **__: object) -> None:
        raise ZeroDivisionError

    for call, left in (("put_async", 5), ("delete_async", 6)):
        with monkeypatch.context() as patch:
            patch.setattr(objects.obstore, call, die)
            with pytest.raises(ZeroDivisionError):
                await one.settle("job")
        assert len(parts(store)) == left
        assert await other.read("job") == log
        assert await ObjectLogs(store).read("job") == log
    await other.settle("job")
    assert parts(store) == ["0000000000000000-0000000000000010"]
    assert await one.read("job") == log


async def test_a_job_that_prints_all_the_time_makes_few_objects_and_is_asked_for_larger_parts(
    store: S3Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(objects, "_MOST_UNJOINED", 10)
    logs, log = ObjectLogs(store), b""
    assert logs.pause("job") == 0
    pauses = []
    for number in range(64):
        part = b"line %d\n" % number
        assert await logs.append("job", len(log), part) == len(log) + len(part)
        log += part
        pauses.append(logs.pause("job"))
        if number % 16 == 3:  # the answer was lost, and the part is sent to another gateway
            assert await ObjectLogs(store).append("job", len(log) - len(part), part + b"x") == len(log) + 1
            log += b"x"
    assert 0 < pauses[0] < pauses[5] < 1
    assert len(parts(store)) < 20
    assert await ObjectLogs(store).read("job") == log
    await logs.settle("job")
    assert await ObjectLogs(store).read("job") == log
    assert len(parts(store)) == 1
