"""Programs whose tasks run on a Ray cluster, as processes of their own."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.ray_cluster import RayCluster
from tests.unit.tasks.conftest import wait_for_end

IMPORTS = "from qiskit_serverless.tasks import *\nimport os, sys\n"
Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(ray: RayCluster, tmp_path: Path) -> Start:
    """Return a function that starts a text as a program on the cluster."""
    work = tmp_path / "work"
    work.mkdir()

    def begin(source: str, **budget: Any) -> "subprocess.Popen[str]":
        (work / "main.py").write_text(IMPORTS + source)
        variables = {
            **os.environ,
            **ray.variables,
            "RAY_ADDRESS": ray.address,
            "TREADLE_TASKS": "ray",
            "TREADLE_BUDGET": json.dumps({"cpu": 2, "gpu": 0, "mem": 10**9, **budget}),
            "ENV_JOB_ID_GATEWAY": "a job",
            "OF_THE_JOB": "yes",
        }
        return subprocess.Popen(
            [sys.executable, "main.py"],
            cwd=work,
            env=variables,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    return begin


def ended(program: "subprocess.Popen[str]") -> tuple[int, str, str]:
    out, err = program.communicate(timeout=55)
    return program.returncode, out, err


def test_all_that_tasks_print_is_in_the_log_in_whole_lines_and_before_their_results(start: Start) -> None:
    program = start(
        """
@distribute_task
def talk(number):
    for line in range(1000):
        print(f"task {number} line {line} " + "x" * 50)
    os.system("echo from a child of task %d" % number)
    print(f"end of task {number}", file=sys.stderr)
    return number

for number in get([talk(number) for number in range(10)]):
    print("got", number)
print("sum", get(talk(10)))
"""
    )
    code, out, err = ended(program)
    lines = out.splitlines()

    assert (code, err) == (0, "")
    for number in range(11):
        own = [line for line in lines if f"task {number} line " in line]
        assert own == [f"task {number} line {line} " + "x" * 50 for line in range(1000)]
        assert lines.index(f"end of task {number}") > lines.index(f"from a child of task {number}")
    assert lines.index("got 0") > max(lines.index(f"end of task {number}") for number in range(10))
    assert len(lines) == 11 * 1002 + 11


def test_a_program_that_was_connected_ahead_may_use_ray_itself_as_well(start: Start) -> None:
    program = start(
        """
from qiskit_serverless.tasks.ray import connect_ahead
connect_ahead(os.environ["RAY_ADDRESS"], "127.0.0.1")

import ray
ray.init()
ray.init(address="auto")

@ray.remote
def plain(x):
    return x + 1

@distribute_task
def ours(x):
    return x * 2

print(ray.get(plain.remote(get(ours(ray.get(plain.remote(1)))))))
try:
    ray.init(namespace="another", logging_level="ERROR")
except RuntimeError as error:
    print("twice" in str(error), get(ours(3)))
"""
    )
    assert ended(program) == (0, "5\nTrue 6\n", "")


def test_a_process_forked_before_the_connection_has_its_tasks_there_and_one_forked_after_it_on_its_machine(
    start: Start,
) -> None:
    program = start(
        """
def in_child(function):
    if (child := os.fork()) == 0:
        function()
        sys.stdout.flush()
        os._exit(0)
    os.waitpid(child, 0)

@distribute_task
def parent():
    with open(f"/proc/{os.getppid()}/cmdline") as command:
        return "raylet" if "raylet" in command.read() else "the fork server"

def connected():
    print(get(parent()))
    in_child(lambda: print(get(parent())))

in_child(connected)
"""
    )
    assert ended(program)[:2] == (0, "raylet\nthe fork server\n")


def test_as_many_tasks_run_as_the_budget_has_room_for_and_no_more(start: Start, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "gate")
    os.mkfifo(tmp_path / "running")
    program = start(
        f"""
@distribute_task(target={{"cpu": 0.5}})
def stay():
    with open({str(tmp_path / "running")!r}, "w") as running:
        running.write("x")
    open({str(tmp_path / "gate")!r}).close()

references = [stay() for _ in range(5)]
with open({str(tmp_path / "running")!r}) as running:
    seen = ""
    while len(seen) < 3:
        seen += running.read(1)
print(len(get_refs_by_status(references, "RUNNING")), len(get_refs_by_status(references, "PENDING")))
os.open({str(tmp_path / "gate")!r}, os.O_RDWR)
reading = os.open({str(tmp_path / "running")!r}, os.O_RDWR)
get(references)
""",
        cpu=1.5,
    )
    assert ended(program) == (0, "3 2\n", "")


def test_a_reference_that_a_task_leaves_in_its_process_is_refused_when_the_next_lease_uses_it(
    start: Start, tmp_path: Path
) -> None:
    (tmp_path / "work" / "left.py").write_text("references = []\n")
    program = start(
        """
import left

def leave():
    left.references.append(put(1))

def use(how):
    if not left.references:
        return None
    send = distribute_task(lambda values: values)
    return {"get": get, "send": send, "return": list}[how](left.references)

for _ in range(20):
    get(distribute_task(leave)())
    other = distribute_task(target={"cpu": 0.5})(use)  # a lease of its own
    for how in ("get", "send", "return"):
        try:
            found = get(other(how))
        except ValueError as error:
            print(how, str(error)[:75])
            found = True
    if found:
        break
""",
        cpu=1,
    )
    words = "a task reference that an earlier task has left in this process is of no use"
    code, out, err = ended(program)
    assert (code, out.splitlines(), err) == (0, [f"{how} {words}" for how in ("get", "send", "return")], "")


def test_a_target_that_no_node_can_ever_satisfy_fails_with_both_numbers(start: Start) -> None:
    program = start("get(distribute_task(target={'cpu': 64})(os.getpid)())", cpu=100)

    code, _, err = ended(program)

    assert code == 1
    assert "BudgetExceededError: task 'getpid' asks for cpu=64, but no node of the cluster has that; the most" in err


def test_the_tasks_of_a_program_that_is_killed_are_gone(start: Start) -> None:
    program = start(
        """
@distribute_task
def stay():
    print(os.getpid())
    while True:
        pass
get([stay(), stay()])
"""
    )
    assert program.stdout is not None
    tasks = [int(program.stdout.readline()) for _ in range(2)]

    program.send_signal(signal.SIGKILL)
    program.communicate()

    for task in tasks:
        wait_for_end(task)


def test_tasks_on_another_node_have_modules_variables_and_folder_of_the_job_and_die_with_the_node(
    ray: RayCluster, start: Start, tmp_path: Path
) -> None:
    other = ray.add_node(cpus=3)
    (tmp_path / "work" / "beside.py").write_text("def name():\n    return 'a module'\n")
    (tmp_path / "work" / "table.txt").write_text("a table")
    program = start(
        """
import beside, numpy as np

@distribute_task(target={"cpu": 3})
def away(array):
    print(beside.name(), open("table.txt").read(), os.environ["OF_THE_JOB"])
    return array + 1, os.getcwd() != work

work = os.getcwd()
array, is_elsewhere = get(away(np.ones(1_000_000)))
print(array.sum(), is_elsewhere, flush=True)

@distribute_task(target={"cpu": 3})
def stay():
    print("staying")
    while True:
        pass
try:
    get(stay())
except WorkerDiedError as error:
    print(str(error)[:60])
""",
        cpu=3,
    )
    assert program.stdout is not None
    assert program.stdout.readline() == "a module a table yes\n"
    assert program.stdout.readline() == "2000000.0 True\n"
    assert program.stdout.readline() == "staying\n"

    other.kill()

    assert ended(program)[1].startswith("the node of the cluster that ran task 'stay' has died")
