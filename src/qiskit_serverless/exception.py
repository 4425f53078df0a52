"""Where releases of the PyPI client up to 0.37 keep the base of all errors."""

from qiskit_serverless.exceptions import QiskitServerlessException

__all__ = ["QiskitServerlessException"]
