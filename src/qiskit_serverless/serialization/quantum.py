"""Objects of Qiskit and its runtime client to JSON and back.

What holds a user's data (metadata, coefficients, fields of results) is walked, so that nothing in it is lost; what belongs
to a library alone is written by the runtime client's own encoder. That encoder also accepts what it cannot bring back (it
turns any callable, a Clifford for instance, into null), so only the types named here are given to it.
"""

import io
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import numpy as np
import qiskit.quantum_info
from qiskit import QuantumCircuit, primitives, qpy
from qiskit.circuit import Operation, Parameter, ParameterExpression, ParameterVector
from qiskit.circuit.controlflow import CONTROL_FLOW_OP_NAMES
from qiskit.circuit.parametertable import ParameterView
from qiskit.circuit.parametervector import ParameterVectorElement
from qiskit.exceptions import QiskitError
from qiskit.primitives.containers import BitArray, DataBin, PrimitiveResult, PubResult, SamplerPubResult
from qiskit.primitives.containers.bindings_array import BindingsArray
from qiskit.primitives.containers.estimator_pub import EstimatorPub
from qiskit.primitives.containers.observables_array import ObservablesArray
from qiskit.primitives.containers.sampler_pub import SamplerPub
from qiskit.quantum_info import SparseObservable
from qiskit.result import Result
from qiskit.transpiler import CouplingMap
from qiskit_ibm_runtime import QiskitRuntimeService, RuntimeDecoder, RuntimeEncoder
from qiskit_ibm_runtime.fake_provider.local_service import QiskitRuntimeLocalService

from qiskit_serverless.serialization.binary import Binary, inflated_bytes_of
from qiskit_serverless.serialization.decoding import QiskitObjectsDecoder
from qiskit_serverless.serialization.tags import PREFIX, VALUE, CannotEncodeError, Encode, Json, Value, Walk, tagged

# The newest that the runtime client writes: whoever reads its circuits reads ours.
_QPY_VERSION = max(qpy.QPY_COMPATIBILITY_VERSION, min(17, qpy.QPY_VERSION))
_QUANTUM_INFO = "qiskit.quantum_info."

# Classes of qiskit.quantum_info that are rebuilt by handing their `settings` to their constructor.
_WITH_SETTINGS = (
    "Chi",
    "Choi",
    "DensityMatrix",
    "Kraus",
    "Operator",
    "PTM",
    "Pauli",
    "PauliList",
    "SparsePauliOp",
    "Statevector",
    "Stinespring",
    "SuperOp",
)
_PUB_RESULT = ("data", "metadata")
_SECONDS = frozenset({"s", "ms", "us", "ns", "ps"})
_ESTIMATOR_PUB = ("circuit", "observables", "parameter_values", "precision")
_SAMPLER_PUB = ("circuit", "parameter_values", "shots")


def find_encoder(kind: type) -> Encode | None:
    """Return the encoder for a type of Qiskit or its runtime client, None if it has none."""
    library = str(kind.__module__).partition(".")[0]
    return _ENCODERS.get(kind) or _OPTIONAL_ENCODERS.get(f"{library}:{kind.__name__}")


@contextmanager
def _refusal_of(value: Value) -> Iterator[None]:
    """Turn what Qiskit raises when it cannot write `value` into a refusal with its words."""
    try:
        yield
    except (QiskitError, TypeError, ValueError, AttributeError) as error:
        raise CannotEncodeError(type(value), str(error)) from error


def encode_by_runtime_client(walk: Walk, value: Value) -> Json:
    """Return the JSON form that the runtime client's own encoder gives an object."""
    with _refusal_of(value):
        return json.loads(json.dumps(value, cls=RuntimeEncoder))


def decode_by_runtime_client(fields: dict[str, Json]) -> Value:
    """Return the object that the runtime client's decoder makes of a JSON object."""
    return RuntimeDecoder().object_hook(fields)


def _encode_circuit(walk: Walk, circuit: QuantumCircuit) -> Json:
    with _refusal_of(circuit):
        return tagged("QuantumCircuit", _qpy(walk, circuit))


def _qpy(walk: Walk, circuit: QuantumCircuit) -> Json:
    _check_delays(circuit)
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer, metadata_serializer=walk.json_encoder, version=_QPY_VERSION)
    return walk.binary(Binary((buffer.getbuffer(),), alike=True))


def _check_delays(circuit: QuantumCircuit) -> None:
    """See that QPY carries the delays of a circuit: it would turn those in seconds into as many ticks (``dt``).

    Raises:
        ValueError: It does not.
    """
    names = circuit.count_ops()
    if "delay" in names or not CONTROL_FLOW_OP_NAMES.isdisjoint(names):
        for operation in (instruction.operation for instruction in circuit.data):
            if operation.name == "delay" and operation.unit in _SECONDS:
                raise ValueError(f"it has a delay in {operation.unit}, which QPY loses; give delays in dt")
            for block in getattr(operation, "blocks", ()):
                _check_delays(block)


def _decode_circuit(fields: dict[str, Json]) -> QuantumCircuit:
    file = io.BytesIO(inflated_bytes_of(fields[VALUE]))
    return qpy.load(file, metadata_deserializer=QiskitObjectsDecoder)[0]


def _encode_operation(walk: Walk, operation: Operation) -> Json:
    """As the runtime client does: the only instruction of a circuit. But with classical bits, for measurements."""
    with _refusal_of(operation):
        circuit = QuantumCircuit(operation.num_qubits, operation.num_clbits)
        circuit.append(operation, range(operation.num_qubits), range(operation.num_clbits))
        return tagged("Instruction", _qpy(walk, circuit))


def _decode_operation(fields: dict[str, Json]) -> Operation:
    return _decode_circuit(fields).data[0].operation


def _encode_expression(walk: Walk, expression: ParameterExpression) -> Json:
    """As the global phase of a circuit."""
    if not expression.parameters:
        return walk.encode(expression.numeric())
    with _refusal_of(expression):
        circuit = QuantumCircuit(global_phase=expression)
        return tagged(f"{PREFIX}expression", tagged("QuantumCircuit", _qpy(walk, circuit)))


def _decode_expression(fields: dict[str, Json]) -> ParameterExpression:
    return fields[VALUE].global_phase


def _encode_vector(walk: Walk, vector: ParameterVector) -> Json:
    """As a circuit that uses every element: QPY keeps the identity only of what is used."""
    circuit = QuantumCircuit(1)
    for element in vector:
        circuit.rz(element, 0)
    return tagged(f"{PREFIX}vector", tagged("QuantumCircuit", _qpy(walk, circuit)), name=vector.name)


def _decode_vector(fields: dict[str, Json]) -> ParameterVector:
    for element in fields[VALUE].parameters:
        return element.vector
    return ParameterVector(fields["name"], 0)


def _encode_view(walk: Walk, view: ParameterView) -> Json:
    return tagged(f"{PREFIX}ParameterView", walk.items(view))


def _decode_view(fields: dict[str, Json]) -> ParameterView:
    return ParameterView(fields[VALUE])


def _encode_settings(name: str, walk: Walk, value: Value) -> Json:
    settings = {key: list(item) if isinstance(item, tuple) else item for key, item in value.settings.items()}
    # The runtime client cannot rebuild an operator whose coefficients are expressions: it shall not try.
    expressions = any(isinstance(item, np.ndarray) and item.dtype == object for item in settings.values())
    kind = f"{PREFIX}settings" if expressions else "settings"
    module = getattr(qiskit.quantum_info, name).__module__
    return tagged(kind, walk.fields(settings), __module__=module, __class__=name)


def _decode_settings(fields: dict[str, Json]) -> Value:
    if fields["__class__"] in _WITH_SETTINGS and fields["__module__"].startswith(_QUANTUM_INFO):
        return getattr(qiskit.quantum_info, fields["__class__"])(**fields[VALUE])
    return decode_by_runtime_client(fields)


def _encode_attributes(kind: str, names: tuple[str, ...], walk: Walk, value: Value) -> Json:
    return tagged(kind, {name: walk.attribute(value, name) for name in names})


def _decode_attributes(build: Callable[..., Any], fields: dict[str, Json]) -> Value:
    return build(**fields[VALUE])


def _encode_parts(kind: str, names: tuple[str, ...], walk: Walk, value: Value) -> Json:
    return tagged(f"{PREFIX}{kind}", [walk.attribute(value, name) for name in names])


def _decode_parts(build: Callable[..., Any], fields: dict[str, Json]) -> Value:
    return build(*fields[VALUE])


def _encode_primitive_result(walk: Walk, result: "PrimitiveResult[Any]") -> Json:
    return tagged(
        "PrimitiveResult", {"pub_results": walk.items(result), "metadata": walk.attribute(result, "metadata")}
    )


def _encode_data_bin(walk: Walk, data: DataBin) -> Json:
    fields = walk.fields(dict(data.items()))
    return tagged("DataBin", {"field_names": list(fields), "shape": list(data.shape), "fields": fields})


def _encode_bindings(walk: Walk, bindings: BindingsArray) -> Json:
    data = {json.dumps(names, cls=RuntimeEncoder): values for names, values in bindings.data.items()}
    return tagged("BindingsArray", {"shape": list(bindings.shape), "data": walk.fields(data)})


def _encode_result(walk: Walk, result: Result) -> Json:
    return tagged("Result", walk.fields(result.to_dict()))


def _encode_coupling(walk: Walk, coupling: CouplingMap) -> Json:
    edges = [list(edge) for edge in coupling.get_edges()]
    return tagged(
        f"{PREFIX}CouplingMap", edges, qubits=list(coupling.physical_qubits), description=coupling.description
    )


def _decode_coupling(fields: dict[str, Json]) -> CouplingMap:
    coupling = CouplingMap(fields[VALUE], description=fields["description"])
    for qubit in fields["qubits"][coupling.size() :]:  # those without an edge beyond the last that has one
        coupling.add_physical_qubit(qubit)
    return coupling


def _encode_observable(walk: Walk, observable: SparseObservable) -> Json:
    arrays = [
        np.array(part) for part in (observable.coeffs, observable.bit_terms, observable.indices, observable.boundaries)
    ]
    return tagged(f"{PREFIX}SparseObservable", [observable.num_qubits, *walk.items(arrays)])


def _encode_service(walk: Walk, service: QiskitRuntimeService) -> Json:
    return tagged("QiskitRuntimeService", walk.encode(service.active_account()))


def _encode_local_service(walk: Walk, service: QiskitRuntimeLocalService) -> Json:
    return tagged("QiskitRuntimeService", {"channel": "local"})


_ENCODERS: dict[type, Encode] = {
    QuantumCircuit: _encode_circuit,
    Operation: _encode_operation,
    Parameter: encode_by_runtime_client,
    ParameterVectorElement: _encode_expression,
    ParameterExpression: _encode_expression,
    ParameterVector: _encode_vector,
    ParameterView: _encode_view,
    BindingsArray: _encode_bindings,
    ObservablesArray: encode_by_runtime_client,
    SparseObservable: _encode_observable,
    CouplingMap: _encode_coupling,
    Result: _encode_result,
    BitArray: partial(_encode_attributes, "BitArray", ("array", "num_bits")),
    DataBin: _encode_data_bin,
    PubResult: partial(_encode_attributes, "PubResult", _PUB_RESULT),
    SamplerPubResult: partial(_encode_attributes, "SamplerPubResult", _PUB_RESULT),
    PrimitiveResult: _encode_primitive_result,
    EstimatorPub: partial(_encode_parts, "EstimatorPub", _ESTIMATOR_PUB),
    SamplerPub: partial(_encode_parts, "SamplerPub", _SAMPLER_PUB),
    primitives.SamplerResult: partial(_encode_attributes, "SamplerResult", ("quasi_dists", "metadata")),
    primitives.EstimatorResult: partial(_encode_attributes, "EstimatorResult", ("values", "metadata")),
    QiskitRuntimeService: _encode_service,
    QiskitRuntimeLocalService: _encode_local_service,
    **{getattr(qiskit.quantum_info, name): partial(_encode_settings, name) for name in _WITH_SETTINGS},
}

# Named, not imported: some exist only in newer versions, and some have moved.
_OPTIONAL_ENCODERS: dict[str, Encode] = {
    "qiskit:PauliLindbladMap": encode_by_runtime_client,
    "qiskit_ibm_runtime:ExecutionSpan": encode_by_runtime_client,
    "qiskit_ibm_runtime:ExecutionSpans": encode_by_runtime_client,
    "qiskit_ibm_runtime:LayerError": encode_by_runtime_client,
    "qiskit_ibm_runtime:PauliLindbladError": encode_by_runtime_client,
    "qiskit_ibm_runtime:EstimatorPubResult": partial(_encode_attributes, "EstimatorPubResult", _PUB_RESULT),
    "qiskit_ibm_runtime:NoiseLearnerResult": partial(_encode_attributes, "NoiseLearnerResult", _PUB_RESULT),
}

# What is not here is left to the runtime client's decoder.
DECODERS: dict[str, Callable[[dict[str, Any]], Any]] = {
    "QuantumCircuit": _decode_circuit,
    "Instruction": _decode_operation,
    "settings": _decode_settings,
    f"{PREFIX}settings": _decode_settings,
    "SamplerResult": partial(_decode_attributes, primitives.SamplerResult),
    "EstimatorResult": partial(_decode_attributes, primitives.EstimatorResult),
    "QiskitRuntimeService": partial(_decode_attributes, QiskitRuntimeService),
    f"{PREFIX}expression": _decode_expression,
    f"{PREFIX}vector": _decode_vector,
    f"{PREFIX}ParameterView": _decode_view,
    f"{PREFIX}CouplingMap": _decode_coupling,
    f"{PREFIX}SparseObservable": partial(_decode_parts, SparseObservable.from_raw_parts),
    f"{PREFIX}EstimatorPub": partial(_decode_parts, EstimatorPub),
    f"{PREFIX}SamplerPub": partial(_decode_parts, SamplerPub),
}
