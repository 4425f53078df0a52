"""What a program sees: on the platform through files and a socket, and as an ordinary script."""

import json
import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from qiskit import QuantumCircuit

from qiskit_serverless import Job, get_arguments, is_running_in_serverless, save_result, update_status
from qiskit_serverless.exceptions import InvalidArgumentError, QiskitServerlessException, SerializationError
from qiskit_serverless.serialization import dumps, loads

STAGES = [Job.MAPPING, Job.OPTIMIZING_HARDWARE, Job.WAITING_QPU, Job.EXECUTING_QPU, Job.POST_PROCESSING]


@pytest.fixture
def arguments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file a job finds its arguments in."""
    monkeypatch.setenv("ARGUMENTS_PATH", str(tmp_path / "arguments.json"))
    return tmp_path / "arguments.json"


@pytest.fixture
def result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The file a job leaves its result in."""
    (tmp_path / "attempt").mkdir()
    monkeypatch.setenv("RESULTS_PATH", str(tmp_path / "attempt" / "result.json"))
    return tmp_path / "attempt" / "result.json"


@pytest.fixture
def supervisor(monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The supervisor's end of the socket that a job reports through."""
    ours, programs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    ours.setblocking(False)
    with ours, programs:
        monkeypatch.setenv("TREADLE_REPORT_FD", str(programs.fileno()))
        yield ours


def test_arguments_are_read_from_the_file(arguments: Path) -> None:
    sent = {"circuits": [QuantumCircuit(2)], "angles": (1, 2), "é": np.float32(0.5)}
    arguments.write_text(dumps(sent))
    assert get_arguments() == sent


def test_a_script_has_no_arguments() -> None:
    assert get_arguments() == {}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read from ARGUMENTS_PATH: .*No such file"),
        ("{", r"arguments\.json are not JSON: "),
        ("[1]", r"arguments\.json are a list, not an object with names"),
    ],
)
def test_a_file_that_holds_no_arguments(arguments: Path, content: str | None, message: str) -> None:
    if content is not None:
        arguments.write_text(content)
    with pytest.raises(QiskitServerlessException, match=message):
        get_arguments()


@pytest.mark.parametrize("value", [{"a": (1, np.int8(2))}, [QuantumCircuit(1)], "text", 1.5, None, {}])
def test_the_result_is_written_to_the_file(result: Path, value: object) -> None:
    assert save_result(value) is True
    assert loads(result.read_text()) == value


def test_the_last_result_counts_and_nothing_else_is_left(result: Path) -> None:
    save_result("first")
    save_result("second")
    assert loads(result.read_text()) == "second"
    assert list(result.parent.iterdir()) == [result]


def test_a_result_that_cannot_be_stored_does_not_touch_the_one_before(result: Path) -> None:
    save_result("good")
    with pytest.raises(
        SerializationError, match=r"^result\[\"a\"\]\[3\]: <class 'object'> cannot be stored$"
    ) as caught:
        save_result({"a": [0, 1, 2, object()]})
    assert caught.value.path == 'result["a"][3]'
    assert loads(result.read_text()) == "good"


def test_a_script_prints_its_result(capsys: pytest.CaptureFixture[str]) -> None:
    assert save_result({"energies": list(range(1000))}) is False
    assert (
        capsys.readouterr().out
        == "Result, not saved because this is not a job: {'energies': [0, 1, 2, 3, 4, 5, ...]}\n"
    )


def test_a_script_hears_of_a_result_that_a_job_could_not_store() -> None:
    with pytest.raises(SerializationError):
        save_result([object()])


def test_each_stage_is_reported_as_one_message(supervisor: socket.socket) -> None:
    for stage in STAGES:
        assert update_status(stage) is True
    assert [json.loads(supervisor.recv(4096)) for _ in STAGES] == [
        {"type": "status", "sub_status": stage} for stage in STAGES
    ]
    with pytest.raises(BlockingIOError):
        supervisor.recv(4096)


def test_a_report_leaves_the_socket_open_for_the_next(supervisor: socket.socket) -> None:
    open_before = len(os.listdir("/proc/self/fd"))  # noqa: PTH208
    update_status(Job.MAPPING)
    assert len(os.listdir("/proc/self/fd")) == open_before  # noqa: PTH208


@pytest.mark.parametrize("stage", ["BAKING", "RUNNING: MAPPING", "mapping", ""])
def test_an_unknown_stage_is_refused_everywhere(stage: str) -> None:
    with pytest.raises(
        InvalidArgumentError, match=f"'{stage}' is not a stage of a job. The stages are MAPPING, .*, POST_PROCESSING"
    ):
        update_status(stage)


def test_a_script_has_nobody_to_report_to() -> None:
    assert update_status(Job.MAPPING) is False


def test_a_process_started_by_the_program_has_nobody_to_report_to(
    supervisor: socket.socket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = "from qiskit_serverless import Job, update_status; print(update_status(Job.MAPPING))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "False\n"
    with (tmp_path / "file").open("w") as file, socket.socket() as elsewhere:
        for other in (file, elsewhere):
            monkeypatch.setenv("TREADLE_REPORT_FD", str(other.fileno()))
            assert update_status(Job.MAPPING) is False
    assert (tmp_path / "file").read_text() == ""


def test_a_supervisor_that_has_gone_is_told(supervisor: socket.socket) -> None:
    supervisor.close()
    with pytest.raises(BrokenPipeError):
        update_status(Job.MAPPING)


def test_whether_it_runs_as_a_job(monkeypatch: pytest.MonkeyPatch) -> None:
    assert not is_running_in_serverless()
    monkeypatch.setenv("ENV_JOB_ID_GATEWAY", "0190")
    assert is_running_in_serverless()


def test_all_of_it_works_in_a_process_of_its_own(arguments: Path, result: Path, supervisor: socket.socket) -> None:
    arguments.write_text(dumps({"n": (1, 2)}))
    program = (
        "from qiskit_serverless import Job, get_arguments, save_result, update_status\n"
        "update_status(Job.EXECUTING_QPU)\n"
        "save_result(get_arguments()['n'] * 2)\n"
    )
    descriptor = int(os.environ["TREADLE_REPORT_FD"])
    subprocess.run([sys.executable, "-c", program], pass_fds=[descriptor], check=True)
    assert json.loads(supervisor.recv(4096))["sub_status"] == "EXECUTING_QPU"
    assert loads(result.read_text()) == (1, 2, 1, 2)
