"""The SDK against a real platform: values all the way through, watching through a restart, waiting with a limit."""

import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import pytest
from qiskit_ibm_runtime import RuntimeDecoder

from qiskit_serverless import ServerlessClient
from qiskit_serverless.exceptions import JobCanceledError, JobFailedError, WaitTimeoutError
from qiskit_serverless.jobs import JobEvent
from tests.e2e.conftest import Upload, client_of, uploader
from tests.running_platform import RunningPlatform
from tests.unit.sdk.quantum_values import OWN, SHARED, same

GATED = """
import pathlib, time
from qiskit_serverless import get_arguments, save_result
gate = pathlib.Path(get_arguments()["gate"])
for number in range(50):
    print("line", number, flush=True)
while not gate.exists():
    time.sleep(0.01)
for number in range(50, 100):
    print("line", number, flush=True)
save_result((1, b"2"))
"""
ALL_LINES = "".join(f"line {number}\n" for number in range(100))


@pytest.mark.filterwarnings("ignore:from_dict has been deprecated:DeprecationWarning")
def test_everything_that_can_be_carried_goes_there_and_comes_back(upload: Upload) -> None:
    echo = upload("echo-all", "from qiskit_serverless import get_arguments, save_result\nsave_result(get_arguments())")
    sent = {name.replace(" ", "_"): value for name, value in {**SHARED, **OWN}.items()}
    back = echo.run(**sent).result()
    assert [name for name, value in sent.items() if not same(value, back[name])] == []


def result_as_todays_clients_get_it(platform: RunningPlatform, job_id: str) -> str:
    answer = httpx2.get(
        f"{platform.url}/api/v1/jobs/{job_id}/result/",
        headers={"Authorization": f"Bearer {platform.token}"},
        trust_env=False,
    )
    return str(answer.json()["result"])


def test_todays_clients_get_the_nearest_they_know(upload: Upload, platform: RunningPlatform) -> None:
    program = "from qiskit_serverless import save_result\nsave_result({'pair': (1, b'x'), 5: {1j}, 'c': 2.5})"
    job = upload("reduced", program).run()
    assert job.result() == {"pair": (1, b"x"), 5: {1j}, "c": 2.5}
    text = result_as_todays_clients_get_it(platform, job.job_id)
    assert json.loads(text, cls=RuntimeDecoder) == {"pair": [1, "eA=="], "5": {1j}, "c": 2.5}


def test_a_watcher_sees_every_line_once_though_the_gateway_is_killed(
    own_platform: RunningPlatform, tmp_path: Path
) -> None:
    client = client_of(own_platform)
    gate = tmp_path / "gate"
    job = uploader(client, tmp_path)("gated", GATED).run(gate=str(gate))
    text, statuses = "", []
    for update in job.follow():
        text += update.log or ""
        statuses += [update.status] if update.status else []
        if text.endswith("line 49\n") and not gate.exists():
            own_platform.kill()
            gate.touch()
            own_platform.restart()
    assert text == ALL_LINES
    assert statuses == ["QUEUED", "INITIALIZING", "RUNNING", "DONE"]
    assert job.result() == (1, b"2")


def test_who_waits_for_a_result_gets_it_though_the_gateway_is_killed(
    own_platform: RunningPlatform, tmp_path: Path
) -> None:
    client = client_of(own_platform)
    gate = tmp_path / "gate"
    job = uploader(client, tmp_path)("gated", GATED).run(gate=str(gate))
    running = threading.Event()

    def wait_for_result() -> Any:
        for update in job.follow(logs=False):
            if update.status == "RUNNING":
                running.set()
        return job.result()

    with ThreadPoolExecutor(1) as pool:
        result = pool.submit(wait_for_result)
        assert running.wait(30)
        own_platform.kill()
        own_platform.restart()
        gate.touch()
        assert result.result() == (1, b"2")


def test_waiting_has_a_limit_and_the_job_goes_on(upload: Upload, tmp_path: Path) -> None:
    gate = tmp_path / "gate"
    job = upload("patient", GATED).run(gate=str(gate))
    with pytest.raises(WaitTimeoutError):
        job.result(timeout=0.2)
    assert job.status() in ("QUEUED", "INITIALIZING", "RUNNING")
    assert job.result(wait=False) == {}
    gate.touch()
    assert job.result(timeout=30) == (1, b"2")


def test_a_cancelled_job_has_no_result_and_keeps_its_log(upload: Upload, tmp_path: Path) -> None:
    job = upload("cancelled", GATED).run(gate=str(tmp_path / "never"))
    for update in job.follow():
        if update.log and "line 49" in update.log:
            break
    assert "stopped" in job.cancel().lower()
    with pytest.raises(JobCanceledError):
        job.result()
    assert job.status() == "CANCELED"
    assert job.logs().endswith("line 49\n")
    assert job.error_message() == ""


def test_threads_share_a_client(client: ServerlessClient, upload: Upload) -> None:
    square = upload(
        "square",
        "from qiskit_serverless import get_arguments, save_result\nsave_result(get_arguments()['n'] ** 2)",
    )
    with ThreadPoolExecutor(4) as pool:
        results = list(pool.map(lambda n: square.run(n=n).result(), range(8)))
    assert results == [n**2 for n in range(8)]


def test_a_plain_service_in_a_program_says_that_its_backends_are_fake(upload: Upload) -> None:
    program = """
        from qiskit_ibm_runtime import QiskitRuntimeService
        from qiskit_serverless import save_result
        save_result(QiskitRuntimeService().least_busy(operational=True, min_num_qubits=100).num_qubits)
        """
    job = upload("plain-service", program).run()
    assert job.result() >= 100
    assert job.logs() == (
        "No IBM Quantum account is configured: QiskitRuntimeService() offers fake backends, simulated here.\n"
    )


def test_the_history_of_a_job(upload: Upload) -> None:
    job = upload("history", "raise SystemExit('that is all')").run()
    with pytest.raises(JobFailedError, match="exit code 1"):
        job.result()
    [error] = job.events(type="ERROR")
    assert isinstance(error, JobEvent)
    assert error.data["code"] == "exit_code"
    assert [event.data.get("status") for event in reversed(job.events()) if event.event_type == "STATUS_CHANGE"] == [
        "QUEUED",
        "PENDING",
        "RUNNING",
        "FAILED",
    ]
