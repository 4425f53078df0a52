"""Packing a folder: the same content makes the same bytes, and what cannot work is found before the upload."""

import io
import os
import socket
import tarfile
from pathlib import Path

import pytest

from qiskit_serverless.artifacts import pack
from qiskit_serverless.exceptions import InvalidArgumentError, InvalidFunctionError

MEGABYTE = 1024 * 1024


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A program with a package, data and an executable."""
    folder = tmp_path / "program"
    (folder / "lab").mkdir(parents=True)
    (folder / "main.py").write_text("from lab import energy\n")
    (folder / "lab" / "__init__.py").write_text("energy = -1\n")
    (folder / "data é.txt").write_text("x")
    (folder / "tool.sh").write_text("#!/bin/sh\n")
    (folder / "tool.sh").chmod(0o700)
    return folder


def members(artifact: bytes) -> dict[str, tarfile.TarInfo]:
    with tarfile.open(fileobj=io.BytesIO(artifact)) as archive:
        return {member.name: member for member in archive.getmembers()}


def content(artifact: bytes, name: str) -> bytes:
    with tarfile.open(fileobj=io.BytesIO(artifact)) as archive:
        file = archive.extractfile(name)
        assert file is not None
        return file.read()


def test_everything_in_the_folder_is_packed(folder: Path) -> None:
    artifact = pack(str(folder), "main.py")
    assert list(members(artifact)) == ["data é.txt", "lab/__init__.py", "main.py", "tool.sh"]
    assert content(artifact, "lab/__init__.py") == b"energy = -1\n"
    assert {name: oct(member.mode) for name, member in members(artifact).items()} == {
        "data é.txt": "0o644",
        "lab/__init__.py": "0o644",
        "main.py": "0o644",
        "tool.sh": "0o755",
    }


def test_the_same_content_makes_the_same_bytes(folder: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    for name in ("tool.sh", "main.py", "lab/__init__.py", "data é.txt"):  # made in another order, at another time
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        (copy / name).write_bytes((folder / name).read_bytes())
        os.utime(copy / name, (1, 1))
    (copy / "tool.sh").chmod(0o755)
    assert pack(str(copy), "main.py") == pack(str(folder), "main.py")
    (copy / "main.py").write_text("print(1)\n")
    assert pack(str(copy), "main.py") != pack(str(folder), "main.py")


def test_nothing_of_the_machine_is_packed(folder: Path) -> None:
    for member in members(pack(str(folder), "main.py")).values():
        assert (member.uid, member.gid, member.uname, member.gname) == (0, 0, "", "")


@pytest.mark.parametrize("name", ["__pycache__", ".git", ".venv", ".ipynb_checkpoints"])
def test_caches_and_histories_stay_here(folder: Path, name: str) -> None:
    before = pack(str(folder), "main.py")
    for place in (folder / name, folder / "lab" / name):
        place.mkdir()
        (place / "x.pyc").write_bytes(b"x")
    assert pack(str(folder), "main.py") == before


def test_links_are_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "data.txt").write_text("shared")
    (folder / "file.txt").symlink_to(tmp_path / "shared" / "data.txt")
    (folder / "linked").symlink_to(tmp_path / "shared")
    artifact = pack(str(folder), "main.py")
    assert content(artifact, "file.txt") == content(artifact, "linked/data.txt") == b"shared"
    assert all(member.isreg() for member in members(artifact).values())


def test_an_entrypoint_may_lie_deeper(folder: Path) -> None:
    assert "lab/__init__.py" in members(pack(str(folder), "lab/__init__.py"))


@pytest.mark.parametrize(
    ("entrypoint", "message"),
    [
        ("mian.py", r"Entrypoint 'mian\.py' does not exist in .*\. There is: main\.py\."),
        ("lab", "Entrypoint 'lab' does not exist"),
        ("../main.py", r"must be a path inside working_dir"),
        ("/etc/passwd", r"must be a path inside working_dir"),
    ],
)
def test_an_entrypoint_that_is_not_there(folder: Path, entrypoint: str, message: str) -> None:
    with pytest.raises(InvalidFunctionError, match=message):
        pack(str(folder), entrypoint)


def test_a_folder_without_programs(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(InvalidFunctionError, match=r"There is no \.py file in it"):
        pack(str(tmp_path / "empty"), "main.py")


def test_a_folder_that_is_none(folder: Path) -> None:
    for name in ("nowhere", "main.py"):
        with pytest.raises(InvalidFunctionError, match=f"working_dir '.*{name}' is not a folder"):
            pack(str(folder / name), "main.py")


@pytest.mark.parametrize(
    ("program", "message"),
    [
        (b"x = 1\nx = = 2\n", r"Syntax error in main\.py, line 2: invalid syntax: x = = 2$"),
        (b"def f():\nreturn\n", r"Syntax error in main\.py, line 2: expected an indented block"),
        (b"x = '\xff'\n", r"main\.py.*(utf-8|codec)"),
        (b"x = 1\0\n", r"main\.py.*null byte"),
    ],
)
def test_a_program_that_is_no_python_is_found_at_once(folder: Path, program: bytes, message: str) -> None:
    (folder / "main.py").write_bytes(program)
    with pytest.raises(InvalidFunctionError, match=message):
        pack(str(folder), "main.py")


def test_a_program_in_another_encoding(folder: Path) -> None:
    (folder / "main.py").write_bytes("# coding: latin-1\nname = 'Schrödinger'\n".encode("latin-1"))
    assert "main.py" in members(pack(str(folder), "main.py"))


def test_too_much_names_the_biggest_files(folder: Path) -> None:
    for name, megabytes in (("big.bin", 40), ("bigger.bin", 60), ("small.bin", 1)):
        with (folder / name).open("wb") as file:
            file.truncate(megabytes * MEGABYTE)
    with pytest.raises(
        InvalidFunctionError,
        match=r"holds 101\.0 MB; at most 50 MB .* files: bigger\.bin \(60\.0 MB\), big\.bin \(40\.0 MB\), small\.bin",
    ):
        pack(str(folder), "main.py")


def test_the_limit_can_be_changed(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "data.bin").write_bytes(bytes(2 * MEGABYTE))
    assert pack(str(folder), "main.py")
    monkeypatch.setenv("MAX_ARTIFACT_FILE_SIZE_MB_OVERRIDE", "1")
    with pytest.raises(InvalidFunctionError, match="at most 1 MB"):
        pack(str(folder), "main.py")
    monkeypatch.setenv("MAX_ARTIFACT_FILE_SIZE_MB_OVERRIDE", "much")
    with pytest.raises(InvalidArgumentError, match="a number of megabytes, not 'much'"):
        pack(str(folder), "main.py")


def test_what_cannot_be_packed_is_named(folder: Path) -> None:
    (folder / "gone.txt").symlink_to(folder / "never.txt")
    with pytest.raises(InvalidFunctionError, match=r"gone\.txt cannot be packed: No such file"):
        pack(str(folder), "main.py")


def test_a_circle_of_links_is_named(folder: Path) -> None:
    (folder / "lab" / "again").symlink_to(folder)
    with pytest.raises(InvalidFunctionError, match="again is a link to a folder that is packed already"):
        pack(str(folder), "main.py")


def test_a_socket_is_no_file(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)  # the name of a socket must be short
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind("s.sock")
        with pytest.raises(InvalidFunctionError, match=r"s\.sock cannot be packed: it is not a plain file"):
            pack(".", "main.py")
