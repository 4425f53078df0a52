"""Tasks that do not return: what whoever asks for the value gets instead."""

import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from qiskit_serverless.exceptions import QiskitServerlessException
from qiskit_serverless.tasks import (
    GetTimeoutError,
    NotSerializableError,
    RemoteTraceback,
    TaskError,
    TaskTimeoutError,
    WorkerDiedError,
    distribute_task,
    get,
    put,
    wait,
)
from tests.unit.tasks.conftest import EXECUTOR
from tests.unit.tasks.work import Gate

PEAK = "" if EXECUTOR == "ray" else r"; its largest size was \d+"
"""How large a process was is known to its parent alone, which on a cluster is Ray."""


class PickyError(Exception):
    """Cannot be made from its args, so pickle cannot bring it back."""

    def __init__(self, first: str, second: str) -> None:
        super().__init__(f"{first} and {second}")


class RichError(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


@distribute_task
def divide(left: float, right: float) -> float:
    return left / right


@distribute_task
def twice(value: float) -> float:
    return 2 * value


@distribute_task
def die(number: int) -> None:
    os.kill(os.getpid(), number)


@distribute_task
def call(function: Any) -> Any:
    return function()


def test_an_exception_arrives_as_it_is_with_the_frames_of_the_worker() -> None:
    with pytest.raises(ZeroDivisionError, match="division by zero") as caught:
        get(divide(1, 0))

    shown = "".join(traceback.format_exception(caught.value))
    assert isinstance(caught.value.__cause__, RemoteTraceback)
    assert "in task 'divide' #" in shown
    assert f'File "{__file__}", line ' in shown
    assert "return left / right" in shown
    assert "qiskit_serverless/tasks/worker.py" not in shown


def test_an_exception_of_ones_own_keeps_what_it_carries() -> None:
    def fail() -> None:
        raise RichError(7)

    with pytest.raises(RichError) as caught:
        get(call(fail))

    assert caught.value.code == 7


def test_the_cause_of_an_exception_is_in_the_traceback() -> None:
    def fail() -> None:
        try:
            {}["missing"]
        except KeyError as error:
            raise ValueError("bad") from error

    with pytest.raises(ValueError, match="bad") as caught:
        get(call(fail))

    assert "KeyError: 'missing'" in str(caught.value.__cause__)


def test_asking_again_raises_again_and_not_the_same_object() -> None:
    reference = divide(1, 0)
    raised = []
    for _ in range(2):
        with pytest.raises(ZeroDivisionError) as caught:
            get(reference)
        raised.append(caught.value)

    assert raised[0] is not raised[1]


def raise_picky() -> None:
    raise PickyError("a", "b")


def raise_one_that_holds_a_lock() -> None:
    error = ValueError("held")
    error.lock = threading.Lock()  # type: ignore[attr-defined]
    raise error


@pytest.mark.parametrize(
    ("fail", "message"), [(raise_picky, "PickyError: a and b"), (raise_one_that_holds_a_lock, "ValueError: held")]
)
def test_an_exception_that_cannot_travel_is_told_of(fail: Any, message: str) -> None:
    with pytest.raises(TaskError, match=rf"{message} \(in task 'call' #\d+, worker process \d+\)") as caught:
        get(call(fail))

    assert f"in {fail.__name__}" in str(caught.value.__cause__)


@pytest.mark.parametrize(
    ("leave", "message"),
    [
        (lambda: sys.exit(3), r"sys.exit\(3\) was called in task 'call'"),
        (sys.exit, r"sys.exit\(\) was called in task 'call'"),
        (lambda: (_ for _ in ()).throw(KeyboardInterrupt()), "KeyboardInterrupt"),
    ],
)
def test_what_would_end_the_program_is_a_failure_of_the_task_only(leave: Any, message: str) -> None:
    with pytest.raises(TaskError, match=message):
        get(call(leave))


def test_a_result_that_cannot_be_sent_names_the_task() -> None:
    with pytest.raises(NotSerializableError, match=r"the result of task 'call': <class '_thread.lock'> cannot be sent"):
        get(call(threading.Lock))


def test_a_generator_is_not_a_result() -> None:
    @distribute_task
    def numbers() -> Iterator[int]:
        yield 1

    with pytest.raises(NotSerializableError, match=r"the result of task 'numbers': .*; return a list instead"):
        get(numbers())


def test_wrong_arguments_fail_the_task() -> None:
    with pytest.raises(TypeError, match="missing 1 required positional argument: 'right'"):
        get(divide(1))


def test_one_failure_is_raised_even_if_others_take_their_time(gate: Gate) -> None:
    slow = call(gate.pass_through)

    with pytest.raises(ZeroDivisionError):
        get([slow, divide(1, 0)])

    gate.open()
    assert get(slow) == "through"


def test_tasks_that_need_a_failed_one_fail_with_the_original_cause() -> None:
    dependent = twice(twice(divide(1, 0)))

    with pytest.raises(ZeroDivisionError) as caught:
        get(dependent)

    assert any(
        "task 'twice' was not run: its argument is the result of task 'divide'" in n for n in caught.value.__notes__
    )
    assert "return left / right" in str(caught.value.__cause__)
    with pytest.raises(ZeroDivisionError):
        get(twice(dependent))  # known to have failed at the call


def test_a_long_chain_behind_a_failure_fails() -> None:
    reference = divide(1, 0)
    for _ in range(3000):
        reference = twice(reference)

    with pytest.raises(ZeroDivisionError):
        get(reference)


def test_a_failure_in_a_nested_task_passes_through() -> None:
    @distribute_task
    def outer() -> float:
        return get(divide(1, 0))

    with pytest.raises(ZeroDivisionError) as caught:
        get(outer())

    assert "in outer" in str(caught.value.__cause__)
    assert "return left / right" in str(caught.value.__cause__)


def test_a_task_can_catch_the_failure_of_another() -> None:
    @distribute_task
    def careful() -> str:
        try:
            get(divide(1, 0))
        except ZeroDivisionError:
            return "caught"
        return "not caught"

    assert get(careful()) == "caught"


@pytest.mark.parametrize(
    ("number", "message"),
    [
        (signal.SIGKILL, rf"worker process \d+ of task 'die' was killed by SIGKILL \(signal 9\), by .* want of memory{PEAK}"),
        (signal.SIGSEGV, r"crashed with SIGSEGV \(signal 11\)"),
        (signal.SIGTERM, r"was ended by SIGTERM \(signal 15\)"),
    ],
)  # fmt: skip
def test_a_worker_that_is_killed_fails_its_task_with_the_cause(number: int, message: str) -> None:
    with pytest.raises(WorkerDiedError, match=message):
        get(die(number))


def test_a_worker_that_leaves_fails_its_task_with_the_exit_code() -> None:
    with pytest.raises(WorkerDiedError, match="left with exit code 7 before the task returned"):
        get(call(lambda: os._exit(7)))


def test_only_the_running_task_of_a_dead_worker_fails() -> None:
    references = [die(9) if place == 20 else twice(place) for place in range(200)]
    ready, rest = wait(references, num_returns=len(references), timeout=30)

    assert (len(ready), rest) == (200, [])
    with pytest.raises(WorkerDiedError):
        get(references.pop(20))
    assert get(references) == [2 * place for place in range(200) if place != 20]


def test_errors_are_errors_of_the_sdk() -> None:
    for kind in (TaskError, WorkerDiedError, TaskTimeoutError, GetTimeoutError, NotSerializableError):
        assert issubclass(kind, QiskitServerlessException)
    for timeout in (TaskTimeoutError, GetTimeoutError):
        assert issubclass(timeout, TimeoutError)


@pytest.mark.parametrize("failure", ["raise", "die", "late"])
def test_a_failed_task_is_run_again_if_it_asks_for_it(tmp_path: Path, failure: str) -> None:
    @distribute_task(retries=2, timeout=0.5 if failure == "late" else None)
    def flaky() -> int:
        runs = len(list(tmp_path.iterdir()))
        (tmp_path / str(runs)).touch()
        if runs < 2:
            if failure == "die":
                os._exit(1)
            if failure == "late":
                time.sleep(60)
            raise ValueError("not yet")
        return runs

    assert get(flaky()) == 2


def test_the_last_failure_counts_when_all_retries_are_used_up(tmp_path: Path) -> None:
    @distribute_task(retries=1)
    def hopeless() -> None:
        (tmp_path / str(len(list(tmp_path.iterdir())))).touch()
        raise ValueError(f"run {len(list(tmp_path.iterdir()))}")

    with pytest.raises(ValueError, match="run 2"):
        get(hopeless())
    assert len(list(tmp_path.iterdir())) == 2


def test_retries_see_the_arguments_as_they_were(tmp_path: Path) -> None:
    import numpy as np

    @distribute_task(retries=1)
    def spoil(array: Any) -> float:
        total = float(array.sum())
        array[:] = 0
        if not list(tmp_path.iterdir()):
            (tmp_path / "once").touch()
            os._exit(1)
        return total

    assert get(spoil(np.ones(300_000))) == 300_000


def test_a_task_that_takes_too_long_is_ended() -> None:
    @distribute_task(timeout=0.2)
    def forever() -> None:
        while True:
            pass

    started = time.monotonic()
    with pytest.raises(TaskTimeoutError, match=r"task 'forever' ran longer than its timeout of 0.2 s and was ended"):
        get(forever())
    assert time.monotonic() - started < 10


def test_the_timeout_of_a_task_begins_with_its_start(gate: Gate) -> None:
    slow = [call(gate.pass_through) for _ in range(4)]
    quick = [distribute_task(timeout=1)(os.getpid)() for _ in range(4)]
    with pytest.raises(GetTimeoutError):
        get(quick, timeout=1.5)  # they wait for workers

    gate.open()
    assert len(get(slow)) == 4
    assert len(get(quick)) == 4


def test_get_gives_up_after_its_timeout_and_the_task_goes_on(gate: Gate) -> None:
    slow = call(gate.pass_through)

    with pytest.raises(GetTimeoutError, match=r"1 of 1 values were not there after 0.05 s \(of 'call'\)"):
        get(slow, timeout=0.05)
    with pytest.raises(GetTimeoutError):
        get([slow], timeout=0)

    gate.open()
    assert get(slow) == "through"


def test_get_inside_a_task_gives_up_as_well(gate: Gate) -> None:
    slow = call(gate.pass_through)
    holder = put([slow])

    @distribute_task
    def impatient() -> str:
        try:
            get(get(holder), timeout=0.05)
        except GetTimeoutError:
            return "late"
        return "there"

    assert get(impatient()) == "late"
    gate.open()
    assert get(slow) == "through"


@pytest.mark.parametrize("timeout", [-1, "1", float("nan"), True])
def test_a_timeout_is_a_number_of_seconds(timeout: Any) -> None:
    with pytest.raises(ValueError, match="timeout must be a number of seconds"):
        get([], timeout=timeout)
