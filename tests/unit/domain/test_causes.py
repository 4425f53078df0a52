"""Causes: every way to fail has a kind, a message and something to do."""

import errno
import signal
from typing import Any

import pytest

from treadle.domain.causes import WORKER_LOST, Cause, CauseCode, diagnose
from treadle.domain.outcome import Ending, Failure, Outcome


def diagnosed(ending: Ending = Ending.EXITED, **facts: Any) -> Cause:
    cause = diagnose(Outcome(ending, **facts))
    assert cause is not None
    return cause


def raised(type_: str, message: str = "text", **facts: Any) -> Cause:
    return diagnosed(exit_code=1, failure=Failure(type_, message, **facts))


def test_a_program_that_ends_with_code_0_has_not_failed() -> None:
    assert diagnose(Outcome(Ending.EXITED, exit_code=0)) is None


def test_an_exception_is_told_with_file_and_line() -> None:
    cause = raised("ValueError", "no such angle", file="main.py", line=12, traceback="Traceback ...")
    assert cause.code is CauseCode.USER_EXCEPTION
    assert cause.message == "ValueError: no such angle (in main.py, line 12)"
    assert cause.exception == "ValueError"
    assert cause.details["traceback"] == "Traceback ..."


def test_a_missing_package_is_named_by_its_first_part() -> None:
    cause = raised("ModuleNotFoundError", "No module named 'foo.bar'", details={"module": "foo.bar"})
    assert cause.code is CauseCode.MISSING_PACKAGE
    assert "'foo'" in cause.hint


def test_a_syntax_error_asks_for_another_upload() -> None:
    cause = raised("SyntaxError", "invalid syntax", file="main.py", line=3)
    assert cause.code is CauseCode.SYNTAX_ERROR
    assert "upload the function again" in cause.hint


def test_a_result_that_cannot_be_stored_is_told_with_its_path() -> None:
    cause = raised("SerializationError", details={"path": 'result["a"][3]'})
    assert cause.code is CauseCode.RESULT_NOT_SERIALIZABLE
    assert 'result["a"][3]' in cause.hint


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_full_disk_is_recognised_by_its_error_number(number: int) -> None:
    assert raised("OSError", details={"errno": number}).code is CauseCode.DISK_FULL


def test_other_errors_of_the_system_are_the_programs_own() -> None:
    assert raised("FileNotFoundError", details={"errno": errno.ENOENT}).code is CauseCode.USER_EXCEPTION


@pytest.mark.parametrize("type_", ["MemoryError", "numpy._core._exceptions._ArrayMemoryError"])
def test_memory_that_could_not_be_had(type_: str) -> None:
    assert raised(type_).code is CauseCode.OUT_OF_MEMORY


def test_an_exit_code_is_told() -> None:
    cause = diagnosed(exit_code=3)
    assert (cause.code, cause.details) == (CauseCode.EXIT_CODE, {"exit_code": 3})
    assert "exit code 3" in cause.message


def test_a_crash_in_compiled_code_is_not_a_kill() -> None:
    crash = diagnosed(signal=signal.SIGSEGV)
    assert crash.code is CauseCode.CRASHED
    assert "SIGSEGV" in crash.message
    kill = diagnosed(signal=signal.SIGKILL)
    assert kill.code is CauseCode.KILLED
    assert "memory" in kill.hint


def test_a_signal_without_a_name_is_told_by_its_number() -> None:
    assert "signal 44" in diagnosed(signal=44).message


def test_time_limit_lost_supervisor_and_failed_start() -> None:
    assert diagnosed(Ending.TIMED_OUT, wall_seconds=60.0).code is CauseCode.TIMEOUT
    assert diagnosed(Ending.LOST) is WORKER_LOST
    unstarted = diagnosed(Ending.NOT_STARTED, failure=Failure("FileNotFoundError", "no main.py"))
    assert unstarted.code is CauseCode.NOT_STARTED
    assert "no main.py" in unstarted.message
    assert diagnosed(Ending.NOT_STARTED).code is CauseCode.NOT_STARTED
    assert diagnosed(Ending.STOPPED).code is CauseCode.KILLED


def test_every_cause_says_what_to_do() -> None:
    outcomes = [
        Outcome(Ending.EXITED, exit_code=3),
        Outcome(Ending.EXITED, signal=9),
        Outcome(Ending.EXITED, signal=11),
        Outcome(Ending.EXITED, exit_code=1, failure=Failure("ValueError", "x")),
        *(Outcome(ending) for ending in Ending if ending is not Ending.EXITED),
    ]
    for outcome in outcomes:
        cause = diagnose(outcome)
        assert cause is not None
        assert cause.message.endswith((".", ")", "x"))
        assert cause.hint.endswith(".")


def test_an_outcome_survives_its_way_over_the_wire() -> None:
    outcome = Outcome(
        Ending.EXITED, exit_code=1, failure=Failure("E", "m", "f.py", 3, "tb", {"errno": 28}), peak_memory=5
    )
    assert Outcome.from_dict(outcome.to_dict()) == outcome
    assert Outcome.from_dict(Outcome(Ending.LOST).to_dict()) == Outcome(Ending.LOST)


@pytest.mark.parametrize("broken", [{"ending": "exited", "colour": 1}, {"ending": "evaporated"}])
def test_what_is_not_an_outcome_is_refused(broken: dict[str, Any]) -> None:
    with pytest.raises((TypeError, ValueError)):
        Outcome.from_dict(broken)
