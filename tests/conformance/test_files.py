"""What every file store must do, also with the things that programs leave in their folders."""

import asyncio
import hashlib
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from treadle.adapters.files.folder import FolderFiles
from treadle.domain.errors import InvalidError, StorageError, TooLargeError
from treadle.domain.files import Space, StoredFile, provider_space, user_space
from treadle.ports.files import FileStore

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


def program_folder(files: FileStore, space: Space = ADA) -> Path:
    """Return the folder as a program of the space has it."""
    folder = Path(files.folder(space))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def test_a_file_is_what_was_sent_byte_for_byte(files: FileStore) -> None:
    data = os.urandom(3_000_001)
    stored = await write(files, ADA, "data.bin", data[:10], data[10:2_000_000], data[2_000_000:])

    assert (stored.path, stored.size, stored.sha256) == ("data.bin", len(data), hashlib.sha256(data).hexdigest())
    assert await content(files, ADA, "data.bin") == data
    assert (program_folder(files) / "data.bin").read_bytes() == data


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


async def test_what_a_program_writes_is_there_with_its_checksum_also_when_it_changes(files: FileStore) -> None:
    path = program_folder(files) / "out.txt"
    for text in (b"first", b"second"):
        path.write_bytes(text)
        [file] = await files.all(ADA, "", checksums=True)
        assert (file.size, file.sha256) == (len(text), hashlib.sha256(text).hexdigest())
        assert await content(files, ADA, "out.txt") == text


async def test_the_tag_of_a_file_changes_with_its_content(files: FileStore) -> None:
    tags = []
    for text in (b"one", b"two"):
        await write(files, ADA, "a", text)
        opened = await files.open(ADA, "a")
        assert opened is not None
        tags.append(opened.etag)
        opened.close()
    assert tags[0] != tags[1]


async def test_what_is_no_regular_file_is_not_there(files: FileStore, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    folder = program_folder(files)
    (folder / "link").symlink_to(secret)
    (folder / "folder-link").symlink_to(tmp_path, target_is_directory=True)
    (folder / "loop").symlink_to("loop")
    (folder / "folder").mkdir()
    os.mkfifo(folder / "pipe")
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "socket"))

    assert await files.names(ADA) == []
    assert await files.all(ADA, "", checksums=True) == []
    for path in ("link", "folder-link/secret", "loop", "folder", "pipe", "socket", "link/x"):
        assert await content(files, ADA, path) is None, path
        assert not await files.delete(ADA, path), path
    assert secret.read_text() == "secret"


def leave(folder: Path, *names: bytes) -> None:
    for name in names:
        Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).touch()


async def test_names_that_nobody_could_ask_for_are_not_listed(files: FileStore) -> None:
    leave(program_folder(files), b"\xff.txt", b"two\nlines", b"good.txt")
    assert await files.names(ADA) == ["good.txt"]
    assert [file.path for file in await files.all(ADA, "", checksums=True)] == ["good.txt"]


async def test_times_and_sizes_that_programs_make_up(files: FileStore) -> None:
    folder = program_folder(files)
    for name, seconds in {"late": 2**36, "early": -(2**36)}.items():
        (folder / name).write_bytes(b"")
        os.utime(folder / name, (seconds, seconds))
    with (folder / "hollow").open("wb") as file:
        file.truncate(2**42)  # takes no room, and would take an hour to read
    (folder / "small").write_bytes(b"small")

    found = {file.path: file for file in await files.all(ADA, "", checksums=True)}
    assert found["early"].modified.year == 1970
    assert found["late"].modified.year > 2100
    assert (found["hollow"].size, found["hollow"].sha256) == (2**42, None)
    assert found["small"].sha256 == hashlib.sha256(b"small").hexdigest()
    hollow = await files.open(ADA, "hollow")
    assert hollow is not None
    assert await hollow.sha256() is None
    hollow.close()


async def test_folders_too_deep_to_name_are_not_walked(files: FileStore) -> None:
    deep = program_folder(files)
    for _ in range(40):
        deep /= "d"
        deep.mkdir()
        (deep / "f").touch()
    assert len(await files.all(ADA, "", checksums=False)) == 31  # the last one has 32 segments


async def test_a_link_is_never_written_through(files: FileStore, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "file").write_text("mine")
    folder = program_folder(files)
    (folder / "file").symlink_to(outside / "file")
    (folder / "folder").symlink_to(outside, target_is_directory=True)

    await write(files, ADA, "file", b"new")
    assert not (folder / "file").is_symlink()
    assert (folder / "file").read_bytes() == b"new"
    with pytest.raises(InvalidError, match="'folder/file' cannot be stored: there is a folder of that name, or a file"):
        await write(files, ADA, "folder/file", b"new")
    assert (outside / "file").read_text() == "mine"


async def test_a_space_that_a_program_replaces_by_a_link_is_gone(files: FileStore) -> None:
    await write(files, EVE, "a", b"eve's")
    folder = program_folder(files)
    folder.rmdir()
    folder.symlink_to(files.folder(EVE), target_is_directory=True)
    assert await files.names(ADA) == []
    assert await content(files, ADA, "a") is None
    with pytest.raises(InvalidError):
        await write(files, ADA, "a", b"ada's")
    assert await content(files, EVE, "a") == b"eve's"


async def test_a_file_cannot_have_the_place_of_a_folder_nor_a_folder_that_of_a_file(files: FileStore) -> None:
    await write(files, ADA, "folder/a", b"")
    for path in ("folder", "folder/a/b"):
        with pytest.raises(InvalidError, match=f"'{path}' cannot be stored"):
            await write(files, ADA, path, b"x")
    assert [file.path for file in await files.all(ADA, "", checksums=False)] == ["folder/a"]


def leftovers(files: FileStore) -> list[Path]:
    return list((Path(files.folder(ADA)).parent / ".partial").iterdir())


async def test_nothing_stays_of_a_file_that_is_too_large(files: FileStore) -> None:
    await write(files, ADA, "a", b"old")
    with pytest.raises(TooLargeError, match="'a' has more than 10 bytes"):
        await files.write(ADA, "a", chunks(b"x" * 6, b"x" * 6), 10)
    assert await content(files, ADA, "a") == b"old"
    assert leftovers(files) == []


@pytest.mark.parametrize("fault", [ConnectionResetError("the sender is gone"), asyncio.CancelledError()])
async def test_nothing_stays_of_a_file_that_is_cut_off(files: FileStore, fault: BaseException) -> None:
    async def cut() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        assert len(leftovers(files)) == 1
        raise fault

    with pytest.raises(type(fault)):
        await files.write(ADA, "a", cut(), LARGEST)
    assert await files.names(ADA) == []
    assert leftovers(files) == []


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A folder on a file system of its own, with 4 MB of room."""
    folder = tmp_path / "small"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(folder)]
    if subprocess.run(mount, capture_output=True, check=False).returncode != 0:
        pytest.skip("this user may not mount a small file system")
    yield folder
    subprocess.run(["umount", str(folder)], check=True)


async def test_a_disk_that_is_full_is_told_and_keeps_nothing_of_the_file(small_disk: Path) -> None:
    files = FolderFiles(small_disk)
    await write(files, ADA, "a", b"old")
    with pytest.raises(StorageError, match="'a' cannot be stored: the disk is full") as caught:
        await write(files, ADA, "a", *[b"x" * 1_000_000] * 6)
    assert "Delete files you no longer need" in caught.value.hint
    assert leftovers(files) == []
    assert await content(files, ADA, "a") == b"old"
    assert (await write(files, ADA, "b", b"x" * 3_000_000)).size == 3_000_000


async def test_what_a_crash_has_left_is_swept(tmp_path: Path) -> None:
    files = FolderFiles(tmp_path)
    await write(files, ADA, "a", b"kept")
    (tmp_path / ".partial" / "0123").write_bytes(b"half a file")
    await FolderFiles(tmp_path).sweep()
    assert leftovers(files) == []
    assert await content(files, ADA, "a") == b"kept"


async def test_many_at_the_same_time(files: FileStore) -> None:
    await asyncio.gather(*(write(files, ADA, "a", bytes([number]) * 100_000) for number in range(8)))
    data = await content(files, ADA, "a")
    assert data is not None
    assert data == data[:1] * 100_000
    assert leftovers(files) == []
