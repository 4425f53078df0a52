"""Circuits in JSON text are written again for a reader with an older Qiskit."""

import base64
import json
import zlib
from typing import Any

import pytest
from qiskit import QuantumCircuit, qpy
from qiskit.circuit import Parameter
from qiskit.circuit.library import PauliEvolutionGate, XGate
from qiskit.quantum_info import SparseObservable, SparsePauliOp
from qiskit_ibm_runtime import RuntimeEncoder

from qiskit_serverless.serialization import dumps, loads
from qiskit_serverless.serialization.qpy_versions import OLDEST, newest_version, rewrite


def rotated() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 1, metadata={"bond": (0.7, 1.4)})
    circuit.rx(Parameter("theta") / 2, 0)
    with circuit.if_test((0, True)):
        circuit.x(1)
    return circuit


def stretched() -> QuantumCircuit:
    circuit = QuantumCircuit(1)
    circuit.delay(circuit.add_stretch("pause"), 0)
    return circuit


def test_the_oldest_version_is_the_oldest_that_qiskit_writes() -> None:
    assert qpy.QPY_COMPATIBILITY_VERSION <= OLDEST


@pytest.mark.parametrize("write", [dumps, lambda value: json.dumps(value, cls=RuntimeEncoder)])
def test_every_circuit_gets_the_older_version_and_stays_the_same(write: Any) -> None:
    value = {"circuits": [rotated(), {"deep": QuantumCircuit(1)}], "gate": XGate(), "text": "rx"}
    text = write(value)
    assert newest_version(text) > OLDEST

    older = rewrite(text, OLDEST)

    assert newest_version(older) == OLDEST
    assert loads(older) == value


def test_metadata_of_a_circuit_keeps_what_only_we_can_carry() -> None:
    assert loads(rewrite(dumps(rotated()), OLDEST)).metadata == {"bond": (0.7, 1.4)}


def test_a_circuit_that_is_old_enough_is_left_alone() -> None:
    older = rewrite(dumps([rotated(), 1]), OLDEST)
    assert rewrite(older, OLDEST) == older


def test_what_the_older_version_cannot_carry_stays_as_it_is() -> None:
    circuits = [stretched(), QuantumCircuit(1)]
    text = dumps(circuits)
    older = rewrite(text, OLDEST)
    assert newest_version(older) == newest_version(text)
    assert loads(older) == circuits


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        dumps({"told": dumps(rotated())}),  # a string that holds JSON, not a circuit
        '{"__type__": "QuantumCircuit", "__value__": "bm90IHpsaWI="}',
        '{"__type__": "QuantumCircuit", "__value__": "A"}',
        json.dumps(
            {"__type__": "QuantumCircuit", "__value__": base64.b64encode(zlib.compress(b"QISKIT")).decode("ascii")}
        ),
    ],
)
def test_what_is_no_circuit_has_no_version(text: str) -> None:
    assert newest_version(text) == 0
    assert rewrite(text, OLDEST) == text


def test_an_evolution_that_would_be_lost_stays_as_it_is() -> None:
    lost, kept = QuantumCircuit(2), QuantumCircuit(2)
    lost.append(PauliEvolutionGate(SparseObservable.from_list([("XX", 1.0)])), [0, 1])
    kept.append(PauliEvolutionGate(SparsePauliOp(["XX"])), [0, 1])
    older = rewrite(dumps([lost, kept]), OLDEST)
    assert [newest_version(json.dumps(each)) for each in json.loads(older)] == [17, OLDEST]
    assert loads(older) == [lost, kept]
