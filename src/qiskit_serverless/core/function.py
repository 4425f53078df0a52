"""Where releases of the PyPI client up to 0.37 keep functions."""

from qiskit_serverless.definitions import QiskitFunction, QiskitPattern
from qiskit_serverless.sync.function_calls import FunctionCalls as RunService
from qiskit_serverless.sync.functions import RunnableQiskitFunction

__all__ = ["QiskitFunction", "QiskitPattern", "RunService", "RunnableQiskitFunction"]
