"""Where releases of the PyPI client up to 0.24 keep the client of this machine."""

from qiskit_serverless.old_clients import LocalClient

__all__ = ["LocalClient"]
