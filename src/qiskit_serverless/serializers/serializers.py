"""Where releases of the PyPI client up to 0.37 keep serializers for Ray."""

import base64
import io
import zlib
from typing import Any

from qiskit import QuantumCircuit, qpy
from qiskit_ibm_runtime import QiskitRuntimeService

from qiskit_serverless.exceptions import QiskitServerlessException


def circuit_serializer(circuit: QuantumCircuit) -> str:
    """Return a circuit as text: its QPY, compressed, in base64."""
    buffer = io.BytesIO()
    qpy.dump(circuit, buffer)
    return base64.b64encode(zlib.compress(buffer.getvalue())).decode()


def circuit_deserializer(encoded_circuit: str) -> QuantumCircuit:
    """Return the circuit of such a text."""
    [circuit] = qpy.load(io.BytesIO(zlib.decompress(base64.b64decode(encoded_circuit))))
    return circuit


def service_serializer(service: QiskitRuntimeService) -> dict[str, Any]:
    """Return the account of a QPU service; it holds the token."""
    account: dict[str, Any] = service.active_account()
    return account


def service_deserializer(account: dict[str, Any]) -> QiskitRuntimeService:
    """Return the QPU service of an account."""
    return QiskitRuntimeService(**account)


def register_all_serializers() -> None:
    """Let Ray carry circuits and QPU services by these functions. Tasks of `distribute_task` need none of it.

    Raises:
        QiskitServerlessException: Ray is not installed.
    """
    try:
        from ray.util import register_serializer
    except ImportError as error:
        raise QiskitServerlessException(
            "Ray is not installed. Put it among the dependencies of the function."
        ) from error
    register_serializer(QuantumCircuit, serializer=circuit_serializer, deserializer=circuit_deserializer)
    register_serializer(QiskitRuntimeService, serializer=service_serializer, deserializer=service_deserializer)
