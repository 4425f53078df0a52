"""Qiskit and NumPy objects to JSON and back: the format of arguments and results.

See `qiskit_serverless.serialization.tags` for the format, and docs/programs-and-tasks.md for what can be carried.
"""

from qiskit_serverless.serialization.decoding import QiskitObjectsDecoder, loads
from qiskit_serverless.serialization.encoding import QiskitObjectsEncoder, dumps

__all__ = ["QiskitObjectsDecoder", "QiskitObjectsEncoder", "dumps", "loads"]
