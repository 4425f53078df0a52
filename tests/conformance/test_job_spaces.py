"""The files of a job on a machine that shares no folder with the platform: brought there, changed there, sent back."""

import dataclasses
import hashlib
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.client import HTTPResponse
from pathlib import Path
from typing import Any, ClassVar

import pytest

from qiskit_serverless.spaces import delivery
from qiskit_serverless.spaces.bringing import SMALL
from qiskit_serverless.spaces.cache import ContentCache
from qiskit_serverless.spaces.errors import FilesError, JobOverError
from qiskit_serverless.spaces.gateway import FilesGateway
from qiskit_serverless.spaces.job_spaces import JobSpaces
from tests.conformance.runner_gateway import PATIENCE, Attempt, RunnerGateway
from tests.conformance.stored_spaces import MODIFIED

LARGE = os.urandom(10_000_000)
CONTENTS, CONTENT = "files/user/contents", "files/user/content"


@pytest.fixture
def gateway() -> Iterator[RunnerGateway]:
    running = RunnerGateway()
    yield running
    running.close()


@pytest.fixture
def attempt(gateway: RunnerGateway) -> Attempt:
    return gateway.add(None)


def spaces_at(gateway: RunnerGateway, attempt: Attempt, folder: Path, **terms: bool) -> JobSpaces:
    files = FilesGateway(gateway.url, attempt.job_id, attempt.number, attempt.token, full_patience=0.0)
    return JobSpaces(files, folder / attempt.job_id, folder / "cache", **{"has_function_space": False, **terms})


@pytest.fixture
def spaces(gateway: RunnerGateway, attempt: Attempt, tmp_path: Path) -> JobSpaces:
    return spaces_at(gateway, attempt, tmp_path)


def contents_of(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_all_files_are_brought_as_they_are(spaces: JobSpaces, attempt: Attempt) -> None:
    attempt.files.user.update({"a.txt": b"a", "empty": b"", "runs/1/out.bin": LARGE, "\N{SNOWMAN} %2e/x y": b"odd"})
    spaces.bring()
    assert contents_of(spaces.data_path) == attempt.files.user
    assert (spaces.data_path / "a.txt").stat().st_mtime == pytest.approx(MODIFIED.timestamp(), abs=1e-5)
    attempt.calls.clear()
    spaces.deliver()
    assert attempt.calls == []


def test_thousands_of_small_files_travel_together(spaces: JobSpaces, attempt: Attempt) -> None:
    attempt.files.user.update({f"in/{number:04}": os.urandom(100) for number in range(1100)})
    spaces.bring()
    assert contents_of(spaces.data_path) == attempt.files.user
    for number in range(1100):
        (spaces.data_path / f"{number}.out").write_bytes(b"out")
    spaces.deliver()
    assert attempt.calls.count(CONTENTS) == 6
    assert len(attempt.files.user) == 2200


def test_only_what_has_changed_is_sent_and_what_was_removed_is_removed(spaces: JobSpaces, attempt: Attempt) -> None:
    attempt.files.user.update({"same": b"same", "changed": b"old", "gone": b"x", "touched": b"t", "large": LARGE})
    spaces.bring()
    folder = spaces.data_path
    (folder / "changed").write_bytes(b"new")
    (folder / "gone").unlink()
    (folder / "touched").touch()
    with (folder / "large").open("r+b") as file:
        file.write(b"begins otherwise")
    attempt.calls.clear()
    spaces.deliver()
    changed = b"begins otherwise" + LARGE[16:]
    assert attempt.files.user == {"same": b"same", "changed": b"new", "touched": b"t", "large": changed}
    assert attempt.calls == ["files/user/removed", CONTENTS, CONTENT]
    spaces.deliver()
    assert len(attempt.calls) == 3


def test_a_file_that_somebody_else_has_changed_is_not_removed(spaces: JobSpaces, attempt: Attempt) -> None:
    attempt.files.user["a"] = b"as it was"
    spaces.bring()
    attempt.files.user["a"] = b"by another job"
    (spaces.data_path / "a").unlink()
    spaces.deliver()
    assert attempt.files.user == {"a": b"by another job"}


def test_a_file_can_become_a_folder_and_a_folder_a_file(spaces: JobSpaces, attempt: Attempt) -> None:
    attempt.files.user.update({"file": b"x", "folder/a": b"a"})
    spaces.bring()
    (spaces.data_path / "file").unlink()
    (spaces.data_path / "file").mkdir()
    (spaces.data_path / "file" / "b").write_bytes(b"b")
    (spaces.data_path / "folder" / "a").unlink()
    (spaces.data_path / "folder").rmdir()
    (spaces.data_path / "folder").write_bytes(b"y")
    spaces.deliver()
    assert attempt.files.user == {"file/b": b"b", "folder": b"y"}


def test_only_regular_files_with_good_names_are_sent(spaces: JobSpaces, attempt: Attempt, tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    spaces.bring()
    folder = spaces.data_path
    (folder / "link").symlink_to(secret)
    (folder / "folder-link").symlink_to(tmp_path, target_is_directory=True)
    os.mkfifo(folder / "pipe")
    os.mknod(folder / "socket", 0o600 | stat.S_IFSOCK)
    Path(os.fsdecode(os.fsencode(folder) + b"/\xff")).touch()
    (folder / "two\nlines").touch()
    with (folder / "sparse").open("wb") as sparse:
        sparse.truncate(SMALL + 1)
    spaces.deliver()
    assert attempt.files.user == {"sparse": bytes(SMALL + 1)}


@pytest.mark.parametrize("replacement", ["nothing", "a link"])
def test_a_folder_that_the_program_took_away_is_empty(
    spaces: JobSpaces, attempt: Attempt, tmp_path: Path, replacement: str
) -> None:
    attempt.files.user["a"] = b"a"
    spaces.bring()
    spaces.data_path.rename(tmp_path / "elsewhere")
    if replacement == "a link":
        spaces.data_path.symlink_to(tmp_path / "elsewhere")
    spaces.deliver()
    assert attempt.files.user == {}


def test_a_file_that_is_replaced_while_it_comes_in_is_the_new_one(spaces: JobSpaces, attempt: Attempt) -> None:
    attempt.files.user["large"] = LARGE
    replaced = os.urandom(9_000_000)
    attempt.on_call[CONTENT] = lambda: attempt.files.user.update(large=replaced)
    spaces.bring()
    assert (spaces.data_path / "large").read_bytes() == replaced


def test_a_file_that_is_removed_while_it_comes_in_is_not_there(spaces: JobSpaces, attempt: Attempt) -> None:
    attempt.files.user.update(large=LARGE, small=b"small")
    attempt.on_call["files/user"] = attempt.files.user.clear
    spaces.bring()
    assert contents_of(spaces.data_path) == {}
    (spaces.data_path / "own").write_bytes(b"own")
    spaces.deliver()
    assert attempt.files.user == {"own": b"own"}


def test_a_file_that_has_become_large_comes_in_too(spaces: JobSpaces, attempt: Attempt) -> None:
    attempt.files.user.update(file=b"small")
    attempt.on_call["files/user"] = lambda: attempt.files.user.update(file=LARGE)
    spaces.bring()
    assert contents_of(spaces.data_path) == {"file": LARGE}


def test_nothing_is_left_of_a_file_that_is_gone_where_the_cache_has_no_place_for_it(
    spaces: JobSpaces, attempt: Attempt
) -> None:
    attempt.files.user.update(large=LARGE)
    attempt.on_call["files/user"] = attempt.files.user.clear
    dataclasses.replace(spaces, cache=None).bring()
    assert contents_of(spaces.data_path) == {}


class LatePart(FilesGateway):
    """Of a file of three parts, the last is written late, and the first counts who else is still writing."""

    log: ClassVar[list[int]] = []
    writing: ClassVar[set[int]] = set()
    again: ClassVar[threading.Event] = threading.Event()

    def call(self, method: str, path: str, take: Callable[..., Any], *rest: Any, **terms: Any) -> Any:
        part: range | None = terms.get("part")
        if part is None:
            return super().call(method, path, take, *rest, **terms)
        if part.start == 0:
            self.log.append(len(self.writing))
            if len(self.log) == 2:
                self.again.set()
        self.writing.add(part.start)

        def take_late(answer: HTTPResponse) -> Any:
            if part.stop > len(LARGE):
                self.again.wait(0.2)
            return take(answer)

        try:
            return super().call(method, path, take_late, *rest, **terms)
        finally:
            self.writing.discard(part.start)


def test_no_part_of_a_content_that_was_replaced_is_written_into_the_new_one(
    gateway: RunnerGateway, attempt: Attempt, tmp_path: Path
) -> None:
    attempt.files.user["large"] = LARGE
    replaced = os.urandom(len(LARGE))
    attempt.on_call[CONTENT] = lambda: attempt.files.user.update(large=replaced)
    late = LatePart(gateway.url, attempt.job_id, attempt.number, attempt.token)
    spaces = JobSpaces(late, tmp_path / "spaces", None, has_function_space=False)

    spaces.bring()

    assert LatePart.log == [0, 0]
    assert contents_of(spaces.data_path) == {"large": replaced}


def test_what_was_begun_by_a_process_that_was_killed_is_begun_again(spaces: JobSpaces, attempt: Attempt) -> None:
    attempt.files.user.update(a=b"a", b=b"b")
    spaces.data_path.mkdir(parents=True)
    (spaces.data_path / "a").write_bytes(b"ha")
    assert not spaces.looked_at
    spaces.deliver()  # of what is not complete, nothing is sent
    spaces.bring()
    assert contents_of(spaces.data_path) == {"a": b"a", "b": b"b"}
    assert attempt.files.user == {"a": b"a", "b": b"b"}


def test_a_gateway_that_goes_away_is_waited_for(spaces: JobSpaces, gateway: RunnerGateway, attempt: Attempt) -> None:
    attempt.files.user.update({"large": LARGE, "a": b"a"})

    begun = threading.Event()
    attempt.on_call[CONTENT] = begun.set
    bringing = threading.Thread(target=spaces.bring)
    bringing.start()
    assert begun.wait(PATIENCE)
    gateway.off()
    gateway.on()
    bringing.join()
    assert contents_of(spaces.data_path) == attempt.files.user


def test_who_waits_for_long_says_so(
    spaces: JobSpaces, attempt: Attempt, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("qiskit_serverless.spaces.gateway._LONGEST_PAUSE", 0.05)
    attempt.refused["files/user"] = 503
    attempt.on_call["files/user"] = attempt.refused.clear
    spaces.bring()
    assert capfd.readouterr().err == "still waiting for the files of this job: refused by the test\n"


@pytest.mark.parametrize(
    ("status", "error", "words"),
    [
        (413, FilesError, "refused by the test"),
        (507, FilesError, "refused by the test"),
        (404, FilesError, "refused by the test"),
        (409, JobOverError, "refused"),
    ],
)
def test_what_the_gateway_refuses_is_told_and_the_rest_is_kept_for_the_next_try(
    spaces: JobSpaces, attempt: Attempt, status: int, error: type[Exception], words: str
) -> None:
    spaces.bring()
    (spaces.data_path / "small").write_bytes(b"small")
    (spaces.data_path / "large").write_bytes(LARGE)
    attempt.refused[CONTENT] = status
    with pytest.raises(error, match=words):
        spaces.deliver()
    assert attempt.files.user == {"small": b"small"}
    attempt.refused.clear()
    attempt.calls.clear()
    spaces.deliver()
    assert attempt.files.user == {"small": b"small", "large": LARGE}
    assert attempt.calls == [CONTENT]


def test_a_record_that_the_program_has_spoilt_is_told(spaces: JobSpaces, attempt: Attempt) -> None:
    spaces.bring()
    for text in ("", "[1]", '{"a": ["x", 1, 2, 3, "y"]}'):
        (spaces.data_path.parent / "known.json").write_text(text)
        with pytest.raises(FilesError, match="cannot be read"):
            spaces.deliver()


def test_what_is_open_or_was_just_written_waits_while_the_program_runs(
    spaces: JobSpaces, attempt: Attempt, monkeypatch: pytest.MonkeyPatch
) -> None:
    spaces.bring()
    (spaces.data_path / "closed").write_bytes(b"closed")
    spaces.deliver(while_running=True)
    assert attempt.files.user == {}
    monkeypatch.setattr(delivery, "_SETTLED_SECONDS", -1.0)
    with (spaces.data_path / "open").open("wb", buffering=0) as file:
        file.write(b"half")
        spaces.deliver(while_running=True)
        assert attempt.files.user == {"closed": b"closed"}
    spaces.deliver(while_running=True)
    assert attempt.files.user == {"closed": b"closed", "open": b"half"}


def test_large_files_come_to_a_machine_once_and_each_job_has_its_own_copy(
    gateway: RunnerGateway, attempt: Attempt, tmp_path: Path
) -> None:
    another = gateway.add(None)
    for each in (attempt, another):
        each.files.user["large"] = LARGE
        spaces_at(gateway, each, tmp_path).bring()
    assert another.calls == ["files/user"]
    first, second = (spaces_at(gateway, each, tmp_path).data_path / "large" for each in (attempt, another))
    first.write_bytes(b"mine")
    assert second.read_bytes() == LARGE
    assert (tmp_path / "cache" / hashlib.sha256(LARGE).hexdigest()).read_bytes() == LARGE


def test_the_cache_lets_go_of_what_was_not_used_for_the_longest(tmp_path: Path) -> None:
    cache = ContentCache(tmp_path / "cache", most_bytes=250)

    def fetched(target: Path, letter: bytes) -> str:
        target.write_bytes(letter * 100)
        return letter.decode() * 64

    assert cache.has_room(100)
    for age, letter in ((2000, b"a"), (1000, b"b")):
        cache.add(lambda target, letter=letter: fetched(target, letter))
        os.utime(tmp_path / "cache" / (letter.decode() * 64), (age, age))
    assert cache.copy("a" * 64, tmp_path / "copy")  # used again
    cache.add(lambda target: fetched(target, b"c"))
    assert [cache.copy(letter * 64, tmp_path / letter) for letter in "abc"] == [True, False, True]
    assert not cache.has_room(251)
    assert {path.name[0] for path in (tmp_path / "cache").iterdir()} == {"a", "c"}


LOOK = """
import os, subprocess, sys
from pathlib import Path
from qiskit_serverless.spaces.job_spaces import JobSpaces

spaces = JobSpaces.of(os.environ, Path(sys.argv[1]))
spaces.attach()
assert not spaces.looked_at
assert os.environ["HOME"] and "NONE" not in os.environ
os.listdir("/")
assert not spaces.looked_at
{look}
assert spaces.looked_at
assert sorted(os.listdir(os.environ["DATA_PATH"])) == ["a"]
assert sorted(os.listdir(os.environ["FUNCTION_DATA_PATH"])) == {shared}
(Path(os.environ["DATA_PATH"]) / "b").write_text("b")
spaces.deliver()
"""


@pytest.mark.parametrize(
    "look",
    [
        "os.environ['DATA_PATH']",
        "os.getenv('DATA_PATH')",
        "os.environb[b'DATA_PATH']",
        "assert 'DATA_PATH' in os.environ",
        "dict(os.environ)",
        "assert subprocess.run('ls $DATA_PATH', shell=True, capture_output=True, text=True).stdout == 'a\\n'",
        "assert os.system('test -f $DATA_PATH/a') == 0",
        "pid = os.fork() or os._exit(len(os.listdir(os.environ['DATA_PATH'])))\nassert os.waitpid(pid, 0)[1] == 1 << 8",
        "import multiprocessing.popen_spawn_posix",
        "path = os.environ._data[b'DATA_PATH']\ndel os.environ['DATA_PATH']\nassert os.system('exit $DATA_PATH') == 0\n"
        "os.environb[b'DATA_PATH'] = path",
    ],
)
@pytest.mark.parametrize("has_function_space", [False, True])
def test_files_are_brought_when_somebody_looks(
    spaces: JobSpaces, gateway: RunnerGateway, attempt: Attempt, tmp_path: Path, look: str, has_function_space: bool
) -> None:
    attempt.files.spaces.update(user={"a": b"a"}, provider={"weights": b"w"})
    described = spaces_at(gateway, attempt, tmp_path, has_function_space=has_function_space)
    variables = {
        **os.environ,
        "TREADLE_SPACES": described.description(),
        "ENV_JOB_GATEWAY_HOST": gateway.url,
        "ENV_JOB_ID_GATEWAY": attempt.job_id,
        "ENV_JOB_GATEWAY_TOKEN": attempt.token,
    }
    script = LOOK.format(look=look, shared=["weights"] if has_function_space else ["a"])
    subprocess.run([sys.executable, "-c", script, tmp_path / "node"], check=True, env=variables)
    assert attempt.files.user == {"a": b"a", "b": b"b"}
    assert JobSpaces.of({}, tmp_path) is None
