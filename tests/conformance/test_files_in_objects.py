"""What is particular to files in an object store: what nobody needs is deleted, a day later, and nothing else ever is."""

import os
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from pathlib import Path
from urllib.request import Request, urlopen

import pytest

from tests.conformance.conftest import NOON
from tests.conformance.test_files import ADA, EVE, chunks, content, write
from treadle.adapters.files.objects import ObjectFiles
from treadle.adapters.objects.obstore_objects import ObstoreObjects
from treadle.adapters.objects.s3 import Bucket
from treadle.adapters.objects.s3_transfers import S3Transfers
from treadle.domain.errors import InvalidError, StorageError, StorageUnavailableError
from treadle.ports.repositories import Database

pytestmark = pytest.mark.anyio


class Hands:
    """A clock that the test sets."""

    def __init__(self) -> None:
        self.time = NOON

    def now(self) -> datetime:
        return self.time

    def later(self, **time: int) -> None:
        self.time += timedelta(**time)


@pytest.fixture
def clock() -> Hands:
    return Hands()


@pytest.fixture
def files(tmp_path: Path, database: Database, clock: Hands) -> ObjectFiles:
    return ObjectFiles(database, ObstoreObjects.in_folder(tmp_path), clock)


def objects_in(folder: Path) -> int:
    return len([path for path in (folder / "files").glob("*") if path.is_file()])


async def test_a_replaced_content_is_there_for_a_day_for_who_still_reads_it(
    files: ObjectFiles, clock: Hands, tmp_path: Path
) -> None:
    await write(files, ADA, "a", b"old")
    reading = await files.open(ADA, "a")
    assert reading is not None
    await write(files, ADA, "a", b"new")
    clock.later(hours=23)
    await files.sweep()
    assert await reading.read(0, 3) == b"old"
    clock.later(hours=2)
    await files.sweep()
    with pytest.raises(StorageError, match="gone from the object store"):
        await reading.read(0, 3)
    assert await content(files, ADA, "a") == b"new"
    assert objects_in(tmp_path) == 1


async def test_an_object_with_many_files_stays_until_the_last_is_gone(
    files: ObjectFiles, clock: Hands, tmp_path: Path
) -> None:
    await files.write_small(ADA, {"a": b"a", "b": b"b"})
    await files.delete(ADA, "a")
    clock.later(days=2)
    await files.sweep()
    assert await files.read_small(ADA, ["a", "b"]) == [None, b"b"]
    await write(files, ADA, "b", b"new")
    clock.later(days=2)
    await files.sweep()
    assert objects_in(tmp_path) == 1
    assert await content(files, ADA, "b") == b"new"


async def test_what_was_stored_and_never_noted_is_deleted(files: ObjectFiles, clock: Hands, tmp_path: Path) -> None:
    await write(files, ADA, "folder/a", b"kept")
    with pytest.raises(InvalidError):
        await write(files, ADA, "folder", b"refused when all of it is stored, as a crash would leave it")
    assert objects_in(tmp_path) == 2
    clock.later(days=2)
    assert await files.delete(ADA, "none") is False  # any change sweeps
    assert objects_in(tmp_path) == 1
    assert await content(files, ADA, "folder/a") == b"kept"


class WithoutDeletes(ObstoreObjects):
    """A store that deletes nothing now."""

    async def delete(self, key: str) -> None:
        raise StorageUnavailableError(f"{key} stays")


async def test_a_change_counts_though_what_it_left_cannot_be_deleted_now(
    database: Database, clock: Hands, tmp_path: Path
) -> None:
    files = ObjectFiles(database, WithoutDeletes.in_folder(tmp_path), clock)
    await write(files, ADA, "a", b"old")
    await write(files, ADA, "a", b"new")
    clock.later(hours=25)
    assert await files.delete(ADA, "a") is True
    assert await files.names(ADA) == []
    assert objects_in(tmp_path) == 2


async def test_an_upload_that_takes_all_day_is_refused_and_not_half_there(
    files: ObjectFiles, clock: Hands, tmp_path: Path
) -> None:
    async def slow() -> AsyncIterator[bytes]:
        yield b"begun"
        clock.later(days=2)
        await files.sweep()
        yield b"ended"

    with pytest.raises(StorageError, match="'a' took longer than"):
        await files.write(ADA, "a", slow(), 100)
    assert await files.names(ADA) == []


async def test_files_of_one_object_that_lie_far_from_each_other_are_read_too(files: ObjectFiles) -> None:
    contents = {f"{number:03}": bytes([number]) * 10_000 for number in range(100)}
    await files.write_small(ADA, contents)
    chosen = ["000", "001", "005", "050", "099"]
    assert await files.read_small(ADA, chosen) == [contents[name] for name in chosen]


def fetched(url: str, part: str) -> bytes:
    with urlopen(Request(url, headers={"Range": part})) as answer:
        return bytes(answer.read())


async def test_a_large_file_can_be_fetched_from_the_store_itself_and_a_small_one_cannot(
    sqlite_database: Database, bucket: Bucket, clock: Hands
) -> None:
    files = ObjectFiles(sqlite_database, ObstoreObjects(bucket.store), clock, S3Transfers(bucket))
    large = os.urandom(9_000_000)
    await files.write(ADA, "large", chunks(large), len(large))
    await write(files, ADA, "small", b"small")
    location = await files.location(ADA, "large")
    assert location is not None
    assert fetched(location, "bytes=10-19") == large[10:20]
    for space, path in ((ADA, "small"), (ADA, "none"), (EVE, "large")):
        assert await files.location(space, path) is None
    await sqlite_database.close()
