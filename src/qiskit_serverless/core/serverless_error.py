"""Where releases of the PyPI client up to 0.37 keep the error for functions to raise."""

from qiskit_serverless.exceptions import ServerlessError

__all__ = ["ServerlessError"]
