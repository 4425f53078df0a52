"""Every way to fail ends in ERROR with its own cause, and the log is kept."""

from typing import Any

import pytest

from qiskit_serverless import ServerlessClient
from qiskit_serverless.exceptions import JobFailedError, QiskitServerlessException
from tests.e2e.conftest import Upload


def failure_of(upload: Upload, title: str, program: str, **arguments: Any) -> tuple[Any, dict[str, Any]]:
    """Run a program that fails after it printed ``begun``; return the job and its cause."""
    job = upload(title, "print('begun', flush=True)\n" + program).run(**arguments)
    with pytest.raises(JobFailedError) as caught:
        job.result()
    assert job.status() == "ERROR"
    assert job.logs().startswith("begun\n")
    assert caught.value.cause["message"] in job.error_message()
    assert caught.value.cause["hint"]
    return job, caught.value.cause


def test_an_exception_is_told_with_file_line_and_traceback(upload: Upload) -> None:
    job, cause = failure_of(upload, "raises", "def f():\n    raise ValueError('no such angle')\nf()\n")
    assert cause["code"] == "user_exception"
    assert cause["exception"] == "ValueError"
    assert (cause["details"]["file"], cause["details"]["line"]) == ("main.py", 3)
    assert "ValueError: no such angle" in job.logs()
    assert "treadle/runner" not in job.logs()


def test_an_exception_in_a_task_is_told_with_the_tasks_own_line(upload: Upload) -> None:
    program = """
from qiskit_serverless import distribute_task, get

@distribute_task()
def task():
    raise KeyError("qubit 5")

get(task())
"""
    job, cause = failure_of(upload, "task-raises", program)
    assert cause["exception"] == "KeyError"
    assert 'raise KeyError("qubit 5")' in job.logs()


def test_a_missing_package_is_named(upload: Upload) -> None:
    _, cause = failure_of(upload, "missing", "import no_such_package_anywhere\n")
    assert cause["code"] == "missing_package"
    assert "no_such_package_anywhere" in cause["hint"]


@pytest.mark.parametrize(("ending", "code"), [("import sys; sys.exit(3)", 3), ("import os; os._exit(4)", 4)])
def test_an_exit_code_is_told(upload: Upload, ending: str, code: int) -> None:
    _, cause = failure_of(upload, f"exits-{code}", ending)
    assert (cause["code"], cause["details"]["exit_code"]) == ("exit_code", code)


def test_a_segfault_is_a_crash(upload: Upload) -> None:
    _, cause = failure_of(upload, "crashes", "import ctypes; ctypes.string_at(0)\n")
    assert cause["code"] == "crashed"


def test_a_killed_program_is_told_with_its_signal(upload: Upload) -> None:
    _, cause = failure_of(upload, "killed", "import os, signal; os.kill(os.getpid(), signal.SIGKILL)\n")
    assert (cause["code"], cause["details"]["signal"]) == ("killed", 9)


def test_a_result_that_cannot_be_stored_is_told_with_its_path(upload: Upload) -> None:
    program = "from qiskit_serverless import save_result\nclass X: pass\nsave_result({'a': [0, 1, 2, X()]})\n"
    job, cause = failure_of(upload, "unstorable", program)
    assert cause["code"] == "result_not_serializable"
    assert "result['a'][3]" in cause["message"].replace('"', "'")
    assert "cannot be stored" in cause["message"]
    assert "cannot be stored" in job.logs()


def test_memory_that_cannot_be_had(upload: Upload) -> None:
    _, cause = failure_of(upload, "memory", "bytearray(1 << 60)\n")
    assert cause["code"] == "out_of_memory"


def test_a_full_disk_is_told(upload: Upload) -> None:
    _, cause = failure_of(upload, "disk", "open('/dev/full', 'w', buffering=1).write('x\\n')\n")
    assert cause["code"] == "disk_full"


def test_a_target_with_a_typing_error_names_the_key(upload: Upload) -> None:
    program = "from qiskit_serverless import distribute_task\n@distribute_task(target={'cpus': 1})\ndef f(): ...\n"
    _, cause = failure_of(upload, "target", program)
    assert "cpus" in cause["message"]
    assert "cpu" in cause["message"]


def test_an_unknown_stage_is_refused_with_the_known_ones(upload: Upload) -> None:
    _, cause = failure_of(upload, "stage", "from qiskit_serverless import update_status\nupdate_status('BAKING')\n")
    assert "BAKING" in cause["message"]
    assert "POST_PROCESSING" in cause["message"]


def test_a_syntax_error_is_found_before_the_upload(upload: Upload) -> None:
    with pytest.raises(QiskitServerlessException, match=r"main\.py.*2"):
        upload("syntax", "x = 1\nx = = 2\n")


def test_an_entrypoint_that_does_not_exist_is_found_before_the_upload(client: ServerlessClient, tmp_path: Any) -> None:
    from qiskit_serverless import QiskitFunction

    with pytest.raises(QiskitServerlessException, match=r"nowhere\.py"):
        client.upload(QiskitFunction(title="entry", entrypoint="nowhere.py", working_dir=str(tmp_path)))


def test_an_argument_that_cannot_be_sent_is_told_with_its_path(upload: Upload) -> None:
    function = upload("unsendable", "pass")
    with pytest.raises(QiskitServerlessException, match=r"arguments\[.a.\]\[1\].*object.*cannot be sent"):
        function.run(a=[1, object()])


def test_a_dependency_that_is_not_there_is_refused_at_upload(upload: Upload) -> None:
    with pytest.raises(QiskitServerlessException, match="no-such-package"):
        upload("depends", "pass", dependencies=["no-such-package==1.0"])


def test_an_unknown_function_is_told_by_its_name(client: ServerlessClient) -> None:
    with pytest.raises(QiskitServerlessException, match="never-uploaded"):
        client.run("never-uploaded")


def test_a_wrong_token_is_refused(client: ServerlessClient, platform: Any) -> None:
    with pytest.raises(QiskitServerlessException, match="Authorization token is not valid"):
        ServerlessClient(host=platform.url, token="wrong", channel="local")


def test_a_function_uploaded_without_its_program_says_so_when_it_is_run(
    client: ServerlessClient, platform: Any
) -> None:
    import httpx2

    fields = {"title": "empty", "entrypoint": "main.py"}
    headers = {"Authorization": platform.token}
    assert httpx2.post(f"{platform.url}/api/v1/programs/upload/", data=fields, headers=headers).status_code == 200
    with pytest.raises(JobFailedError) as caught:
        client.run("empty").result()
    assert caught.value.cause["code"] == "not_started"
    assert "without a program" in caught.value.cause["message"]
