"""Which circuits may travel as QPY: those that come back as they were."""

from typing import Any

import numpy as np
import pytest
from qiskit import QuantumCircuit, QuantumRegister, transpile
from qiskit.circuit import AncillaRegister, Clbit, Gate, Parameter, ParameterVector, Qubit
from qiskit.circuit.library import CXGate, HGate, MCXGate, QFTGate
from qiskit.circuit.random import random_circuit
from qiskit_ibm_runtime.fake_provider import FakeManilaV2

from qiskit_serverless.tasks.circuits import pack, survives_qpy, unpack


class OwnGate(Gate):
    """Bears the name of a standard gate and is none."""

    def __init__(self) -> None:
        super().__init__("h", 1, [])


def built(build: Any, qubits: int = 3) -> QuantumCircuit:
    circuit = QuantumCircuit(qubits, 2)
    build(circuit)
    return circuit


def conditional(circuit: QuantumCircuit) -> None:
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.x(1)
    with otherwise:
        circuit.h(1)
    with circuit.for_loop(range(3)):
        circuit.h(0)
    with circuit.while_loop((circuit.clbits[0], 0)):
        circuit.measure(0, 0)


def conditional_with_own_gate(circuit: QuantumCircuit) -> None:
    with circuit.if_test((circuit.clbits[0], 1)):
        circuit.append(OwnGate(), [0])


def with_parameters(circuit: QuantumCircuit) -> None:
    vector = ParameterVector("v", 3)
    circuit.rx(vector[0] + 2 * Parameter("θ"), 0)
    circuit.rz((vector[1] ** 2).sin(), 1)
    circuit.global_phase = vector[2]


SURVIVE = {
    "random": random_circuit(6, 10, seed=3),
    "measure, reset, barrier": built(lambda c: (c.measure(0, 0), c.reset(1), c.barrier(label="here"))),
    "delay in dt": built(lambda c: c.delay(160, 0)),
    "parameters": built(with_parameters),
    "labels": built(lambda c: c.append(HGate(label="mine"), [0])),
    "open control": built(lambda c: c.append(CXGate(ctrl_state=0), [0, 1])),
    "unitary": built(lambda c: c.unitary(np.eye(4), [0, 1], label="nothing")),
    "control flow": built(conditional),
    "whole numbers as angles": built(lambda c: c.rx(1, 0)),
    "ancillas": QuantumCircuit(QuantumRegister(2, "a"), AncillaRegister(1, "b")),
    "isa": transpile(random_circuit(3, 3, seed=1), FakeManilaV2(), seed_transpiler=1),
}

DO_NOT = {
    "delay in seconds": built(lambda c: c.delay(1.5, 0, "us")),
    "gate of one's own": built(lambda c: c.append(OwnGate(), [0])),
    "own gate in a block": built(conditional_with_own_gate),
    "multi-controlled": built(lambda c: c.append(MCXGate(4), range(5)), 5),
    "library gate": built(lambda c: c.append(QFTGate(3), range(3))),
    "bits of no register": QuantumCircuit([Qubit(), Qubit()], [Clbit()]),
    "schedule": transpile(QuantumCircuit(1), FakeManilaV2(), scheduling_method="alap", optimization_level=0),
}


@pytest.mark.parametrize("name", SURVIVE)
def test_these_survive(name: str) -> None:
    circuit = SURVIVE[name]
    back = unpack(bytes(pack([circuit])))[0]

    assert survives_qpy(circuit)
    assert back == circuit
    assert (back.name, back.qubits, back.clbits, back.qregs, back.cregs) == (
        circuit.name,
        circuit.qubits,
        circuit.clbits,
        circuit.qregs,
        circuit.cregs,
    )
    for mine, theirs in zip(circuit.data, back.data, strict=True):
        assert type(mine.operation) is type(theirs.operation)
        assert mine.operation.label == theirs.operation.label
        assert mine.operation.name == "unitary" or mine.operation.params == theirs.operation.params
    assert back.layout == circuit.layout


@pytest.mark.parametrize("name", DO_NOT)
def test_these_do_not_and_are_pickled(name: str) -> None:
    assert not survives_qpy(DO_NOT[name])


def test_nor_do_circuits_of_a_class_or_with_attributes_of_ones_own() -> None:
    from qiskit_serverless.tasks import distribute_task, get

    class Special(QuantumCircuit):
        pass

    marked = QuantumCircuit(1)
    marked.mark = "mine"  # type: ignore[attr-defined]
    special = Special(1)
    same = distribute_task(lambda value: value)

    assert not survives_qpy(marked)
    assert get(same(marked)).mark == "mine"
    assert type(get(same(special))) is Special


@pytest.mark.parametrize("name", DO_NOT)
def test_pickled_ones_come_back_equal_too(name: str) -> None:
    from qiskit_serverless.tasks import distribute_task, get

    assert get(distribute_task(lambda value: value)(DO_NOT[name])) == DO_NOT[name]


def test_looking_at_a_circuit_leaves_it_alone() -> None:
    circuit = built(conditional)
    copy = circuit.copy()
    survives_qpy(circuit)
    circuit.x(0)
    copy.x(0)

    assert circuit == copy
