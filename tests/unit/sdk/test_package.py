"""The public face of the package: light to import, complete, and its errors travel."""

import pickle
import subprocess
import sys

import pytest

import qiskit_serverless
from qiskit_serverless import exceptions
from qiskit_serverless.exceptions import GatewayError, JobFailedError, QiskitServerlessException, SerializationError

HEAVY = ("numpy", "qiskit", "qiskit_ibm_runtime", "httpx2", "cloudpickle")


def heavy_after(program: str) -> str:
    tell = f"import sys\n{program}\nprint([name for name in {HEAVY} if name in sys.modules])"
    return subprocess.run([sys.executable, "-c", tell], capture_output=True, text=True, check=True).stdout.strip()


@pytest.mark.parametrize(
    "program",
    [
        "import qiskit_serverless",
        "from qiskit_serverless import ServerlessClient, QiskitFunction, Job, QiskitServerlessException",
        "from qiskit_serverless import get_arguments, save_result, update_status, is_running_in_serverless",
        "import qiskit_serverless.wire, qiskit_serverless.runtime",
        "import qiskit_serverless.core.job, qiskit_serverless.utils, qiskit_serverless.serializers",
    ],
)
def test_importing_it_imports_nothing_heavy(program: str) -> None:
    assert heavy_after(program) == "[]"


@pytest.mark.parametrize("name", qiskit_serverless.__all__)
def test_every_public_name_is_there(name: str) -> None:
    assert getattr(qiskit_serverless, name) is getattr(qiskit_serverless, name)
    assert name in dir(qiskit_serverless)


def test_a_name_it_has_not() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'save_results'"):
        qiskit_serverless.save_results  # noqa: B018
    with pytest.raises(ImportError, match="cannot import name 'save_results'"):
        from qiskit_serverless import save_results  # noqa: F401


def test_everything_can_be_imported_at_once() -> None:
    assert heavy_after("from qiskit_serverless import *\nServerlessClient, get, Target") != ""


ERRORS = [
    kind for kind in vars(exceptions).values() if isinstance(kind, type) and issubclass(kind, QiskitServerlessException)
]


@pytest.mark.parametrize("kind", ERRORS)
def test_every_error_is_one_of_the_sdk_and_named_in_its_tree(kind: type[Exception]) -> None:
    assert issubclass(kind, QiskitServerlessException)
    assert kind.__name__ in (exceptions.__doc__ or "")
    assert kind.__doc__


@pytest.mark.parametrize(
    "error",
    [
        GatewayError.from_answer(404, "gone"),
        JobFailedError("failed", "j-1", {"code": "x"}),
        SerializationError("result[0]: no", "result[0]"),
        exceptions.WaitTimeoutError("late"),
    ],
)
def test_errors_travel_between_processes(error: Exception) -> None:
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), vars(again)) == (type(error), str(error), vars(error))
