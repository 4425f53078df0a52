"""Circuits, arrays and nested values go to a program and come back equal, in the Qiskit of this client."""

from typing import Any

import numpy as np
import qiskit
from qiskit import QuantumCircuit
from qiskit.circuit import Parameter
from qiskit.circuit.library import EfficientSU2
from qiskit.quantum_info import SparsePauliOp
from setup import Setup


def tell(setup: Setup) -> dict[str, Any]:
    client = setup.connect()
    client.upload(setup.function("echo"))
    given = arguments()
    job = client.run(setup.title("echo"), arguments=given)
    result = job.result(cadence=0.05)
    return {
        "qiskit": qiskit.__version__,
        "status": job.status(),
        "seen": result["seen"],
        "circuits_are_equal": result["given"]["circuits"] == given["circuits"],
        "array_is_equal": same_array(result["given"]["array"], given["array"]),
        "nested_is_equal": same_nested(result["given"]["nested"], given["nested"]),
        "operator_is_equal": result["given"]["operator"] == given["operator"],
        "made": made(result),
    }


def arguments() -> dict[str, Any]:
    theta = Parameter("theta")
    rotated = QuantumCircuit(2, 1, name="rotated", metadata={"molecule": "H2"})
    rotated.rx(theta / 2, 0)
    rotated.cx(0, 1)
    with rotated.if_test((rotated.clbits[0], 1)):
        rotated.x(1)
    rotated.measure(0, 0)
    return {
        "circuits": [rotated, EfficientSU2(2, reps=1).decompose()],
        "array": np.array([[1 + 2j, 0], [0.5, -1j]]),
        "nested": {"levels": [1, {"bonds": [np.array([0.7, 1.4]), None, "é"]}], "flag": True},
        "operator": SparsePauliOp(["XY", "ZI"], [1.0, 2j]),
        "number": 0.1,
    }


def made(result: dict[str, Any]) -> dict[str, Any]:
    sampled, estimated = result["sampled"][0].data, result["estimated"][0].data
    return {
        "bell": result["bell"] == bell(),
        "isa": sorted(result["isa"].count_ops()),
        "ansatz_parameters": result["ansatz"].num_parameters,
        "phase": result["phase"].name,
        "observable": result["observable"] == SparsePauliOp(["XX", "ZZ"], [0.5, 1.5]),
        "array": [str(result["array"].dtype), result["array"].tolist()],
        "sampled": [type(result["sampled"]).__name__, sum(sampled.meas.get_counts().values())],
        "outcomes": sorted(sampled.meas.get_counts()),
        "estimated": [round(float(value), 6) for value in np.atleast_1d(estimated.evs)],
    }


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    return circuit


def same_array(one: np.ndarray, other: np.ndarray) -> bool:
    return one.dtype == other.dtype and one.shape == other.shape and bool((one == other).all())


def same_nested(one: Any, other: Any) -> bool:
    bonds, given = one["levels"][1]["bonds"], other["levels"][1]["bonds"]
    return one["levels"][0] == 1 and one["flag"] is True and bonds[1:] == given[1:] and same_array(bonds[0], given[0])
