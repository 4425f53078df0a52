"""Clients of a gateway: one that blocks, whose methods threads may share, and one for the tasks of an event loop."""

from qiskit_serverless.aio.client import AsyncServerlessClient
from qiskit_serverless.sync.client import ServerlessClient

__all__ = ["AsyncServerlessClient", "ServerlessClient"]
