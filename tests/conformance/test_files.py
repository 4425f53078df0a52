"""What every file store must do."""

import asyncio
import hashlib
import os
from collections.abc import AsyncIterator
from datetime import UTC, timedelta

import pytest

from treadle.domain.errors import InvalidError, TooLargeError
from treadle.domain.files import Space, StoredFile, provider_space, user_space
from treadle.ports.files import SMALL, FileStore

pytestmark = pytest.mark.anyio

ADA, EVE = user_space("ada", None, ""), user_space("eve", None, "")
LARGEST = 10_000_000


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def write(files: FileStore, space: Space, path: str, *parts: bytes) -> StoredFile:
    return await files.write(space, path, chunks(*parts), LARGEST)


async def content(files: FileStore, space: Space, path: str) -> bytes | None:
    opened = await files.open(space, path)
    if opened is None:
        return None
    try:
        return await opened.read(0, opened.size)
    finally:
        opened.close()


async def test_a_file_is_what_was_sent_byte_for_byte(files: FileStore) -> None:
    data = os.urandom(3_000_001)
    stored = await write(files, ADA, "data.bin", data[:10], data[10:2_000_000], data[2_000_000:])

    assert (stored.path, stored.size, stored.sha256) == ("data.bin", len(data), hashlib.sha256(data).hexdigest())
    assert await content(files, ADA, "data.bin") == data


async def test_an_empty_file_is_a_file(files: FileStore) -> None:
    assert (await write(files, ADA, "empty")).size == 0
    assert await content(files, ADA, "empty") == b""
    assert await files.names(ADA) == ["empty"]


async def test_who_reads_a_file_that_is_replaced_or_deleted_reads_the_old_one_to_its_end(files: FileStore) -> None:
    await write(files, ADA, "a", b"old")
    reading = await files.open(ADA, "a")
    assert reading is not None
    await write(files, ADA, "a", b"newer")
    assert await content(files, ADA, "a") == b"newer"
    assert await files.delete(ADA, "a")
    assert await reading.read(1, 100) == b"ld"
    assert await reading.read(3, 100) == b""
    assert await reading.sha256() == hashlib.sha256(b"old").hexdigest()
    reading.close()
    reading.close()
    with pytest.raises(ValueError, match="closed"):
        await reading.read(0, 1)


async def test_times_are_in_utc(files: FileStore) -> None:
    stored = await write(files, ADA, "a", b"a")
    [listed] = await files.all(ADA, "", checksums=False)
    opened = await files.open(ADA, "a")
    assert opened is not None
    for time in (stored.modified, listed.modified, opened.modified):
        assert time.tzinfo is UTC
        assert abs(time - stored.modified) < timedelta(seconds=1)
    opened.close()


async def test_spaces_are_apart(files: FileStore) -> None:
    await write(files, ADA, "a", b"ada's")
    for other in (EVE, user_space("ada", "lab", "fit"), provider_space("lab", "fit")):
        assert await files.names(other) == []
        assert await files.all(other, "", checksums=True) == []
        assert await content(files, other, "a") is None
        assert not await files.delete(other, "a")
    assert await content(files, ADA, "a") == b"ada's"


async def test_folders_are_listed_with_all_that_is_in_them(files: FileStore) -> None:
    for path in ("b.txt", "runs/2/out.csv", "runs/1/out.csv", "a.txt"):
        await write(files, ADA, path, path.encode())

    listed = await files.all(ADA, "", checksums=True)
    assert [file.path for file in listed] == ["a.txt", "b.txt", "runs/1/out.csv", "runs/2/out.csv"]
    for file in listed:
        assert (file.size, file.sha256) == (len(file.path), hashlib.sha256(file.path.encode()).hexdigest())
    assert [file.path for file in await files.all(ADA, "runs/2", checksums=False)] == ["runs/2/out.csv"]
    assert await files.all(ADA, "none", checksums=False) == []
    assert await files.all(ADA, "a.txt", checksums=False) == []
    assert await files.names(ADA) == ["a.txt", "b.txt"]
    assert await content(files, ADA, "runs/1/out.csv") == b"runs/1/out.csv"
    assert await files.delete(ADA, "runs/1/out.csv")
    assert not await files.delete(ADA, "runs/1/out.csv")


async def test_the_tag_of_a_file_changes_with_its_content(files: FileStore) -> None:
    tags = []
    for text in (b"one", b"two"):
        await write(files, ADA, "a", text)
        opened = await files.open(ADA, "a")
        assert opened is not None
        tags.append(opened.etag)
        opened.close()
    assert tags[0] != tags[1]


async def test_a_file_cannot_have_the_place_of_a_folder_nor_a_folder_that_of_a_file(files: FileStore) -> None:
    await write(files, ADA, "folder/a", b"")
    for path in ("folder", "folder/a/b"):
        with pytest.raises(InvalidError, match=f"'{path}' cannot be stored"):
            await write(files, ADA, path, b"x")
    assert [file.path for file in await files.all(ADA, "", checksums=False)] == ["folder/a"]


async def test_nothing_stays_of_a_file_that_is_too_large(files: FileStore) -> None:
    await write(files, ADA, "a", b"old")
    with pytest.raises(TooLargeError, match="'a' has more than 10 bytes"):
        await files.write(ADA, "a", chunks(b"x" * 6, b"x" * 6), 10)
    assert await content(files, ADA, "a") == b"old"


@pytest.mark.parametrize("fault", [ConnectionResetError("the sender is gone"), asyncio.CancelledError()])
async def test_nothing_stays_of_a_file_that_is_cut_off(files: FileStore, fault: BaseException) -> None:
    async def cut() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        raise fault

    with pytest.raises(type(fault)):
        await files.write(ADA, "a", cut(), LARGEST)
    assert await files.names(ADA) == []


async def test_many_at_the_same_time(files: FileStore) -> None:
    await asyncio.gather(*(write(files, ADA, "a", bytes([number]) * 100_000) for number in range(8)))
    data = await content(files, ADA, "a")
    assert data is not None
    assert data == data[:1] * 100_000


async def test_small_files_are_written_and_read_together(files: FileStore) -> None:
    await write(files, ADA, "old.txt", b"old")
    await files.write_small(ADA, {"a.txt": b"a", "empty": b"", "old.txt": b"new", "folder/b.txt": b"b" * 100})
    await write(files, ADA, "large", bytes(SMALL + 1))

    paths = ["folder/b.txt", "none", "empty", "a.txt", "large", "old.txt"]
    assert await files.read_small(ADA, paths) == [b"b" * 100, None, b"", b"a", None, b"new"]
    assert await files.read_small(EVE, paths) == [None] * 6
    listed = {file.path: file for file in await files.all(ADA, "", checksums=True)}
    assert listed["a.txt"].sha256 == hashlib.sha256(b"a").hexdigest()
    assert await content(files, ADA, "folder/b.txt") == b"b" * 100
    for clashing, others in {"old.txt/c": ["b"], "folder": ["a", "folder!", "z"]}.items():
        with pytest.raises(InvalidError, match=f"'{clashing}' cannot be stored"):
            await files.write_small(ADA, dict.fromkeys([*others, clashing], b"c"))


async def test_thousands_of_small_files(files: FileStore) -> None:
    sent = {f"folder/{number:04}": str(number).encode() for number in range(1200)}
    await files.write_small(ADA, sent)
    await files.write_small(ADA, {path: b"again" for path in list(sent)[::3]})

    expected = {path: b"again" if number % 3 == 0 else content for number, (path, content) in enumerate(sent.items())}
    assert await files.read_small(ADA, list(sent)) == list(expected.values())
    assert [file.path for file in await files.all(ADA, "", checksums=False)] == sorted(sent)
    assert await files.names(ADA) == []


async def test_names_of_any_letters(files: FileStore) -> None:
    paths = [
        "%2e%2e",
        "..a",
        "a b+c=d&e?f#g",
        "back\\slash",
        "\N{SNOWMAN}/\N{COMBINING ACUTE ACCENT}",
        "A",
        "a",
        "x" * 255,
        "like%_",
    ]
    for path in paths:
        await write(files, ADA, path, path.encode())
    assert [file.path for file in await files.all(ADA, "", checksums=False)] == sorted(paths)
    for path in paths:
        assert await content(files, ADA, path) == path.encode()
    assert await files.names(ADA) == sorted(path for path in paths if "/" not in path)


async def test_what_was_changed_meanwhile_is_not_deleted(files: FileStore) -> None:
    for path in ("same", "changed"):
        await write(files, ADA, path, b"as it was")
    await write(files, ADA, "changed", b"by somebody else")
    digest = hashlib.sha256(b"as it was").hexdigest()
    await files.delete_unchanged(ADA, {"same": digest, "changed": digest, "gone": digest})
    assert await files.names(ADA) == ["changed"]
