"""Where releases of the PyPI client up to 0.37 keep serializers."""

from typing import TYPE_CHECKING

from qiskit_serverless.lazy_names import lazy_names

if TYPE_CHECKING:
    from qiskit_serverless.program import get_arguments, get_compute_profile, get_function_size
    from qiskit_serverless.serializers.serializers import (
        circuit_deserializer,
        circuit_serializer,
        register_all_serializers,
        service_deserializer,
        service_serializer,
    )

__all__ = [
    "circuit_deserializer",
    "circuit_serializer",
    "get_arguments",
    "get_compute_profile",
    "get_function_size",
    "register_all_serializers",
    "service_deserializer",
    "service_serializer",
]

_MODULES = {
    "circuit_deserializer": "serializers.serializers",
    "circuit_serializer": "serializers.serializers",
    "get_arguments": "program",
    "get_compute_profile": "program",
    "get_function_size": "program",
    "register_all_serializers": "serializers.serializers",
    "service_deserializer": "serializers.serializers",
    "service_serializer": "serializers.serializers",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
