"""Jobs on a warm Ray cluster, from run() until the client has the result."""

import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks.platform import HELLO, client_at, platform_up, upload
from benchmarks.table import Finding, at_most, median_of
from qiskit_serverless.functions import RunnableQiskitFunction

EIGHT_TASKS = """
from qiskit_serverless import distribute_task, get, save_result

@distribute_task()
def square(number):
    return number * number

save_result(get([square(number) for number in range(8)]))
"""
FIRST_TASK = """
import time
from qiskit_serverless import distribute_task, get, save_result

@distribute_task()
def nothing():
    pass

began = time.perf_counter()
get(nothing())
save_result(1000 * (time.perf_counter() - began))
"""
_WARM_SECONDS = 4.0  # what it takes on two cores to make the next spare, and a worker for it


def _after_a_pause(function: RunnableQiskitFunction) -> float:
    time.sleep(_WARM_SECONDS)
    return _at_once(function)


def _at_once(function: RunnableQiskitFunction) -> float:
    began = time.perf_counter()
    function.run().result()
    return time.perf_counter() - began


def findings(rounds: int = 9) -> Iterator[Finding]:
    """Measure jobs on a Ray that the platform starts for itself."""
    home = Path(tempfile.mkdtemp(prefix="treadle-bench-"))
    with platform_up(home, TREADLE_ENGINE="ray") as (_, url, ready):
        client = client_at(home, url)
        hello, eight, first = (
            upload(client, title, program)
            for title, program in (("hello", HELLO), ("eight", EIGHT_TASKS), ("first", FIRST_TASK))
        )
        hello.run().result()
        yield at_most("treadle up --engine ray to ready, Ray included", ready, "s", 15)
        seconds, spread = median_of(lambda: _after_a_pause(hello), rounds)
        yield at_most("hello world on Ray", seconds, "s", 0.5, f"{spread}; the incumbent 3.9 s")
        seconds, spread = median_of(lambda: _after_a_pause(eight), rounds)
        yield at_most("8 tasks on Ray", seconds, "s", 1.0, f"{spread}; the incumbent 8.5 s")
        seconds, spread = median_of(lambda: _at_once(hello), rounds)
        yield at_most("hello world on Ray, one right after the other", seconds, "s", 1.5, spread)

        def first_task() -> float:
            time.sleep(_WARM_SECONDS)
            return float(first.run().result())

        milliseconds, spread = median_of(first_task, rounds)
        yield at_most("first task of a program on Ray", milliseconds, "ms", 20, spread)
    shutil.rmtree(home)
