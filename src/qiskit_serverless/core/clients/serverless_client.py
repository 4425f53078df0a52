"""Where releases of the PyPI client up to 0.37 keep the clients of a gateway."""

from typing import TYPE_CHECKING

from qiskit_serverless.lazy_names import lazy_names

if TYPE_CHECKING:
    from qiskit_serverless.ibm_client import IBMServerlessClient
    from qiskit_serverless.sync.client import ServerlessClient

__all__ = [
    "IBMServerlessClient",
    "ServerlessClient",
]

_MODULES = {
    "IBMServerlessClient": "ibm_client",
    "ServerlessClient": "sync.client",
}

__getattr__, __dir__ = lazy_names(__name__, _MODULES)
