"""Programs that are run as ordinary scripts: what they see, and what they leave behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.unit.tasks.conftest import Program, exists, wait_for_end


def start(tmp_path: Path, source: str) -> "subprocess.Popen[str]":
    (tmp_path / "program.py").write_text(source)
    return subprocess.Popen(
        [sys.executable, str(tmp_path / "program.py")], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


TASKS = "import os, sys, time\nfrom qiskit_serverless.tasks import distribute_task, get, put, wait\n"

FOREVER = (
    TASKS
    + """
import signal
@distribute_task
def forever():
    print(os.getpid(), os.getppid(), flush=True)
    signal.pause()
forever()
forever()
"""
)


def test_a_script_uses_tasks_and_its_classes_stay_its_classes(run_program: Program) -> None:
    done = run_program(
        TASKS
        + """
from dataclasses import dataclass
from enum import Enum

class Colour(Enum):
    RED = 1

class OwnError(Exception):
    pass

@dataclass
class Point:
    x: int

SCALE = 2

def scaled(x):
    return SCALE * x

@distribute_task(target={"cpu": 1})
def move(point, colour):
    assert isinstance(point, Point) and colour is Colour.RED
    return Point(scaled(point.x))

@distribute_task
def fail():
    raise OwnError("here")

result = get(move(Point(3), Colour.RED))
print(result == Point(6), type(result) is Point)
try:
    get(fail())
except OwnError as error:
    print("caught", error)
"""
    )

    assert (done.stdout, done.stderr) == ("True True\ncaught here\n", "")


def test_what_tasks_print_is_there_before_the_program_goes_on(run_program: Program) -> None:
    done = run_program(
        TASKS
        + """
@distribute_task
def speak(number):
    print("task", number)
    print("error", number, file=sys.stderr)
for number in range(5):
    get(speak(number))
    print("program", number, flush=True)
""",
        env={**os.environ, "PYTHONUNBUFFERED": ""},
    )

    assert done.stdout == "".join(f"task {number}\nprogram {number}\n" for number in range(5))
    assert done.stderr == "".join(f"error {number}\n" for number in range(5))


def test_an_uncaught_failure_shows_the_line_in_the_task(run_program: Program) -> None:
    done = run_program(
        TASKS + "@distribute_task\ndef outer():\n    inner()\ndef inner():\n    return {}['key']\nget(outer())\n"
    )

    assert done.returncode == 1
    assert "in inner\n    return {}['key']" in done.stderr
    assert done.stderr.rstrip().endswith("KeyError: 'key'")


def test_modules_beside_the_program_and_its_folder_are_the_tasks_too(run_program: Program, tmp_path: Path) -> None:
    (tmp_path / "lib").mkdir()
    (tmp_path / "lib" / "own_module.py").write_text(
        "from qiskit_serverless.tasks import distribute_task, get\n"
        "import threading\n"
        "lock = threading.Lock()  # a module travels by its name, so this is fine\n"
        "@distribute_task\n"
        "def twice(x):\n    with lock:\n        return 2 * x\n"
        "@distribute_task\n"
        "def four_times(x):\n    return get(twice(twice(x)))\n"
    )
    (tmp_path / "data.txt").write_text("data")
    done = run_program(
        TASKS
        + f"sys.path.insert(0, {str(tmp_path / 'lib')!r})\n"
        + "from own_module import twice, four_times\n"
        + "print(get([twice(4), four_times(1)]), get(distribute_task(lambda: open('data.txt').read())()))\n",
        cwd=tmp_path,
    )

    assert (done.stdout, done.stderr) == ("[8, 4] data\n", "")


def test_nothing_is_left_when_the_program_ends(run_program: Program) -> None:
    done = run_program(
        TASKS
        + """
@distribute_task
def look():
    return os.getpid(), os.getppid()
@distribute_task
def forever():
    while True: pass
print(*get(look()))
forever()
"""
    )

    worker, server = map(int, done.stdout.split())
    assert done.returncode == 0
    wait_for_end(worker)
    wait_for_end(server)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGKILL, signal.SIGTERM])
def test_nothing_is_left_when_the_program_is_ended(tmp_path: Path, number: int) -> None:
    program = start(tmp_path, FOREVER + "import time\nget(forever())\n")
    assert program.stdout is not None
    pids = {int(pid) for _ in range(2) for pid in program.stdout.readline().split()}
    program.send_signal(number)
    program.communicate(timeout=20)

    assert program.returncode == {signal.SIGINT: -signal.SIGINT}.get(number, -number)
    assert len(pids) == 3
    for pid in pids:
        wait_for_end(pid)


def test_nothing_is_left_when_a_process_that_the_program_forked_lives_on(tmp_path: Path) -> None:
    program = start(
        tmp_path,
        FOREVER
        + "if os.fork() == 0:\n    print(os.getpid(), flush=True)\n    time.sleep(30)\n    os._exit(0)\nget(forever())\n",
    )
    assert program.stdout is not None
    lines = [program.stdout.readline().split() for _ in range(3)]
    forked = next(int(line[0]) for line in lines if len(line) == 1)
    others = {int(pid) for line in lines for pid in line if len(line) == 2}
    program.kill()
    try:
        for pid in others:
            wait_for_end(pid)
        assert exists(forked)
    finally:
        os.kill(forked, signal.SIGKILL)
        program.communicate(timeout=20)


def test_an_interrupt_while_waiting_leaves_the_tasks_usable(run_program: Program) -> None:
    done = run_program(
        TASKS
        + """
import signal, threading
@distribute_task
def slow():
    time.sleep(0.5)
    return "done"
get(slow())
reference = slow()
signal.setitimer(signal.ITIMER_REAL, 0.1)
signal.signal(signal.SIGALRM, signal.default_int_handler)
try:
    get(reference)
except KeyboardInterrupt:
    print("interrupted")
print(get(reference), get(slow()))
"""
    )

    assert (done.stdout, done.stderr) == ("interrupted\ndone done\n", "")


def test_a_process_that_the_program_forks_has_tasks_of_its_own(run_program: Program) -> None:
    done = run_program(
        TASKS
        + """
import multiprocessing
@distribute_task
def twice(x):
    return 2 * x
def work():
    print("child", get(twice(2)), flush=True)
print("parent", get(twice(1)), flush=True)
process = multiprocessing.get_context("fork").Process(target=work)
process.start()
process.join()
print("parent", get(twice(3)))
"""
    )

    assert (done.stdout, done.stderr) == ("parent 2\nchild 4\nparent 6\n", "")


def test_a_process_that_the_program_forks_may_exit_and_drop_values_without_harm(run_program: Program) -> None:
    done = run_program(
        TASKS
        + """
import numpy as np
make = distribute_task(lambda number: np.full(400_000, float(number)))
arrays = [get(make(number)) for number in range(3)]
pending = make(3)
child = os.fork()
if child == 0:
    del arrays, pending
    sys.exit(0)
os.waitpid(child, 0)
more = [get(make(10 + number)) for number in range(6)]
print([float(array[0]) for array in arrays], [float(array[-1]) for array in arrays], float(get(pending)[0]))
"""
    )

    assert (done.stdout, done.stderr) == ("[0.0, 1.0, 2.0] [0.0, 1.0, 2.0] 3.0\n", "")


def test_a_reference_of_another_process_is_refused(run_program: Program) -> None:
    done = run_program(
        TASKS
        + """
reference = put(1)
if os.fork() == 0:
    try:
        distribute_task(len)(reference)
    except ValueError as error:
        print(error, flush=True)
    os._exit(0)
os.wait()
"""
    )

    assert "of use only in the process that made it" in done.stdout


def test_workers_that_cannot_begin_are_told_of(run_program: Program) -> None:
    done = run_program(
        TASKS
        + """
from qiskit_serverless.tasks import WorkersUnavailableError, launcher
import signal
get(distribute_task(lambda: None)())
server = get(distribute_task(os.getppid)())
os.kill(server, signal.SIGKILL)
try:
    get([distribute_task(lambda: None)() for _ in range(5)])
except WorkersUnavailableError as error:
    print("told:", error)
try:
    distribute_task(lambda: None)()
except WorkersUnavailableError as error:
    print("told again:", error)
"""
    )

    assert "told: the process that starts workers has ended" in done.stdout
    assert "told again: the process that starts workers has ended" in done.stdout


def test_tasks_may_end_the_interpreter_hooks_of_a_worker_run(run_program: Program, tmp_path: Path) -> None:
    done = run_program(
        TASKS
        + f"""
import atexit
@distribute_task(target={{"env_vars": {{"A": "1"}}}})
def register():
    atexit.register(lambda: open({str(tmp_path / "left")!r}, "w").close())
    return os.getpid()
pid = get(register())
watch = os.pidfd_open(pid)
for number in range(6):  # workers of other kinds take its place
    get(distribute_task(target={{"env_vars": {{"B": str(number)}}}})(os.getpid)())
import select
print(bool(select.select([watch], [], [], 20)[0]))
"""
    )

    assert (done.stdout, done.stderr) == ("True\n", "")
    assert (tmp_path / "left").exists()


def test_importing_the_tasks_imports_neither_qiskit_nor_numpy(run_program: Program) -> None:
    done: Any = run_program(TASKS + "print(sorted({'numpy', 'qiskit', 'qiskit_ibm_runtime'} & set(sys.modules)))\n")

    assert done.stdout == "[]\n"
