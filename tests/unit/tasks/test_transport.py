"""How values travel: unchanged, writable, and without leaving anything behind."""

import gc
import os
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import Parameter
from qiskit.circuit.random import random_circuit
from qiskit.primitives import BitArray

from qiskit_serverless.tasks import distribute_task, get, put, wait
from tests.unit.tasks.conftest import only_forked

LARGE = 400_000  # numbers, 3.2 MB: shared memory of its own
MEDIUM = 20_000  # 160 kB: beside the pickle stream, inside a message


@distribute_task
def same(value: Any) -> Any:
    return value


@distribute_task
def total(array: Any) -> float:
    return float(array.sum())


@distribute_task
def spoil(array: Any) -> float:
    before = float(array.sum())
    array[:] = -1
    return before


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def shared_bytes() -> int:
    """Return the size of the shared memory this process has mapped or open."""
    held: dict[int, int] = {}
    for entry in Path("/proc/self/fd").iterdir():
        if entry.is_symlink() and "task-data" in str(entry.readlink()):
            held[entry.stat().st_ino] = entry.stat().st_size
    mapped = [line for line in Path("/proc/self/maps").read_text().splitlines() if "task-data" in line]
    return sum(held.values()) + len(mapped)


@pytest.mark.parametrize("size", [0, 1, 100, MEDIUM, LARGE])
def test_arrays_come_back_equal_and_writable(size: int) -> None:
    array = np.arange(size, dtype=float)
    back = get(same(array))

    np.testing.assert_array_equal(back, array)
    back += 1
    assert back.sum() == array.sum() + size


def test_arrays_of_all_kinds_come_back() -> None:
    arrays = [
        np.asfortranarray(np.arange(LARGE).reshape(1000, -1)),
        np.arange(LARGE)[::2],
        np.zeros((0, 3)),
        np.array(["a", None], dtype=object),
        np.arange(LARGE).astype(">i4"),
        np.ones(LARGE, dtype=complex),
    ]
    for array, back in zip(arrays, get([same(array) for array in arrays]), strict=True):
        np.testing.assert_array_equal(back, array)
        assert back.dtype == array.dtype
        assert back.flags.writeable


def test_an_array_that_is_read_only_stays_so() -> None:
    array = np.ones(LARGE)
    array.flags.writeable = False

    assert not get(same(array)).flags.writeable


@pytest.mark.parametrize(
    "value", ["x" * 10**7, b"y" * 10**7, bytearray(10**7), list(range(10**6)), {"a": ["b" * 10**6] * 3}]
)
def test_huge_values_of_other_kinds_come_back(value: Any) -> None:
    assert get(same(value)) == value


def test_many_small_arrays_in_one_value_come_back() -> None:
    arrays = [np.full(1000, number) for number in range(500)]

    assert all((back == number).all() for number, back in enumerate(get(same(arrays))))


@pytest.mark.parametrize("size", [MEDIUM, LARGE])
def test_what_one_changes_nobody_else_sees(size: int) -> None:
    shared = put(np.ones(size))

    assert get([spoil(shared) for _ in range(4)]) == [size] * 4
    mine = get(shared)
    mine[:] = 7
    assert get(total(shared)) == size
    assert get(shared).sum() == size

    made = same(np.ones(size))
    first = get(made)
    first[:] = 0
    assert get(made).sum() == size
    assert get(total(made)) == size


def test_results_go_from_task_to_task_without_the_program_reading_them() -> None:
    assert get(total(same(same(np.ones(LARGE))))) == LARGE


def test_a_large_value_is_put_once_and_used_by_many_tasks() -> None:
    shared = put(np.ones(LARGE))

    assert get([total(shared) for _ in range(100)]) == [LARGE] * 100
    assert get(distribute_task(lambda listed: float(listed[0]["a"].sum()))([{"a": shared}])) == LARGE


def test_results_are_stored_in_memory_that_is_used_again_and_never_too_early() -> None:
    make = distribute_task(lambda number: np.full(LARGE, number))
    kept = [get(make(number)) for number in range(5)]
    for number in range(20):
        assert (get(make(100 + number)) == 100 + number).all()

    assert [float(array[0]) for array in kept] == [0, 1, 2, 3, 4]
    assert all((array == array[0]).all() for array in kept)


def test_arguments_are_not_overwritten_while_a_task_keeps_them() -> None:
    kept: list[Any] = []

    @distribute_task
    def keep(array: Any) -> list[float]:
        kept.append(array)
        return [float(each[0]) for each in kept]

    for number in range(30):
        seen = get(keep(np.full(LARGE, number)))
        assert sorted(seen) == sorted(set(seen))
        assert all(value <= number for value in seen)


@only_forked
def test_memory_and_descriptors_are_given_back_when_the_arrays_have_gone() -> None:
    get([same(np.ones(LARGE)) for _ in range(40)])
    gc.collect()
    files, memory = open_files(), shared_bytes()
    for _ in range(3):
        values = get([same(np.ones(LARGE)) for _ in range(40)])
        assert open_files() >= files + 40
        del values
        gc.collect()

    assert open_files() <= files + 4
    assert shared_bytes() <= memory + 4 * LARGE * 8


@only_forked
def test_results_nobody_refers_to_are_released() -> None:
    references = [same(np.ones(LARGE)) for _ in range(10)]
    wait(references, num_returns=10)
    held = shared_bytes()
    references.clear()
    gc.collect()

    assert shared_bytes() <= held - 10 * LARGE * 8


@only_forked
def test_values_that_only_tasks_knew_are_released_with_the_last_reference() -> None:
    @distribute_task
    def make() -> int:
        for _ in range(30):
            reference = put(np.ones(LARGE))
            get(total(reference))
        return 1

    before = shared_bytes()
    get([make() for _ in range(4)])
    get([make() for _ in range(4)])
    gc.collect()

    assert shared_bytes() <= before + 10 * LARGE * 8


def test_thousands_of_references_and_more_values_than_one_message_can_pass() -> None:
    arrays = [put(np.full(140_000, number)) for number in range(300)]
    first_of_each = distribute_task(lambda items: [float(item[0]) for item in items])

    @distribute_task
    def ask(references: list[Any]) -> list[float]:
        return [float(array[0]) for array in get(references[0]())]

    assert get(first_of_each(arrays)) == list(range(300))
    assert get(ask([lambda: arrays])) == list(range(300))


def test_values_of_a_nested_get_may_be_larger_than_what_a_socket_holds() -> None:
    @distribute_task
    def ask() -> int:
        return sum(len(part) for part in get([same("x" * 50_000) for _ in range(100)]))

    assert get(ask()) == 5_000_000


def faithful_circuits() -> dict[str, QuantumCircuit]:
    theta = Parameter("θ")
    parametrised = QuantumCircuit(2, global_phase=theta, name="turn")
    parametrised.rx(2 * theta, 0)
    measured = QuantumCircuit(3, 2, metadata={"tuple": (1, 2), 3: "number as key", "array": np.arange(3)})
    measured.h(0)
    measured.barrier()
    measured.delay(100, 1)
    measured.measure([0, 1], [0, 1])
    with measured.if_test((measured.clbits[0], 1)):
        measured.x(2)
    return {
        "random": random_circuit(5, 5, seed=1),
        "parametrised": parametrised,
        "measured": measured,
        "isa": transpile(
            random_circuit(4, 4, seed=2), basis_gates=["cz", "rz", "sx"], coupling_map=[[0, 1], [1, 2], [2, 3]]
        ),
    }


@pytest.mark.parametrize("name", ["random", "parametrised", "measured", "isa"])
def test_circuits_come_back_equal(name: str) -> None:
    circuit = faithful_circuits()[name]
    back = get(same(circuit))

    assert back == circuit
    assert back.name == circuit.name
    assert back.layout == circuit.layout
    assert back.parameters == circuit.parameters
    assert repr(back.metadata) == repr(circuit.metadata)


def test_a_circuit_and_its_parameter_still_belong_together() -> None:
    theta = Parameter("theta")
    circuit = QuantumCircuit(1)
    circuit.rx(theta, 0)
    back, parameter = get(same((circuit, theta)))

    assert back.assign_parameters({parameter: 1.0}) == circuit.assign_parameters({theta: 1.0})


def test_the_same_circuit_twice_is_one_circuit_still() -> None:
    circuit = random_circuit(3, 3, seed=1)
    first, second = get(same([circuit, circuit]))

    assert first is second


def test_circuits_and_arrays_travel_together_through_tasks() -> None:
    circuits = [random_circuit(5, 10, seed=seed) for seed in range(50)]
    value = {"circuits": circuits, "data": np.arange(LARGE), "bits": BitArray(np.zeros((1000, 1), dtype=np.uint8), 3)}
    back = get(same(same(value)))

    assert back["circuits"] == circuits
    assert (back["data"] == value["data"]).all()
    assert back["bits"] == value["bits"]


@only_forked
def test_too_many_open_files_fail_the_task_and_nothing_else() -> None:
    import resource

    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    make = distribute_task(lambda: np.ones(LARGE))
    get(make())
    highest = max(int(entry.name) for entry in Path("/proc/self/fd").iterdir())
    fillers = [os.dup(0) for _ in range(highest + 1 - open_files())]
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, limits[1]))
    try:
        with pytest.raises(OSError, match=r"(?i)too many open files"):
            get(make())
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
        for fd in fillers:
            os.close(fd)

    assert get(make()).sum() == LARGE


def test_workers_need_not_import_qiskit_for_tasks_without_it(run_program: Any) -> None:
    done = run_program(
        "import sys\n"
        "from qiskit_serverless.tasks import distribute_task, get\n"
        "print(get(distribute_task(lambda: 'qiskit' in sys.modules)()), 'qiskit' in sys.modules)\n"
    )

    assert (done.stdout, done.stderr) == ("False False\n", "")
    assert sys.modules  # here it is
