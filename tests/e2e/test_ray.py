"""Jobs on a Ray cluster, whose parts come and go."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import Upload, client_of, uploader
from tests.running_platform import RunningPlatform

HELLO = """
    from qiskit_serverless import get_arguments, save_result
    name = get_arguments()["name"]
    print(f"hello, {name}")
    save_result({"greeting": f"hello, {name}"})
"""
TASKS = """
    import os
    from qiskit_serverless import distribute_task, get, save_result
    from beside import tripled

    @distribute_task(target={"cpu": 1})
    def task(number):
        print(f"task {number} of {os.environ['ENV_JOB_ID_GATEWAY']}")
        with open(f"/proc/{os.getppid()}/cmdline") as command:
            return tripled(number), "raylet" in command.read()

    save_result(get([task(number) for number in range(20)]))
"""
WAITING = """
    import signal
    print("ready", flush=True)
    signal.pause()
"""


def upload_to(platform: RunningPlatform, folder: Path) -> Upload:
    return uploader(client_of(platform), folder)


def ready(job: Any) -> Any:
    """Wait until a program waits; return its job."""
    for event in job.follow():
        if event.log == "ready\n":
            return job
    raise AssertionError(f"the program did not begin: {job.error_message()}")


def cancel(job: Any) -> None:
    job.cancel()
    assert [event.status for event in job.follow() if event.status][-1] == "CANCELED"


@pytest.mark.timeout(120)
def test_tasks_run_in_workers_of_ray_and_write_into_the_log_of_their_job(
    make_platform: Callable[..., RunningPlatform], tmp_path: Path
) -> None:
    platform = make_platform(TREADLE_ENGINE="ray")
    beside = {"beside.py": "def tripled(number): return 3 * number"}

    job = upload_to(platform, tmp_path)("spread", TASKS, files=beside).run()

    assert job.result() == [(3 * number, True) for number in range(20)]
    assert sorted(job.logs().splitlines()) == sorted(f"task {number} of {job.job_id}" for number in range(20))


@pytest.mark.timeout(120)
def test_a_ray_of_its_own(make_platform: Callable[..., RunningPlatform], tmp_path: Path) -> None:
    """Without an address, `treadle up --engine ray` starts a Ray, and ends it. A killed gateway leaves it to the next one."""
    platform = make_platform(TREADLE_ENGINE="ray")
    hello = upload_to(platform, tmp_path)("hello", HELLO)
    assert hello.run(name="Ada").result() == {"greeting": "hello, Ada"}
    waiting = ready(upload_to(platform, tmp_path)("waiting", WAITING).run())
    platform.kill()
    platform.restart()

    assert waiting.status() == "RUNNING"
    cancel(waiting)
    assert hello.run(name="Eve").result() == {"greeting": "hello, Eve"}


def test_a_platform_whose_cluster_is_not_there_says_so(
    make_platform: Callable[..., RunningPlatform], capfd: Any
) -> None:
    with pytest.raises(AssertionError, match="did not start"):
        make_platform(TREADLE_ENGINE="ray", TREADLE_RAY_ADDRESS="127.0.0.1:9")

    said = capfd.readouterr().err
    assert "There is no Ray cluster at 127.0.0.1:9" in said
    assert "Traceback" not in said


def test_nodes_elsewhere_must_reach_the_gateway(make_platform: Callable[..., RunningPlatform], capfd: Any) -> None:
    with pytest.raises(AssertionError, match="did not start"):
        make_platform(TREADLE_ENGINE="ray", TREADLE_RAY_ADDRESS="head.example:6379")

    assert "TREADLE_URL" in capfd.readouterr().err
