"""What every engine must do with files where programs share no folder with the platform."""

import textwrap
from typing import Any

import pytest

from tests.conformance.engine.running_engine import RunningEngine
from tests.conformance.engine.test_crashes import recover
from tests.conformance.runner_gateway import Attempt, tar_of
from treadle.domain.causes import CauseCode, diagnose
from treadle.domain.outcome import Ending

CONTENTS, CONTENT, REMOVED = "files/user/contents", "files/user/content", "files/user/removed"

WRITES = """
import os, pathlib
data = pathlib.Path(os.environ["DATA_PATH"])
(data / "out").mkdir()
(data / "out" / "small").write_text("small")
(data / "out" / "large").write_bytes(bytes(300_000))
if (data / "in").exists():
    (data / "in").unlink()
"""
WRITTEN = {"out/small": b"small", "out/large": bytes(300_000)}


def begin(
    engine: RunningEngine,
    program: str,
    user: dict[str, bytes] | None = None,
    refused: dict[str, int] | None = None,
    **terms: Any,
) -> Attempt:
    """Start a program that shares no folder with the platform; its user has some files, and some calls are refused."""
    job = engine.gateway.add(tar_of({"main.py": textwrap.dedent(program)}))
    job.files.user.update(user or {})
    job.refused.update(refused or {})
    engine.start(job, data_path=None, **terms)
    return job


def test_a_program_finds_its_files_and_what_it_changes_is_stored_before_its_end_is_told(engine: RunningEngine) -> None:
    job = begin(engine, f"{WRITES}\nprint(sorted(os.listdir(data)))", {"in": b"in"})
    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 0)
    assert job.text == "['out']\n"
    assert job.files.user == WRITTEN
    assert {CONTENTS, CONTENT, REMOVED} <= set(job.calls[: job.calls.index("finished")])
    engine.assert_nothing_left(job)


def test_what_files_hold_that_the_program_left_open_is_written(engine: RunningEngine) -> None:
    program = """
        import os
        from pathlib import Path
        data = Path(os.environ["DATA_PATH"])
        text = (data / "text").open("w")
        text.write("text")
        numbers = (data / "numbers").open("wb")
        numbers.write(b"123")
    """
    job = begin(engine, program)
    assert engine.gateway.outcome(job).exit_code == 0
    engine.wait_for_exit(job)
    assert job.files.user == {"text": b"text", "numbers": b"123"}


def test_a_program_that_does_not_look_has_nothing_brought(engine: RunningEngine) -> None:
    job, _ = engine.finish("import os, pathlib; print(os.getcwd(), os.environ['ARGUMENTS_PATH'])", data_path=None)
    assert [call for call in job.calls if call.startswith("files/")] == []


def test_the_tasks_of_a_program_see_its_files_also_when_they_look_first(engine: RunningEngine) -> None:
    program = """
        import os
        from pathlib import Path
        from qiskit_serverless import distribute_task, get

        @distribute_task()
        def look(name):
            Path(os.environ["DATA_PATH"], name).write_text(name)
            return sorted(os.listdir(os.environ["FUNCTION_DATA_PATH"]))

        print(get(look("by-a-task")))
        print(sorted(os.listdir(os.environ["DATA_PATH"])))
    """
    job = begin(engine, program, {"mine": b"m"}, has_function_space=True)
    assert engine.gateway.outcome(job).exit_code == 0, job.text
    engine.wait_for_exit(job)
    assert job.text == "[]\n['by-a-task', 'mine']\n"
    assert job.files.user == {"mine": b"m", "by-a-task": b"by-a-task"}


def test_what_a_running_program_has_closed_can_be_seen(engine: RunningEngine) -> None:
    program = """
        import os, signal
        from pathlib import Path
        data = Path(os.environ["DATA_PATH"])
        (data / "closed").write_text("closed")
        unfinished = (data / "open").open("w")
        unfinished.write("half")
        unfinished.flush()
        signal.signal(signal.SIGTERM, lambda *_: print(" and half", end="", file=unfinished, flush=True))
        signal.pause()
    """
    job = begin(engine, program, delivery_seconds=0.2)
    engine.gateway.wait(lambda: job.files.user, "a file")
    assert job.files.user == {"closed": b"closed"}
    engine.stop(job)
    assert engine.gateway.outcome(job).ending is Ending.STOPPED
    engine.wait_for_exit(job)
    assert job.files.user == {"closed": b"closed", "open": b"half and half"}


@pytest.mark.parametrize(("refused", "before"), [(CONTENTS, {}), (CONTENT, {}), (REMOVED, {"in": b"in"})])
def test_a_job_whose_files_are_refused_has_failed_and_says_why(
    engine: RunningEngine, refused: str, before: dict[str, bytes]
) -> None:
    job = begin(engine, WRITES, before, {refused: 413})
    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    cause = diagnose(outcome)
    assert cause is not None
    assert (cause.code, outcome.exit_code) == (CauseCode.FILES_NOT_STORED, 1)
    assert "were not stored: refused by the test" in cause.message


def test_files_that_cannot_be_brought_are_an_error_of_the_program(engine: RunningEngine) -> None:
    job = begin(engine, "import os\nprint(os.environ['DATA_PATH'])", refused={"files/user": 400})
    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert outcome.failure is not None
    assert (outcome.failure.type.rpartition(".")[2], outcome.failure.message) == ("FilesError", "refused by the test")


@pytest.mark.parametrize(
    ("call", "before"), [(CONTENTS, {}), (CONTENT, {}), (REMOVED, {"in": b"in"}), ("finished", {})]
)
def test_what_a_lost_supervisor_had_not_delivered_the_next_one_delivers(
    engine: RunningEngine, call: str, before: dict[str, bytes]
) -> None:
    job = begin(engine, WRITES, before, {call: 503})
    engine.gateway.wait(lambda: call in job.tried, "the call")
    engine.supervisor(job).kill()
    job.refused.clear()
    recover(engine, job, data_path=None)

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert (outcome.ending, outcome.exit_code) == (Ending.EXITED, 0)
    assert job.files.user == WRITTEN
    engine.assert_nothing_left(job)


def test_what_a_lost_program_has_left_is_delivered(engine: RunningEngine) -> None:
    job = begin(engine, f"{WRITES}\nprint('written')\nimport signal\nsignal.pause()")
    engine.printed(job, "written")
    engine.supervisor(job).kill()
    recover(engine, job, data_path=None)

    assert engine.gateway.outcome(job).ending is Ending.LOST
    engine.wait_for_exit(job)
    assert job.files.user == WRITTEN


def test_the_supervisor_goes_on_with_its_reports_while_files_cannot_be_delivered(engine: RunningEngine) -> None:
    job = begin(engine, f"{WRITES}\nprint('last words')", refused={CONTENT: 503})
    engine.printed(job, "last words")
    engine.gateway.wait(lambda: job.tried.count(CONTENT) > 2 and "heartbeat" in job.calls, "a heartbeat")
    job.refused.clear()
    assert engine.gateway.outcome(job).exit_code == 0
    engine.wait_for_exit(job)
    assert job.files.user == WRITTEN
