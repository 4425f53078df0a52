"""Which task runs where and when."""

import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from qiskit_serverless.tasks import GetTimeoutError, distribute_task, get, get_refs_by_status, wait
from tests.unit.tasks.conftest import only_forked
from tests.unit.tasks.work import Gate, running_together

OpenSession = Callable[..., Any]


@only_forked
@pytest.mark.parametrize(
    ("target", "budget", "most"),
    [
        ({"cpu": 1}, {"cpu": 2}, 2),
        ({"cpu": 0.5}, {"cpu": 2}, 4),
        ({"cpu": 2}, {"cpu": 2}, 1),
        ({"cpu": 0, "gpu": 1}, {"gpu": 2}, 2),
        ({"cpu": 0, "mem": 400}, {"mem": 1000}, 2),
        ({"cpu": 0.1, "resources": {"licences": 1}}, {"resources": {"licences": 3}}, 3),
    ],
)
def test_tasks_run_side_by_side_as_far_as_the_budget_goes(
    with_budget: OpenSession, tmp_path: Path, target: dict[str, Any], budget: dict[str, Any], most: int
) -> None:
    with_budget(**budget)
    work = distribute_task(target=target)(running_together)

    counts = get([work(tmp_path) for _ in range(30)])

    assert max(counts) == most


@only_forked
def test_tasks_of_different_shapes_share_the_budget(with_budget: OpenSession, tmp_path: Path) -> None:
    with_budget(cpu=2)
    weights = {0.5: distribute_task(target={"cpu": 0.5}), 1: distribute_task(), 2: distribute_task(target={"cpu": 2})}

    def weigh(weight: float) -> float:
        mine = tmp_path / f"{time.monotonic_ns()} {weight}"
        mine.touch()
        spin = time.monotonic() + 0.01
        while time.monotonic() < spin:
            pass
        total = sum(float(each.name.split()[1]) for each in tmp_path.iterdir())
        mine.unlink()
        return total

    references = [weights[weight](weigh)(weight) for weight in [0.5, 1, 2, 1, 0.5, 0.5, 2, 1] * 4]

    assert max(get(references)) <= 2


def test_a_large_task_is_not_starved_by_small_ones_that_keep_coming(with_budget: OpenSession, gate: Gate) -> None:
    with_budget(cpu=2)
    small = distribute_task(time.monotonic)
    large = distribute_task(target={"cpu": 2})(time.monotonic)
    before = [distribute_task(gate.pass_through)() for _ in range(2)]
    middle = large()
    after = [small() for _ in range(50)]
    gate.open()

    get(before)
    assert get(middle) < min(get(after))


@only_forked
def test_a_task_that_lacks_one_resource_does_not_hold_up_those_that_need_others(
    with_budget: OpenSession, gate: Gate
) -> None:
    with_budget(cpu=2, gpu=1)
    on_gpu = distribute_task(target={"cpu": 0.5, "gpu": 1})(gate.pass_through)
    waiting = [on_gpu() for _ in range(3)]

    assert get(distribute_task(os.getpid)()) > 0  # on the rest of the CPUs

    gate.open()
    assert get(waiting) == ["through"] * 3


def test_a_task_that_waits_for_others_makes_room_for_them(with_budget: OpenSession) -> None:
    with_budget(cpu=1)

    @distribute_task
    def depth(levels: int) -> int:
        return 0 if levels == 0 else 1 + get(depth(levels - 1))

    assert get(depth(8)) == 8
    assert get([depth(3) for _ in range(5)]) == [3] * 5


def test_a_task_that_waits_with_wait_makes_room_too(with_budget: OpenSession) -> None:
    with_budget(cpu=1)
    inner = distribute_task(os.getpid)

    @distribute_task
    def outer() -> int:
        references = [inner() for _ in range(5)]
        finished = 0
        while references:
            ready, references = wait(references)
            finished += len(ready)
        return finished

    assert get([outer() for _ in range(3)]) == [5] * 3


def test_tasks_of_tasks_come_first_so_that_waiting_ones_do_not_pile_up(
    with_budget: OpenSession, tmp_path: Path
) -> None:
    with_budget(cpu=2)
    inner = distribute_task(running_together)

    @distribute_task
    def outer() -> int:
        mine = tmp_path / f"outer{time.monotonic_ns()}"
        mine.touch()
        get(inner(tmp_path))
        count = len(list(tmp_path.glob("outer*")))
        mine.unlink()
        return count

    assert max(get([outer() for _ in range(40)])) <= 4


def test_resources_are_kept_while_a_task_that_waited_goes_on(with_budget: OpenSession, tmp_path: Path) -> None:
    with_budget(cpu=1)
    inner = distribute_task(os.getpid)

    @distribute_task
    def outer() -> int:
        get(inner())
        return running_together(tmp_path)

    assert get([outer() for _ in range(10)]) == [1] * 10


def test_short_tasks_do_not_wait_behind_a_long_one(with_budget: OpenSession, gate: Gate) -> None:
    with_budget(cpu=2)
    quick = distribute_task(lambda: None)
    get([quick() for _ in range(200)])  # known to be short now, so many are sent at once
    mixed = distribute_task(lambda stay: gate.pass_through() if stay else None)
    get([mixed(False) for _ in range(200)])

    references = [mixed(place == 10) for place in range(300)]
    ready, rest = wait(references, num_returns=299, timeout=20)

    assert (len(ready), rest) == (299, [references[10]])
    gate.open()
    assert get(references[10]) == "through"


def test_tasks_begin_without_being_asked_for(gate: Gate, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "signal")
    count = 20

    @distribute_task
    def report(number: int) -> None:
        with (tmp_path / "signal").open("a") as signal:
            signal.write("x")

    keep = os.open(tmp_path / "signal", os.O_RDWR)
    references = [report(number) for number in range(count)]

    heard = b""
    while len(heard) < count:  # blocks until tasks have written, while nobody has called get
        heard += os.read(keep, 100)
    os.close(keep)
    assert get(references) == [None] * count


def test_known_short_tasks_begin_without_being_asked_for_too(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "signal")

    @distribute_task
    def report(number: int) -> None:
        os.write(signal_of(tmp_path), b"x")

    def signal_of(folder: Path) -> int:
        return os.open(folder / "signal", os.O_WRONLY)

    keep = os.open(tmp_path / "signal", os.O_RDWR)
    get([report(number) for number in range(50)])
    references = [report(number) for number in range(20)]

    heard = b""
    while len(heard) < 70:
        heard += os.read(keep, 100)
    os.close(keep)
    assert len(get(references)) == 20


def test_workers_stay_for_the_next_tasks(with_budget: OpenSession) -> None:
    with_budget(cpu=2)
    pid = distribute_task(os.getpid)

    assert len({get(pid()) for _ in range(20)}) <= 2
    assert len(set(get([pid() for _ in range(50)]))) <= 2


@only_forked
def test_environment_variables_have_workers_of_their_own_and_room_is_made_for_them(with_budget: OpenSession) -> None:
    opened = with_budget(cpu=2)
    look = {
        level: distribute_task(target={"env_vars": {"LEVEL": str(level)}})(lambda: os.environ.get("LEVEL"))
        for level in range(12)
    }
    plain = distribute_task(lambda: os.environ.get("LEVEL"))

    for _ in range(2):
        assert get([look[level]() for level in look]) == [str(level) for level in look]
    assert get(plain()) is None
    assert len([worker for worker in opened._pool.dispatcher.workers.values() if not worker.retired]) <= 3


def test_the_programs_environment_is_not_touched_by_a_target(with_budget: OpenSession) -> None:
    with_budget()
    get(distribute_task(target={"env_vars": {"LEVEL_OF_TASK": "1"}})(os.getpid)())

    assert "LEVEL_OF_TASK" not in os.environ


@only_forked
@pytest.mark.parametrize(("cpu", "threads"), [(0.5, 1), (1, 1), (2, 2), (3.7, 3)])
def test_libraries_in_a_worker_use_as_many_threads_as_it_has_cpus(
    with_budget: OpenSession, cpu: float, threads: int
) -> None:
    import numpy as np

    assert np.ones(1).sum() == 1  # so that workers have it, too
    with_budget(cpu=4)

    @distribute_task(target={"cpu": cpu})
    def look() -> tuple[set[int], list[str | None], str | None]:
        import threadpoolctl

        names = ("RAYON_NUM_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "QISKIT_NUM_PROCS")
        pools = {pool["num_threads"] for pool in threadpoolctl.threadpool_info()}
        return pools, [os.environ.get(name) for name in names], os.environ.get("QISKIT_PARALLEL")

    pools, variables, parallel = get(look())
    assert pools <= {threads, 1}
    assert threads in pools
    assert variables == [str(threads)] * 4
    assert parallel == "FALSE"


def test_a_task_may_transpile_in_a_worker_that_a_program_which_transpiled_asked_for() -> None:
    from qiskit import QuantumCircuit, transpile
    from qiskit.circuit.random import random_circuit

    def compile_one(seed: int) -> QuantumCircuit:
        return transpile(random_circuit(3, 3, seed=seed), basis_gates=["cz", "rz", "sx"], seed_transpiler=1)

    here = [compile_one(seed) for seed in range(4)]

    assert get([distribute_task(compile_one)(seed) for seed in range(4)]) == here


@only_forked
def test_statuses_tell_where_tasks_are(with_budget: OpenSession, gate: Gate) -> None:
    with_budget(cpu=2)
    held = distribute_task(gate.pass_through)
    running = [held(), held()]
    pending = [held() for _ in range(3)]
    needs = distribute_task(lambda value: value)(running[0])
    failed = distribute_task(lambda: 1 / 0)
    everything = [*running, *pending, needs]

    with pytest.raises(GetTimeoutError):
        get(needs, timeout=0.2)
    assert get_refs_by_status(everything, "RUNNING") == running
    assert get_refs_by_status(everything, "PENDING_NODE_ASSIGNMENT") == pending
    assert get_refs_by_status(everything, "PENDING_ARGS_AVAIL") == [needs]
    assert get_refs_by_status(everything, "PENDING") == [*pending, needs]
    gate.open()
    get(everything)
    assert get_refs_by_status(everything, "FINISHED") == everything
    broken = failed()
    wait([broken])
    assert get_refs_by_status([*everything, broken], "FAILED") == [broken]
    with pytest.raises(ValueError, match="'DONE' is none of PENDING, "):
        get_refs_by_status(everything, "DONE")


def test_statuses_can_be_asked_for_inside_a_task() -> None:
    @distribute_task
    def outer() -> int:
        reference = distribute_task(os.getpid)()
        get(reference)
        return len(get_refs_by_status([reference], "FINISHED"))

    assert get(outer()) == 1


def test_without_a_status_it_is_wait_as_todays_clients_have_it(with_budget: OpenSession, gate: Gate) -> None:
    with_budget(cpu=2)
    slow, quick = distribute_task(gate.pass_through)(), distribute_task(os.getpid)()

    assert get_refs_by_status([slow, quick]) == ([quick], [slow])
    assert get_refs_by_status([slow, quick], num_returns=2, timeout=0.05) == ([quick], [slow])
    gate.open()
    assert get_refs_by_status([slow, quick], num_returns=2) == ([slow, quick], [])


def test_wait_returns_what_is_ready_and_the_rest_in_their_order(with_budget: OpenSession, gate: Gate) -> None:
    with_budget(cpu=2)
    slow = distribute_task(gate.pass_through)()
    quick = [distribute_task(os.getpid)() for _ in range(5)]

    assert wait([slow, *quick], num_returns=5) == (quick, [slow])
    assert wait([*quick, slow], num_returns=2) == (quick[:2], [*quick[2:], slow])
    assert wait([slow], timeout=0.05) == ([], [slow])
    failed = distribute_task(lambda: 1 / 0)()
    assert wait([slow, failed]) == ([failed], [slow])
    gate.open()
    assert wait([slow]) == ([slow], [])


def test_wait_refuses_what_makes_no_sense() -> None:
    reference = distribute_task(os.getpid)()

    with pytest.raises(ValueError, match="num_returns must be between 1 and 1, not 2"):
        wait([reference], num_returns=2)
    with pytest.raises(ValueError, match="num_returns"):
        wait([])
    with pytest.raises(ValueError, match="twice"):
        wait([reference, reference])
    with pytest.raises(TypeError, match="a list of task references"):
        wait(reference)  # type: ignore[arg-type]
    get(reference)


def test_a_wait_in_one_thread_is_not_held_up_by_a_get_in_another(with_budget: OpenSession, gate: Gate) -> None:
    with_budget(cpu=2)
    slow = distribute_task(gate.pass_through)()
    waiting = threading.Thread(target=get, args=(slow,))
    waiting.start()

    for _ in range(20):
        assert get(distribute_task(os.getpid)(), timeout=10) > 0
    gate.open()
    waiting.join(10)
    assert not waiting.is_alive()


def test_a_timeout_of_a_task_is_kept_while_a_thread_waits_for_something_else(
    with_budget: OpenSession, gate: Gate
) -> None:
    with_budget(cpu=2)
    slow = distribute_task(gate.pass_through)()
    waiting = threading.Thread(target=get, args=(slow,))
    waiting.start()

    late = distribute_task(timeout=0.1)(gate.pass_through)()
    with pytest.raises(TimeoutError):
        get(late, timeout=10)
    gate.open()
    waiting.join(10)


def test_a_timeout_of_a_task_is_kept_while_nobody_waits(with_budget: OpenSession, tmp_path: Path) -> None:
    with_budget(cpu=1)
    os.mkfifo(tmp_path / "signal")

    @distribute_task(timeout=0.2)
    def forever() -> None:
        while True:
            pass

    @distribute_task
    def report() -> None:
        (tmp_path / "signal").write_text("x")

    late, after = forever(), report()

    assert (tmp_path / "signal").read_text() == "x"  # it ran, so the one before was ended
    with pytest.raises(TimeoutError):
        get(late)
    get(after)
