"""What every object store, log store, signer and every kind of wake-ups must do."""

import asyncio
import os
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from treadle.adapters.auth.keys import FileSigner
from treadle.adapters.objects.obstore_objects import ObstoreObjects, part_size
from treadle.ports.logs import LogStore
from treadle.ports.objects import ObjectStore
from treadle.ports.secrets import Signer
from treadle.ports.wakeups import WakeUps

pytestmark = pytest.mark.anyio


async def test_an_object_is_what_was_put_last(objects: ObjectStore) -> None:
    await objects.put("arguments/1.json", b"old")
    await objects.put("arguments/1.json", b"new")
    assert await objects.get("arguments/1.json") == b"new"


async def test_an_object_that_is_not_there(objects: ObjectStore) -> None:
    assert await objects.get("arguments/2.json") is None
    await objects.delete("arguments/2.json")


async def test_a_deleted_object_is_gone_and_an_empty_one_is_not(objects: ObjectStore) -> None:
    await objects.put("a", b"")
    assert await objects.get("a") == b""
    await objects.delete("a")
    assert await objects.get("a") is None


async def test_a_large_object_comes_back_whole(objects: ObjectStore) -> None:
    data = bytes(range(256)) * 40_000
    await objects.put("artifacts/large.tar", data)
    assert await objects.get("artifacts/large.tar") == data


async def test_a_part_of_an_object_can_be_had_without_the_rest(objects: ObjectStore) -> None:
    await objects.put("a", b"0123456789")
    assert await objects.read("a", 3, 4) == b"3456"
    assert await objects.read("b", 3, 4) is None


async def in_blocks(data: bytes, error: Exception | None = None) -> AsyncIterator[bytes]:
    for start in range(0, len(data), 700_000):
        yield data[start : start + 700_000]
    if error is not None:
        raise error


async def test_a_stream_is_stored_whole_and_read_in_parts(objects: ObjectStore) -> None:
    data = bytes(range(256)) * 50_000
    await objects.put_stream("results/1", in_blocks(data))
    stored = await objects.open("results/1")
    assert stored is not None
    assert stored.size == len(data)
    blocks = [block async for block in stored.blocks()]
    assert b"".join(blocks) == data
    assert max(map(len, blocks)) <= 2**20
    assert await asyncio.to_thread(stored.read, 255, 3) == b"\xff\x00\x01"
    assert await asyncio.to_thread(stored.read, 0, 0) == b""
    assert await objects.read("results/1", 255, 3) == b"\xff\x00\x01"
    assert await objects.read("results/2", 0, 1) is None


async def test_a_stream_that_breaks_leaves_what_was_there(objects: ObjectStore) -> None:
    await objects.put("results/1", b"old")
    with pytest.raises(EOFError):
        await objects.put_stream("results/1", in_blocks(bytes(20_000_000), EOFError("the sender has gone")))
    assert await objects.get("results/1") == b"old"
    with pytest.raises(ZeroDivisionError):
        await objects.put_stream("results/2", in_blocks(b"x", ZeroDivisionError()))
    assert await objects.open("results/2") is None


def test_objects_of_any_size_that_s3_takes_need_no_more_parts_than_it_takes() -> None:
    for most in (1, 2**34, 100 * 2**30, 5 * 2**40):
        assert 10_000 * part_size(most) >= most
        assert part_size(most) >= 5 * 2**20
    assert part_size(100 * 2**30) < 11 * 2**20  # two of them are in memory


async def test_a_stream_of_which_very_much_may_come(objects: ObjectStore) -> None:
    data = os.urandom(30_000_000)
    await objects.put_stream("results/1", in_blocks(data), most=100 * 2**30)
    assert await objects.get("results/1") == data


async def test_an_empty_stream_is_an_empty_object(objects: ObjectStore) -> None:
    await objects.put_stream("results/1", in_blocks(b""))
    stored = await objects.open("results/1")
    assert stored is not None
    assert stored.size == 0
    assert [block async for block in stored.blocks()] == []


async def test_an_object_is_on_the_disk_with_its_folders_before_anybody_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[Path] = []
    fsync = os.fsync

    def watched(descriptor: int) -> None:
        fsync(descriptor)
        synced.append(Path(f"/proc/self/fd/{descriptor}").readlink())

    monkeypatch.setattr(os, "fsync", watched)
    objects = ObstoreObjects.in_folder(tmp_path)
    places = [tmp_path / "results" / "1", tmp_path / "results", tmp_path]
    await objects.put("results/1", b"x")
    assert synced == places
    await objects.put_stream("results/1", in_blocks(b"y"))
    assert synced == places * 2


async def test_a_log_grows_at_its_end(logs: LogStore) -> None:
    assert await logs.append("job", 0, b"one\n") == 4
    assert await logs.append("job", 4, b"two\n") == 8
    assert await logs.read("job") == b"one\ntwo\n"
    assert await logs.read("job", 4) == b"two\n"
    assert await logs.read("job", 1, 2) == b"ne"


async def test_a_part_of_a_log_sent_twice_is_stored_once(logs: LogStore) -> None:
    await logs.append("job", 0, b"one\n")
    assert await logs.append("job", 0, b"one\n") == 4
    assert await logs.append("job", 2, b"e\ntwo\n") == 8
    assert await logs.read("job") == b"one\ntwo\n"


async def test_a_log_has_no_gaps(logs: LogStore) -> None:
    assert await logs.append("job", 0, b"one\n") == 4
    assert await logs.append("job", 9, b"later\n") == 4
    assert await logs.read("job") == b"one\n"


async def test_beyond_the_end_of_a_log_there_is_nothing(logs: LogStore) -> None:
    await logs.append("job", 0, b"one\n")
    for start in (4, 5, 2**62):
        assert await logs.read("job", start) == b""


async def test_a_log_that_does_not_exist_is_empty(logs: LogStore) -> None:
    assert await logs.read("job") == b""


async def test_any_part_of_a_log_can_be_had(logs: LogStore) -> None:
    log = bytes(range(256)) * 9000
    for start in range(0, len(log), 1_200_000):
        await logs.append("job", start, log[start : start + 1_200_000])
    for start, limit in ((0, 1), (2**20 - 1, 2), (1_199_999, 2), (1_000_000, 1_250_000), (len(log) - 1, 9)):
        assert await logs.read("job", start, limit) == log[start : start + limit]
    assert await logs.read("job") == log


async def test_a_settled_log_is_the_same_and_settling_it_again_does_no_harm(logs: LogStore) -> None:
    await logs.settle("job")
    for number in range(30):
        await logs.append("job", 2 * number, b"%d\n" % (number % 10))
    before = await logs.read("job")
    assert len(before) == 60
    for _ in range(2):
        await logs.settle("job")
        assert await logs.read("job") == before
        assert await logs.read("job", 31, 7) == before[31:38]


async def test_whoever_waits_is_woken(wakeups: WakeUps) -> None:
    with wakeups.subscribe("a") as first, wakeups.subscribe("a") as second, wakeups.subscribe("b") as other:
        wakeups.publish("a")
        assert await first.wait(5)
        assert await second.wait(5)
        assert not await other.wait(0)


async def test_what_was_published_before_the_wait_is_not_missed_and_counts_once(wakeups: WakeUps) -> None:
    with wakeups.subscribe("a") as subscription:
        wakeups.publish("a")
        wakeups.publish("a")
        assert await subscription.wait(5)
        assert not await subscription.wait(0)


async def test_a_wait_without_limit_ends_with_a_publication(wakeups: WakeUps) -> None:
    with wakeups.subscribe("a") as subscription:
        waiting = asyncio.create_task(subscription.wait())
        await asyncio.sleep(0)
        wakeups.publish("a")
        assert await waiting


async def test_closing_ends_every_wait_for_good(wakeups: WakeUps) -> None:
    with wakeups.subscribe("a") as subscription:
        waiting = asyncio.create_task(subscription.wait())
        await asyncio.sleep(0)
        assert not wakeups.closed
        wakeups.close()
        assert wakeups.closed
        assert not await waiting
        assert not await subscription.wait()
        with wakeups.subscribe("b") as late:
            assert not await late.wait()


def test_a_digest_depends_on_text_and_key(signer: Signer, tmp_path: Path) -> None:
    assert signer.digest("a") == signer.digest("a")
    assert signer.digest("a") != signer.digest("b")
    assert signer.digest("a") != FileSigner.from_file(tmp_path / "other.key").digest("a")


def test_a_sealed_value_can_be_read_with_the_key_only(signer: Signer) -> None:
    sealed = signer.seal("very secret")
    assert "secret" not in sealed
    assert signer.unseal(sealed) == "very secret"


def test_the_key_is_kept_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    path = tmp_path / "secret.key"
    first = FileSigner.from_file(path).digest("a")
    assert FileSigner.from_file(path).digest("a") == first
    assert path.stat().st_mode & 0o777 == 0o600
