"""Where releases of the PyPI client up to 0.37 keep channels."""

from qiskit_serverless.connections import Channel

__all__ = ["Channel"]
