"""From a tar file to a working directory."""

import hashlib
import io
import stat
import tarfile
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.conformance.runner_gateway import tar_of
from treadle.runner.artifact import ArtifactCache, ArtifactError, unpack


def member(name: str, kind: bytes = tarfile.REGTYPE, target: str = "", size: int = 0) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.size = kind, target, size
    return info


def archive_of(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path / "a.tar", "w") as tar:
        for info in members:
            tar.addfile(info, io.BytesIO(bytes(info.size)))
    return path / "a.tar"


def digest_of(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def writes(data: bytes) -> "Fetch":
    return Fetch(data)


class Fetch:
    """Writes its data, and counts how often it was asked to."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.times = 0

    def __call__(self, target: BinaryIO) -> None:
        self.times += 1
        target.write(self.data)


def test_files_and_folders_are_unpacked(tmp_path: Path) -> None:
    (tmp_path / "a.tar").write_bytes(tar_of({"main.py": "print()", "deep/er/data.txt": "ü", "./dotted": "x"}))
    unpack(tmp_path / "a.tar", tmp_path / "out")

    assert (tmp_path / "out/main.py").read_text() == "print()"
    assert (tmp_path / "out/deep/er/data.txt").read_text() == "ü"
    assert (tmp_path / "out/dotted").read_text() == "x"


def test_a_compressed_archive_is_unpacked(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "a.tar", "w:gz") as tar:
        tar.addfile(member("main.py", size=3), io.BytesIO(b"abc"))
    unpack(tmp_path / "a.tar", tmp_path / "out")

    assert (tmp_path / "out/main.py").read_text() == "abc"


def test_executables_stay_executable_but_nobody_else_may_write(tmp_path: Path) -> None:
    script = member("run.sh")
    script.mode = 0o4777
    unpack(archive_of(tmp_path, script), tmp_path / "out")

    assert stat.S_IMODE((tmp_path / "out/run.sh").stat().st_mode) == 0o755


@pytest.mark.parametrize(
    ("info", "message"),
    [
        (member("../outside"), "outside"),
        (member("a/../../outside"), "outside"),
        (member("/etc/absolute"), "outside"),
        (member("link", tarfile.SYMTYPE, "/etc/passwd"), "'link' in the artifact is a link"),
        (member("link", tarfile.SYMTYPE, "main.py"), "is a link"),
        (member("link", tarfile.LNKTYPE, "../../etc/passwd"), "is a link"),
        (member("device", tarfile.CHRTYPE), "or a device"),
        (member("pipe", tarfile.FIFOTYPE), "or a device"),
    ],
)
def test_what_could_reach_outside_is_refused(tmp_path: Path, info: tarfile.TarInfo, message: str) -> None:
    archive = archive_of(tmp_path, member("main.py"), info)
    with pytest.raises(ArtifactError, match=message):
        unpack(archive, tmp_path / "out")

    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.tar", "out"]


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("treadle.runner.artifact._MOST_MEMBERS", 2)
    with pytest.raises(ArtifactError, match="larger than 2 files"):
        unpack(archive_of(tmp_path, *map(member, "abc")), tmp_path / "out")


def test_a_bomb_is_refused_before_it_is_unpacked(tmp_path: Path) -> None:
    huge = member("huge", size=0)
    archive = archive_of(tmp_path, huge)
    header = bytearray(archive.read_bytes())
    huge.size = 2**40
    header[:512] = huge.tobuf()
    archive.write_bytes(header)
    with pytest.raises(ArtifactError, match="8 GiB"):
        unpack(archive, tmp_path / "out")


@pytest.mark.parametrize("data", [b"", b"hello", tar_of({"main.py": "x" * 5000})[:2000]])
def test_what_is_no_whole_tar_file_is_refused(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.tar").write_bytes(data)
    with pytest.raises(ArtifactError, match="cannot be unpacked"):
        unpack(tmp_path / "a.tar", tmp_path / "out")


def test_an_artifact_is_fetched_once(tmp_path: Path) -> None:
    data = tar_of({"main.py": "text"})
    cache, fetch = ArtifactCache(tmp_path), writes(data)
    assert not cache.has(digest_of(data))
    cache.add(digest_of(data), fetch, tmp_path / "scratch")

    assert cache.has(digest_of(data))
    assert not (tmp_path / "scratch").exists()
    cache.copy(digest_of(data), tmp_path / "work")
    assert (tmp_path / "work/main.py").read_text() == "text"


def test_a_copy_is_independent(tmp_path: Path) -> None:
    data = tar_of({"main.py": "text"})
    cache = ArtifactCache(tmp_path)
    cache.add(digest_of(data), writes(data), tmp_path / "scratch")
    cache.copy(digest_of(data), tmp_path / "first")
    (tmp_path / "first/main.py").write_text("changed")
    cache.copy(digest_of(data), tmp_path / "second")

    assert (tmp_path / "second/main.py").read_text() == "text"
    assert (tmp_path / "second/main.py").stat().st_nlink == 1


def test_a_damaged_artifact_is_not_kept(tmp_path: Path) -> None:
    cache = ArtifactCache(tmp_path)
    wanted = digest_of(tar_of({"main.py": "text"}))
    with pytest.raises(ArtifactError, match="damaged on its way"):
        cache.add(wanted, writes(tar_of({"main.py": "other"})), tmp_path / "scratch")

    assert not cache.has(wanted)


def test_what_a_crash_left_of_a_download_is_replaced(tmp_path: Path) -> None:
    data = tar_of({"main.py": "text"})
    (tmp_path / "scratch/unpacked/half").mkdir(parents=True)
    cache = ArtifactCache(tmp_path)
    cache.add(digest_of(data), writes(data), tmp_path / "scratch")

    cache.copy(digest_of(data), tmp_path / "work")
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["main.py"]


def test_two_supervisors_may_add_the_same_artifact(tmp_path: Path) -> None:
    data = tar_of({"main.py": "text"})
    cache = ArtifactCache(tmp_path)
    cache.add(digest_of(data), writes(data), tmp_path / "scratch1")
    cache.add(digest_of(data), writes(data), tmp_path / "scratch2")

    assert cache.has(digest_of(data))
