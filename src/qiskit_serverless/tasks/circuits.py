"""Circuits travel between processes as QPY, which is several times faster than pickling them."""

import io
import json
import sys
from collections.abc import Sequence
from typing import Any

from qiskit_serverless.tasks.references import Value

_OPERATIONS = {"Measure", "Reset", "Barrier", "UnitaryGate"}
_CONTROL_FLOW = {"IfElseOp", "ForLoopOp", "WhileLoopOp", "SwitchCaseOp", "BreakLoopOp", "ContinueLoopOp"}
_USUAL = frozenset(
    {"_ancillas", "_base_name", "_builder_api", "_control_flow_scopes", "_data", "_duration", "_layout", "_metadata"}
    | {"_op_start_times", "_unit", "name", "_clbit_write_latency", "_conditional_latency"}
)


class _WithoutMetadata(json.JSONEncoder):
    """Keeps metadata out of QPY, whose JSON would turn tuples into lists and numbers as keys into texts."""

    def encode(self, o: object) -> str:
        return "{}"


def circuit_class() -> type | None:
    """Return ``QuantumCircuit`` if this process has imported Qiskit; without it there are no circuits to look for."""
    return getattr(sys.modules.get("qiskit.circuit"), "QuantumCircuit", None)


def survives_qpy(circuit: Value) -> bool:
    """Say whether a circuit comes back from QPY as it was, its metadata aside.

    QPY turns operations it does not know into plain instructions, makes new bits for those that belong to no register, and
    carries neither a schedule nor attributes that somebody set on the circuit.
    """
    return (
        isinstance(circuit.name, str)
        and _has_only_usual_attributes(circuit)
        and all(bit._register is not None for bit in (*circuit.qubits, *circuit.clbits))
        and all(_operation_survives(operation) for operation in _special_operations(circuit))
    )


def _has_only_usual_attributes(circuit: Value) -> bool:
    state = vars(circuit)
    return _USUAL.issuperset(state) and state.get("_op_start_times") is None and state.get("_duration") is None


def _special_operations(circuit: Value) -> list[Any]:
    """Return the operations that are not plain standard gates; there are few of them as a rule."""
    found: list[Any] = []

    def collect(operation: Value) -> Value:
        found.append(operation)
        return operation

    circuit._data.copy().map_nonstandard_ops(collect)
    return found


def _operation_survives(operation: Value) -> bool:
    kind = operation.base_class
    if not kind.__module__.startswith("qiskit.circuit."):
        return False
    if kind.__name__ == "Delay":
        return operation.unit == "dt" and type(operation.duration) is int
    if kind.__name__ in _CONTROL_FLOW:
        return all(survives_qpy(block) for block in getattr(operation, "blocks", ()))
    return kind.__name__ in _OPERATIONS or "_standard_gate" in vars(kind)


def pack(circuits: Sequence[Any]) -> memoryview:
    """Return circuits, without their metadata, as one QPY file."""
    from qiskit import qpy

    file = io.BytesIO()
    qpy.dump(circuits, file, metadata_serializer=_WithoutMetadata)
    return file.getbuffer()


def unpack(data: bytes | memoryview) -> list[Any]:
    """Return the circuits that `pack` wrote."""
    from qiskit import qpy

    circuits: list[Any] = qpy.load(io.BytesIO(data))
    return circuits
