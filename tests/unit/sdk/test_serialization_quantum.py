"""Everything of Qiskit that the runtime client can carry, and some more, comes back as it was."""

import json
import os
from typing import Any

import pytest
from qiskit import QuantumCircuit, transpile
from qiskit.primitives import EstimatorResult, SamplerResult
from qiskit.quantum_info import Clifford, Operator, ScalarOp
from qiskit_aer import AerSimulator
from qiskit_aer.noise import LocalNoisePass, NoiseModel
from qiskit_ibm_runtime import QiskitRuntimeService, RuntimeDecoder, RuntimeEncoder
from qiskit_ibm_runtime.fake_provider.local_service import QiskitRuntimeLocalService

from qiskit_serverless.exceptions import SerializationError
from qiskit_serverless.serialization import dumps, loads
from tests.unit.sdk.quantum_values import OWN, SHARED, A, bell, same

EVERYTHING = {**SHARED, **OWN}

# The runtime client's decoder rebuilds noise models in a way that Aer wants to give up.
pytestmark = pytest.mark.filterwarnings("ignore:from_dict has been deprecated:DeprecationWarning")


@pytest.mark.parametrize("name", EVERYTHING)
def test_it_comes_back_as_it_was(name: str) -> None:
    value = EVERYTHING[name]
    assert same(value, loads(dumps({"nested": [value]}))["nested"][0])


@pytest.mark.parametrize("name", SHARED)
def test_the_runtime_client_reads_what_we_write(name: str) -> None:
    text = dumps(SHARED[name])
    assert "treadle:" not in text
    seen = json.loads(text, cls=RuntimeDecoder)
    assert same(SHARED[name], seen) or name == "circuit with parameters"  # it does not restore metadata
    assert type(seen) is type(loads(text))


# The runtime client's encoder cannot write these, though its decoder can read them.
ONLY_READ = {"measurement", "barrier", "instruction of a circuit", "annotated operation", "clifford"}


@pytest.mark.parametrize("name", [name for name in SHARED if name not in ONLY_READ])
def test_we_read_what_the_runtime_client_writes(name: str) -> None:
    back = loads(json.dumps(SHARED[name], cls=RuntimeEncoder))
    assert same(SHARED[name], back) or name == "circuit with parameters"  # it writes the keys of metadata as text


class Ansatz(QuantumCircuit):
    """A circuit of a user's own class."""


def test_a_circuit_of_ones_own_class_comes_back_as_a_plain_circuit_that_does_the_same() -> None:
    circuit = Ansatz(2)
    circuit.compose(bell().remove_final_measurements(inplace=False), inplace=True)
    back = loads(dumps(circuit))
    assert type(back) is QuantumCircuit
    assert Operator(back) == Operator(circuit)


def test_an_expression_without_parameters_is_a_number() -> None:
    bound = (A * 2).bind({A: 1.5})
    assert loads(dumps(bound)) == bound == 3.0


def test_circuits_that_share_a_parameter_share_it_afterwards() -> None:
    one, two = QuantumCircuit(1), QuantumCircuit(1)
    one.rx(A, 0)
    two.rz(A, 0)
    back = loads(dumps({"circuits": [one, two], "parameter": A}))
    assert set(back["circuits"][0].parameters) == set(back["circuits"][1].parameters) == {back["parameter"]}


@pytest.mark.parametrize("kind", [SamplerResult, EstimatorResult])
def test_results_of_the_first_primitives(kind: Any) -> None:
    first = [{0: 0.5, 3: 0.5}] if kind is SamplerResult else [0.25]
    result = kind(first, metadata=[{"shots": 100}])
    assert loads(dumps(result)) == result


def test_the_local_service_can_be_an_argument() -> None:
    service = QiskitRuntimeService(channel="local")
    assert type(loads(dumps({"service": service}))["service"]) is QiskitRuntimeLocalService


def test_what_the_runtime_client_turns_into_null_is_refused() -> None:
    with pytest.warns(UserWarning, match="will be set to None"):
        assert json.dumps(ScalarOp(2), cls=RuntimeEncoder) == "null"
    with pytest.raises(SerializationError, match=r"^result\[0\]: <class '.*ScalarOp'> cannot be stored$"):
        dumps([ScalarOp(2)])


def test_what_the_runtime_client_turns_into_null_is_carried_where_that_is_possible() -> None:
    clifford = Clifford(bell().remove_final_measurements(inplace=False))
    with pytest.warns(UserWarning, match="will be set to None"):
        assert json.dumps(clifford, cls=RuntimeEncoder) == "null"
    assert loads(dumps(clifford)) == clifford


def test_an_operation_that_qpy_cannot_write_is_refused_with_its_place() -> None:
    circuit = bell()
    circuit.append(Opaque(), [0])
    with pytest.raises(SerializationError, match=r"^result\[\"c\"\]: <class .*QuantumCircuit'> cannot be stored: "):
        dumps({"c": circuit})


class Opaque(type(bell().to_instruction())):  # type: ignore[misc]
    """An instruction whose parameter nobody can write."""

    def __init__(self) -> None:
        super().__init__("opaque", 1, 0, [])
        self._params = [object()]


def test_a_noise_model_with_code_in_it_is_refused() -> None:
    model = NoiseModel()
    model._custom_noise_passes = [LocalNoisePass(lambda operation, qubits: None)]
    with pytest.raises(
        SerializationError, match=r"^result: <class '.*NoiseModel'> cannot be stored: its custom noise passes are code$"
    ):
        dumps(model)


def test_a_noise_model_makes_the_same_noise_afterwards() -> None:
    model = EVERYTHING["noise model of a backend"]
    circuit = QuantumCircuit(1)
    circuit.x(0)
    circuit.delay(500_000, 0)
    circuit.measure_all()
    counts = [
        AerSimulator(noise_model=each, seed_simulator=3)
        .run(transpile(circuit, basis_gates=model.basis_gates, seed_transpiler=1))
        .result()
        .get_counts()
        for each in (model, loads(dumps(model)))
    ]
    assert counts[0] == counts[1]
    assert counts[0] != {"1": 1024}


def test_settings_of_other_classes_are_never_called() -> None:
    text = json.dumps(
        {"__type__": "settings", "__module__": "os", "__class__": "system", "__value__": {"command": "true"}}
    )
    assert loads(text) == json.loads(text)
    assert callable(os.system)
