"""What a program tells the platform about its own job, and that old programs run as they are."""

import pytest

from qiskit_serverless.exceptions import JobFailedError
from tests.e2e.conftest import Upload

TELLING = """
from qiskit_ibm_runtime import QiskitRuntimeService
from qiskit_serverless import get_runtime_service, save_result, send_error, is_trial
from qiskit_serverless.utils.runtime_service_client import associate_runtime_job_with_serverless_job as record

told = [send_error("1210", "the backend was slow", "SlowError", {"seconds": 3})]
told += [record("c1", "s1"), record("c2")]
services = [get_runtime_service(), QiskitRuntimeService()]
names = {each.least_busy(min_num_qubits=100).num_qubits >= 100 for each in services}
save_result({"told": told, "names": names, "trial": is_trial()})
"""

OLD = """
import json
from qiskit_serverless.core import Target, distribute_task, get, save_result
from qiskit_serverless.core.job import Job, update_status
from qiskit_serverless.exception import QiskitServerlessException
from qiskit_serverless.serializers import get_arguments
from qiskit_serverless.serializers.program_serializers import QiskitObjectsEncoder
from qiskit_serverless.utils.json import is_jsonable

@distribute_task(target=Target(cpu=1, qpu=1))
def square(number):
    return number ** 2

update_status(Job.MAPPING)
numbers = get_arguments()["numbers"]
assert is_jsonable({"z": 1j}, cls=QiskitObjectsEncoder)
save_result({"squares": get([square(number) for number in numbers])})
"""


def test_a_program_tells_of_errors_and_qpu_jobs(upload: Upload) -> None:
    job = upload("telling", TELLING).run()
    assert job.result() == {"told": [True, True, True], "names": {True}, "trial": False}
    assert sorted(job.runtime_jobs()) == ["c1", "c2"]
    assert job.runtime_jobs("s1") == ["c1"]
    assert job.runtime_sessions() == ["s1"]
    [error] = job.events(type="ERROR")
    assert {name: error.data[name] for name in ("code", "message", "exception", "args")} == {
        "code": "1210",
        "message": "the backend was slow",
        "exception": "SlowError",
        "args": {"seconds": 3},
    }
    assert job.status() == "DONE"


def test_an_error_with_a_code_reaches_the_caller(upload: Upload) -> None:
    program = """
    from qiskit_serverless import ServerlessError
    class NoSuchBackend(ServerlessError): ...
    raise NoSuchBackend("1210", "no such backend", {"name": "ibm_none"})
    """
    job = upload("coded", program).run()
    with pytest.raises(JobFailedError, match=r"\[1210\] no such backend") as caught:
        job.result()
    assert caught.value.cause["details"]["code"] == "1210"
    assert "- code: 1210" in job.error_message()


def test_a_program_for_an_older_release_runs_as_it_is(upload: Upload) -> None:
    assert upload("old-program", OLD).run(numbers=[1, 2, 3]).result() == {"squares": [1, 4, 9]}
