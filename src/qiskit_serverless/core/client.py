"""Where releases of the PyPI client up to 0.37 keep the base of all clients."""

from qiskit_serverless.old_clients import BaseClient

__all__ = ["BaseClient"]
