"""The folder of an attempt: its lock, what it remembers, how it goes."""

import multiprocessing
import os
from multiprocessing.connection import Connection
from pathlib import Path

import pytest

from treadle.domain.outcome import Ending, Failure, Outcome
from treadle.runner.attempt import AttemptFolder, attempts, discarded, open_regular

OUTCOME = Outcome(Ending.EXITED, exit_code=1, failure=Failure("E", "m", details={"errno": 2}), wall_seconds=1.5)


def hold(path: Path, connection: Connection) -> None:
    """Be another process that takes the lock, says so, and holds it until told to leave."""
    connection.send(AttemptFolder(path).take())
    connection.recv()


@pytest.fixture
def folder(tmp_path: Path) -> AttemptFolder:
    return AttemptFolder.of(tmp_path, "some-job", 3)


class Holder:
    """Another process."""

    def __init__(self, folder: AttemptFolder) -> None:
        context = multiprocessing.get_context("spawn")
        self.connection, theirs = context.Pipe()
        self.process = context.Process(target=hold, args=(folder.path, theirs))
        self.process.start()
        self.took = self.connection.recv()

    def leave(self) -> None:
        self.connection.send(None)
        self.process.join()
        self.connection.close()


def test_one_process_at_a_time_has_an_attempt(folder: AttemptFolder) -> None:
    first = Holder(folder)
    assert first.took
    assert folder.holder() == first.process.pid
    second = Holder(folder)
    assert not second.took
    first.leave()
    second.leave()

    assert folder.holder() is None
    assert folder.take()
    assert (folder.path / "lock").read_text() == f"{os.getpid()}\n"


def test_a_lock_whose_folder_was_removed_is_taken_anew(folder: AttemptFolder) -> None:
    holder = Holder(folder)
    folder.discard()
    assert folder.holder() is None
    assert folder.take()

    holder.leave()
    assert folder.path.is_dir()


def test_nobody_holds_what_is_not_there(folder: AttemptFolder) -> None:
    assert folder.holder() is None
    folder.path.parent.mkdir()
    folder.path.touch()
    assert folder.holder() is None


def test_a_program_has_begun_when_there_is_a_log(folder: AttemptFolder) -> None:
    folder.take()
    assert not folder.begun
    os.close(folder.open_log())

    assert folder.begun


def test_an_outcome_is_remembered(folder: AttemptFolder) -> None:
    folder.take()
    assert folder.recorded() is None
    folder.record(OUTCOME)

    assert folder.recorded() == OUTCOME
    assert sorted(path.name for path in folder.path.iterdir()) == ["lock", "outcome.json"]


NONSENSE = ["", "{}", "[]", "nonsense", "[" * 100_000, '{"ending": "x"}', '{"ending": "lost", "failure": 3}']


@pytest.mark.parametrize("text", NONSENSE)
def test_an_outcome_that_makes_no_sense_is_none(folder: AttemptFolder, text: str) -> None:
    folder.take()
    (folder.path / "outcome.json").write_text(text)

    assert folder.recorded() is None


def test_a_discarded_folder_is_gone(folder: AttemptFolder, tmp_path: Path) -> None:
    folder.take()
    (folder.work / "deep").mkdir(parents=True)
    folder.discard()
    folder.discard()

    assert list((tmp_path / "jobs").iterdir()) == []


def test_which_attempts_there_are(tmp_path: Path) -> None:
    assert list(attempts(tmp_path)) == []
    assert discarded(tmp_path) == []
    for name in ("job.1", "with.dots.12", ".discarded-x", "stranger", "job.x", ".7"):
        (tmp_path / "jobs" / name).mkdir(parents=True)

    assert [(job, number) for job, number, _ in attempts(tmp_path)] == [("job", 1), ("with.dots", 12)]
    assert discarded(tmp_path) == [tmp_path / "jobs/.discarded-x"]


def test_only_plain_files_are_opened(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("text")
    (tmp_path / "link").symlink_to("file")
    os.mkfifo(tmp_path / "pipe")
    for name in ("link", "pipe", "nothing", "."):
        assert open_regular(tmp_path / name) is None
    descriptor = open_regular(tmp_path / "file")

    assert descriptor is not None
    with os.fdopen(descriptor) as file:
        assert file.read() == "text"


def test_room_is_made_without_touching_what_must_be_told(folder: AttemptFolder) -> None:
    folder.take()
    os.close(folder.open_log())
    folder.work.mkdir()
    folder.temporary.mkdir()
    folder.result.write_text("1")
    folder.make_room()

    assert sorted(path.name for path in folder.path.iterdir()) == ["lock", "program.log", "result.json"]
