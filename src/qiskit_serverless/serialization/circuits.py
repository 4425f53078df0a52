"""Circuits as QPY: in the newest version that is common or, for readers who may have an older Qiskit, in the oldest possible.

See docs/decisions/qpy-versions.md.
"""

import io

from qiskit import QuantumCircuit, qpy
from qiskit.exceptions import QiskitError
from qiskit.qpy import UnsupportedFeatureForVersion

from qiskit_serverless.serialization.decoding import QiskitObjectsDecoder
from qiskit_serverless.serialization.qpy_versions import OLDEST

_OLDEST = max(OLDEST, qpy.QPY_COMPATIBILITY_VERSION)
_NEWEST = max(
    _OLDEST, min(17, qpy.QPY_VERSION)
)  # what the runtime client writes: whoever reads its circuits reads ours
_LOST_WITHOUT_A_WORD = b"PauliEvolutionGate"  # of a SparseObservable: written by all versions, read by the newest only


def written(circuit: QuantumCircuit, json_encoder: type, portable: bool) -> bytes:
    """Return a circuit as a QPY file.

    Args:
        circuit: The circuit.
        json_encoder: Class that writes its metadata.
        portable: Whether to use the oldest version that carries it without loss; writing then takes several times as long.

    Raises:
        QiskitError: QPY cannot carry it.
    """
    for version in range(_OLDEST, _NEWEST) if portable else ():
        try:
            data = _dumped(circuit, json_encoder, version)
        except UnsupportedFeatureForVersion:
            continue
        if _LOST_WITHOUT_A_WORD not in data or _is(circuit, data):
            return data
    return _dumped(circuit, json_encoder, _NEWEST)


def _dumped(circuit: QuantumCircuit, json_encoder: type, version: int) -> bytes:
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer, metadata_serializer=json_encoder, version=version)
    return buffer.getvalue()


def _is(circuit: QuantumCircuit, data: bytes) -> bool:
    try:
        read: QuantumCircuit = qpy.load(io.BytesIO(data), metadata_deserializer=QiskitObjectsDecoder)[0]
    except QiskitError:
        return False
    return bool(read == circuit)
