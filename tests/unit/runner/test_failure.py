"""The facts of an exception."""

import sys
from pathlib import Path

import pytest

from qiskit_serverless.exceptions import SerializationError
from treadle.domain.outcome import Failure
from treadle.runner.failure import describe, without_frames_of


def failure_of(code: str, work: Path, name: str = "main.py") -> Failure:
    """Run code as if it were a file of a program, and describe how it fails."""
    try:
        exec(compile(code, str(work / name), "exec"), {"__name__": "__main__"})
    except BaseException as error:  # noqa: BLE001  (as at the end of a program)
        return describe(error, without_frames_of(__file__, error.__traceback__), work)
    raise AssertionError("it did not fail")


def test_the_innermost_line_of_the_users_code(tmp_path: Path) -> None:
    failure = failure_of("import json\n\ndef read():\n    return json.loads('x')\n\nread()\n", tmp_path, "sub/main.py")

    assert (failure.type, failure.file, failure.line) == ("json.decoder.JSONDecodeError", "sub/main.py", 4)
    assert __file__ not in failure.traceback


def test_an_exception_with_no_line_of_the_users(tmp_path: Path) -> None:
    failure = failure_of("import json\njson.loads('x')", tmp_path / "elsewhere")
    inside = describe(ValueError("x"), None, tmp_path)

    assert failure.file == "main.py"
    assert (inside.file, inside.line) == (None, None)


def test_code_from_another_place_is_named_in_full(tmp_path: Path) -> None:
    failure = failure_of("1 / 0", tmp_path / "library")
    other = tmp_path / "work"
    try:
        exec(compile("1 / 0", str(tmp_path / "library/lib.py"), "exec"))
    except ZeroDivisionError as error:
        described = describe(error, without_frames_of(__file__, error.__traceback__), other)

    assert failure.file == "main.py"
    assert described.file == str(tmp_path / "library/lib.py")


@pytest.mark.parametrize(
    ("code", "kind", "details"),
    [
        ("raise OSError(object(), 'odd')", "OSError", {}),
        ("raise ModuleNotFoundError(name=7)", "ModuleNotFoundError", {"module": "7"}),
        ("import no_such.thing", "ModuleNotFoundError", {"module": "no_such"}),
        ("raise ModuleNotFoundError('by hand')", "ModuleNotFoundError", {}),
        ("open('/no/such/file')", "FileNotFoundError", {"errno": 2}),
        ("raise OSError('without a number')", "OSError", {}),
        ("class Mine(Exception): path = 'x'\nraise Mine", "Mine", {}),
        ("class A:\n  class B(Exception): pass\nraise A.B", "A.B", {}),
        ("raise KeyboardInterrupt", "KeyboardInterrupt", {}),
    ],
)
def test_kinds_and_details(tmp_path: Path, code: str, kind: str, details: dict[str, object]) -> None:
    failure = failure_of(code, tmp_path)

    assert (failure.type, failure.details) == (kind, details)


def test_the_path_of_what_cannot_be_stored(tmp_path: Path) -> None:
    failure = describe(SerializationError("no", 'result["a"]'), None, tmp_path)

    assert failure.details == {"path": 'result["a"]'}
    assert describe(SerializationError("arguments of a newer version"), None, tmp_path).details == {}


def test_the_cause_of_an_exception_is_in_the_traceback(tmp_path: Path) -> None:
    failure = failure_of(
        "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    raise ValueError('outer') from e", tmp_path
    )

    assert failure.message == "outer"
    assert "ZeroDivisionError" in failure.traceback
    assert "direct cause" in failure.traceback


def test_an_exception_that_went_very_deep(tmp_path: Path) -> None:
    failure = failure_of("def f(): f()\nf()", tmp_path)

    assert failure.type == "RecursionError"
    assert failure.line == 1
    assert sys.getrecursionlimit() == 1000
