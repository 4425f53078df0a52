"""Says whose SDK it has, and whether the official client is installed beside it."""

from importlib.metadata import distribution

import qiskit_serverless
from qiskit_serverless import save_result

official = distribution("qiskit-serverless")
save_result(
    {
        "official": official.version,
        "is_official": str(official.locate_file("qiskit_serverless/__init__.py")) == qiskit_serverless.__file__,
        "ours": hasattr(qiskit_serverless, "AsyncServerlessClient"),
    }
)
