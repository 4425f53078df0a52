"""Where releases of the PyPI client up to 0.37 keep the JSON of arguments and results."""

from qiskit_serverless.program import get_arguments, get_compute_profile, get_function_size
from qiskit_serverless.serialization import QiskitObjectsDecoder, QiskitObjectsEncoder

__all__ = ["QiskitObjectsDecoder", "QiskitObjectsEncoder", "get_arguments", "get_compute_profile", "get_function_size"]
