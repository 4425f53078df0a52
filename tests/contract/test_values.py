"""Circuits, arrays, nested values and results of primitives arrive whole, in whatever Qiskit a client has."""

import math

import pytest

from tests.contract.researcher import Researcher
from tests.running_platform import RunningPlatform

pytestmark = pytest.mark.timeout(600)  # the first run on a machine downloads the client's packages

QISKIT = {"0.18.1": "1.3", "0.24.0": "2.1", "0.30.1": "2.3", "0.35.1": "2.6", "0.37.0": "2.6"}


def test_values_go_to_a_program_and_come_back_equal(researcher: Researcher, platform: RunningPlatform) -> None:
    seen = researcher.tell("values", platform)["seen"]

    assert seen["qiskit"].startswith(QISKIT[researcher.release])
    assert seen["status"] == "DONE"
    assert seen["seen"]["types"] == {
        "circuits": "list",
        "array": "ndarray",
        "nested": "dict",
        "operator": "SparsePauliOp",
        "number": "float",
    }
    assert seen["seen"]["circuits"] == [4, 9]
    assert seen["seen"]["array"] == pytest.approx(math.sqrt(5) + 1.5)
    assert [name for name, value in seen.items() if name.endswith("_equal") and value is not True] == []
    assert seen["made"] == {
        "bell": True,
        "isa": ["cz", "rz", "sx"],
        "ansatz_parameters": 12,
        "phase": "phase",
        "observable": True,
        "array": ["int32", [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]],
        "sampled": ["PrimitiveResult", 100],
        "outcomes": ["00", "11"],
        "estimated": [2.0],
    }
