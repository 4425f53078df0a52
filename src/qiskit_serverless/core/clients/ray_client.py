"""Where releases of the PyPI client up to 0.24 keep the client of a Ray cluster."""

from qiskit_serverless.old_clients import RayClient

__all__ = ["RayClient"]
