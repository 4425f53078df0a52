"""Functions: what is uploaded, and what can be run."""

from qiskit_serverless.definitions import QiskitFunction
from qiskit_serverless.sync.functions import RunnableQiskitFunction

__all__ = ["QiskitFunction", "RunnableQiskitFunction"]
