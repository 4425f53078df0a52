"""Where releases of the PyPI client up to 0.37 keep the history of jobs."""

from qiskit_serverless.records import JobEvent

__all__ = ["JobEvent"]
