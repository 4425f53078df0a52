"""One value of each kind that Qiskit, its runtime client and Aer have and that can be stored, and how to compare two."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import numpy as np
from qiskit import QuantumCircuit, transpile
from qiskit.circuit import (
    AnnotatedOperation,
    Barrier,
    InverseModifier,
    Measure,
    Parameter,
    ParameterVector,
)
from qiskit.circuit.library import CCXGate, HGate, PauliEvolutionGate, QFTGate, RXGate, UnitaryGate, efficient_su2
from qiskit.circuit.random import random_circuit
from qiskit.primitives import StatevectorEstimator, StatevectorSampler
from qiskit.primitives.containers import BitArray, DataBin, PrimitiveResult, PubResult
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import (
    PTM,
    Chi,
    Choi,
    Clifford,
    DensityMatrix,
    Kraus,
    Operator,
    Pauli,
    PauliLindbladMap,
    PauliList,
    SparseObservable,
    SparsePauliOp,
    Statevector,
    Stinespring,
    SuperOp,
)
from qiskit.result import Counts, QuasiDistribution, Result
from qiskit.transpiler import CouplingMap
from qiskit_aer import AerSimulator
from qiskit_aer.noise import NoiseModel, ReadoutError, RelaxationNoisePass, depolarizing_error
from qiskit_ibm_runtime.execution_span import DoubleSliceSpan, ExecutionSpans, SliceSpan, TwirledSliceSpan
from qiskit_ibm_runtime.fake_provider import FakeArmonkV2, FakeManilaV2
from qiskit_ibm_runtime.results.noise_learner import LayerError, NoiseLearnerResult, PauliLindbladError

A, B = Parameter("a"), Parameter("b")
VECTOR = ParameterVector("v", 3)
HADAMARD = Operator(HGate())


def bell() -> QuantumCircuit:
    circuit = QuantumCircuit(2)
    circuit.h(0)
    circuit.cx(0, 1)
    circuit.measure_all()
    return circuit


def with_parameters() -> QuantumCircuit:
    circuit = QuantumCircuit(2, metadata={"pair": (1, 2), "angle": 1j, 3: "by number"})
    circuit.rx(A, 0)
    circuit.ry(VECTOR[1] * 2 + B, 1)
    circuit.global_phase = A / 2
    return circuit


def with_branches() -> QuantumCircuit:
    circuit = QuantumCircuit(2, 2)
    circuit.measure(0, 0)
    with circuit.if_test((circuit.clbits[0], 1)) as otherwise:
        circuit.x(1)
    with otherwise:
        circuit.h(1)
    with circuit.for_loop(range(2)):
        circuit.reset(0)
    return circuit


def noise() -> NoiseModel:
    model = NoiseModel(basis_gates=["x", "cx", "rz"])
    model.add_all_qubit_quantum_error(depolarizing_error(0.01, 1), ["x"])
    model.add_quantum_error(depolarizing_error(0.05, 2), ["cx"], [0, 1])
    model.add_readout_error(ReadoutError([[0.9, 0.1], [0.2, 0.8]]), [0])
    return model


def simulated() -> Result:
    return AerSimulator(seed_simulator=1).run(bell(), shots=100, memory=True).result()


def spans() -> ExecutionSpans:
    begin, end = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 1, 2, tzinfo=UTC)
    return ExecutionSpans(
        [
            SliceSpan(begin, end, {0: ((5, 2), slice(0, 4)), 2: ((3,), slice(1, 2))}),
            DoubleSliceSpan(begin, end, {1: ((10,), slice(0, 5), slice(2, 5))}),
            TwirledSliceSpan(begin, end, {1: ((2, 10), True, slice(0, 5), slice(2, 5))}),
        ]
    )


def estimated() -> PrimitiveResult[Any]:
    observables = [["ZZ"], ["XX"]]
    return StatevectorEstimator().run([(with_parameters(), observables, [0.1, 0.2, 0.3])]).result()


def with_odd_metadata() -> PrimitiveResult[Any]:
    data = DataBin(shape=(2,), evs=np.array([0.5, 1.0]), extra=np.array([1j, 2]))
    return PrimitiveResult([PubResult(data, {"levels": {0: (1, 2)}, "shift": np.float32(0.5)})], {"when": (1,)})


def lonely_qubits() -> CouplingMap:
    coupling = CouplingMap([[0, 2]], description="two islands")
    coupling.add_physical_qubit(3)
    return coupling


def layers() -> NoiseLearnerResult:
    error = PauliLindbladError(PauliList(["XX", "ZI"]), [0.1, 0.2])
    return NoiseLearnerResult([LayerError(bell(), [3, 4], error), LayerError(bell(), [0, 1])], {"backend": ("a", 1)})


# What the runtime client's decoder can read as well, as a value of the same type.
SHARED: dict[str, Any] = {
    "circuit": bell(),
    "random circuit": random_circuit(5, 5, measure=True, seed=7),
    "circuit with parameters": with_parameters(),
    "circuit with branches": with_branches(),
    "circuit with a layout": transpile(bell(), FakeManilaV2(), optimization_level=1, seed_transpiler=1),
    "library circuit": efficient_su2(3),
    "circuits": [bell(), random_circuit(3, 3, seed=1)],
    "parameter": A,
    "gate": HGate(),
    "gate with a parameter": RXGate(A),
    "controlled gate": CCXGate(ctrl_state=2),
    "unitary": UnitaryGate(HADAMARD),
    "evolution": PauliEvolutionGate(SparsePauliOp(["XX", "ZZ"], [1, 0.5]), A),
    "fourier transform": QFTGate(3),
    "measurement": Measure(),
    "barrier": Barrier(3),
    "annotated operation": AnnotatedOperation(HGate(), [InverseModifier()]),
    "clifford": Clifford(HGate()),
    "instruction of a circuit": bell().to_instruction(),
    "operator": Operator.from_label("XI").dot(Operator.from_label("ZY")),
    "operator with dimensions": Operator(np.eye(6), input_dims=(2, 3), output_dims=(3, 2)),
    "pauli": Pauli("-iXYZ"),
    "paulis": PauliList(["XX", "-iYZ"]),
    "sum of paulis": SparsePauliOp(["XX", "YZ"], [1, 2j]),
    "kraus": Kraus(HADAMARD),
    "choi": Choi(HADAMARD),
    "chi": Chi(HADAMARD),
    "transfer matrix": PTM(HADAMARD),
    "stinespring": Stinespring(HADAMARD),
    "superoperator": SuperOp(HADAMARD),
    "observables": ObservablesArray(["XX", {"YZ": 2.0, "II": 0.5}]),
    "bindings": BindingsArray({(A, B): np.arange(6.0).reshape(3, 2)}),
    "bits": BitArray.from_counts({"00": 3, "11": 2}),
    "sampled": StatevectorSampler(seed=1).run([bell()], shots=50).result(),
    "simulated": simulated(),
    "execution spans": spans(),
    "pauli-lindblad map": PauliLindbladMap.from_list([("XX", 0.1), ("ZI", 0.2)]),
}

# What the runtime client has nothing for, or would change.
OWN: dict[str, Any] = {
    "noise model": noise(),
    "noise model of a backend": NoiseModel.from_backend(FakeArmonkV2()),
    "expression": A * 2 + B.sin(),
    "element of a vector": VECTOR[1],
    "vector": VECTOR,
    "empty vector": ParameterVector("w", 0),
    "parameters of a circuit": with_parameters().parameters,
    "sum of paulis with parameters": SparsePauliOp(["XX", "YZ"], np.array([A, 2 * B])),
    "sparse observable": SparseObservable.from_list([("+-0", 1.5), ("XYZ", 2j)]),
    "state": Statevector([1, 0, 0, 1j], dims=(4,)) / np.sqrt(2),
    "density matrix": DensityMatrix.from_label("+0"),
    "coupling map": CouplingMap.from_line(4, bidirectional=False),
    "coupling map with lonely qubits": lonely_qubits(),
    "sampler pub": SamplerPub.coerce((with_parameters(), [[0.1, 0.2, 0.3]], 10)),
    "estimator pub": EstimatorPub.coerce((with_parameters(), ["ZZ", "XX"], [0.1, 0.2, 0.3], 0.01)),
    "estimated": estimated(),
    "result with odd metadata": with_odd_metadata(),
    "noise learned": layers(),
    "counts": Counts({"00": 3, "11": 2}),
    "quasi-distribution": QuasiDistribution({0: 0.5, 3: 0.5}),
}


def same(one: Any, other: Any) -> bool:
    """Whether two values are the same, part by part where Qiskit does not compare them itself."""
    if type(other) is not _stored_as(one):
        return False
    compare = next((compare for kind, compare in _COMPARISONS.items() if isinstance(one, kind)), None)
    return compare(one, other) if compare else bool(one == other)


def _stored_as(value: Any) -> type:
    for plain in (QuantumCircuit, dict):
        if isinstance(value, plain):
            return plain
    return type(value)


def _by(*names: str) -> Any:
    return lambda one, other: all(same(getattr(one, name), getattr(other, name)) for name in names)


def _arrays(one: Any, other: Any) -> bool:
    return (
        one.dtype == other.dtype
        and one.shape == other.shape
        and all(map(same, one.ravel().tolist(), other.ravel().tolist()))
    )


def _items(one: Any, other: Any) -> bool:
    return len(one) == len(other) and all(map(same, one, other))


def _mappings(one: Mapping[Any, Any], other: Mapping[Any, Any]) -> bool:
    return list(one) == list(other) and all(same(one[key], other[key]) for key in one)


def _bindings(one: BindingsArray, other: BindingsArray) -> bool:
    return one.shape == other.shape and _mappings(one.data, other.data)


def _results(one: PrimitiveResult[Any], other: PrimitiveResult[Any]) -> bool:
    return same(one.metadata, other.metadata) and _items(list(one), list(other))


def _circuits(one: QuantumCircuit, other: QuantumCircuit) -> bool:
    return one == other and same(one.metadata, other.metadata) and one.layout == other.layout and one.name == other.name


_COMPARISONS: dict[type, Any] = {
    QuantumCircuit: _circuits,
    np.ndarray: _arrays,
    Mapping: _mappings,
    list: _items,
    tuple: _items,
    ParameterVector: lambda one, other: one.name == other.name and _items(list(one), list(other)),
    BindingsArray: _bindings,
    ObservablesArray: lambda one, other: same(one.tolist(), other.tolist()),
    PrimitiveResult: _results,
    PubResult: _by("data", "metadata"),
    DataBin: lambda one, other: one.shape == other.shape and _mappings(dict(one.items()), dict(other.items())),
    SamplerPub: _by("circuit", "parameter_values", "shots"),
    EstimatorPub: _by("circuit", "observables", "parameter_values", "precision"),
    CouplingMap: lambda one, other: (
        sorted(one.get_edges()) == sorted(other.get_edges())
        and list(one.physical_qubits) == list(other.physical_qubits)
        and one.description == other.description
    ),
    Result: lambda one, other: one.to_dict() == other.to_dict(),
    NoiseLearnerResult: _by("data", "metadata"),
    NoiseModel: lambda one, other: one == other and _items(one._custom_noise_passes, other._custom_noise_passes),
    RelaxationNoisePass: _by("_t1s", "_t2s", "_p1s", "_dt", "_ops"),
    LayerError: _by("circuit", "qubits", "error"),
    PauliLindbladError: _by("generators", "rates"),
}
