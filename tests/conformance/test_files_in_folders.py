"""What is particular to files in a folder: programs leave there what they like."""

import hashlib
import os
import socket
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from tests.conformance.test_files import ADA, EVE, chunks, content, write
from treadle.adapters.files.folder import FolderFiles
from treadle.domain.errors import InvalidError, StorageError, TooLargeError
from treadle.domain.files import Space

pytestmark = pytest.mark.anyio


@pytest.fixture
def files(tmp_path: Path) -> FolderFiles:
    """An empty folder of files."""
    return FolderFiles(tmp_path / "files")


def program_folder(files: FolderFiles, space: Space = ADA) -> Path:
    """Return the folder as a program of the space has it."""
    folder = Path(files.folder(space))
    folder.mkdir(parents=True, exist_ok=True)
    return folder


async def test_what_a_program_writes_is_there_with_its_checksum_also_when_it_changes(files: FolderFiles) -> None:
    path = program_folder(files) / "out.txt"
    for text in (b"first", b"second"):
        path.write_bytes(text)
        [file] = await files.all(ADA, "", checksums=True)
        assert (file.size, file.sha256) == (len(text), hashlib.sha256(text).hexdigest())
        assert await content(files, ADA, "out.txt") == text


async def test_what_is_no_regular_file_is_not_there(files: FolderFiles, tmp_path: Path) -> None:
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


async def test_names_that_nobody_could_ask_for_are_not_listed(files: FolderFiles) -> None:
    leave(program_folder(files), b"\xff.txt", b"two\nlines", b"good.txt")
    assert await files.names(ADA) == ["good.txt"]
    assert [file.path for file in await files.all(ADA, "", checksums=True)] == ["good.txt"]


async def test_times_and_sizes_that_programs_make_up(files: FolderFiles) -> None:
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


async def test_folders_too_deep_to_name_are_not_walked(files: FolderFiles) -> None:
    deep = program_folder(files)
    for _ in range(40):
        deep /= "d"
        deep.mkdir()
        (deep / "f").touch()
    assert len(await files.all(ADA, "", checksums=False)) == 31  # the last one has 32 segments


async def test_a_link_is_never_written_through(files: FolderFiles, tmp_path: Path) -> None:
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


async def test_a_space_that_a_program_replaces_by_a_link_is_gone(files: FolderFiles) -> None:
    await write(files, EVE, "a", b"eve's")
    folder = program_folder(files)
    folder.rmdir()
    folder.symlink_to(files.folder(EVE), target_is_directory=True)
    assert await files.names(ADA) == []
    assert await content(files, ADA, "a") is None
    with pytest.raises(InvalidError):
        await write(files, ADA, "a", b"ada's")
    assert await content(files, EVE, "a") == b"eve's"


def leftovers(files: FolderFiles) -> list[Path]:
    return list((Path(files.folder(ADA)).parent / ".partial").iterdir())


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


async def test_a_program_finds_what_was_uploaded_and_nothing_of_what_was_not(files: FolderFiles) -> None:
    await write(files, ADA, "data.bin", b"data")
    assert (program_folder(files) / "data.bin").read_bytes() == b"data"
    with pytest.raises(TooLargeError):
        await files.write(ADA, "data.bin", chunks(b"x" * 6, b"x" * 6), 10)

    async def cut() -> AsyncIterator[bytes]:
        yield b"x" * 2_000_000
        assert len(leftovers(files)) == 1
        raise ConnectionResetError("the sender is gone")

    with pytest.raises(ConnectionResetError):
        await files.write(ADA, "data.bin", cut(), 10_000_000)
    assert leftovers(files) == []
    assert (program_folder(files) / "data.bin").read_bytes() == b"data"
