"""Whatever is killed, an accepted job comes to its end, and its log is kept."""

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from qiskit_serverless import ServerlessClient
from qiskit_serverless.exceptions import JobFailedError
from tests.e2e.conftest import client_of, uploader
from tests.running_platform import RunningPlatform

GATED = """
import os, pathlib, time
from qiskit_serverless import get_arguments, save_result
gate = pathlib.Path(get_arguments()["gate"])
print("before", os.getpid(), flush=True)
while not gate.exists():
    time.sleep(0.01)
print("after", flush=True)
save_result("whole")
"""


def start_gated(platform: RunningPlatform, folder: Path) -> tuple[Any, Path, int]:
    """Start a job that waits for a file; return the job, the file, and the program's process id."""
    gate = folder / "gate"
    job = uploader(client_of(platform), folder)("gated", GATED).run(gate=str(gate))
    text = ""
    for event in job.follow():
        text += event.log or ""
        if text.endswith("\n"):
            return job, gate, int(text.split()[1])
    raise AssertionError("the job ended before it printed anything")


def supervisor_of(program: int) -> psutil.Process:
    supervisor = psutil.Process(program).parent()
    assert supervisor is not None
    return supervisor


def nothing_is_left(platform: RunningPlatform) -> None:
    """Wait until no process and no folder of a job is left."""
    _, left = psutil.wait_procs(platform.job_processes(), timeout=10)
    assert [process for process in left if process.is_running() and process.status() != psutil.STATUS_ZOMBIE] == []
    assert platform.job_folders == []


def test_a_killed_gateway_comes_back_and_the_job_ends_with_all_its_lines(
    own_platform: RunningPlatform, tmp_path: Path
) -> None:
    job, gate, program = start_gated(own_platform, tmp_path)
    own_platform.kill()
    gate.touch()
    psutil.wait_procs([psutil.Process(program)] if psutil.pid_exists(program) else [], timeout=10)
    own_platform.restart()
    assert job.result() == "whole"
    assert job.status() == "DONE"
    assert job.logs() == f"before {program}\nafter\n"
    nothing_is_left(own_platform)


def test_a_queued_job_survives_a_kill_right_after_it_was_accepted(
    own_platform: RunningPlatform, tmp_path: Path
) -> None:
    function = uploader(client_of(own_platform), tmp_path)("quick", "print('ran')")
    for _ in range(3):
        job = function.run()
        own_platform.kill()
        own_platform.restart()
        job.result()
        assert job.status() == "DONE"
        assert job.logs() == "ran\n"


def test_a_killed_supervisor_takes_its_program_with_it_and_the_log_is_kept(
    own_platform: RunningPlatform, tmp_path: Path
) -> None:
    job, _, program = start_gated(own_platform, tmp_path)
    supervisor_of(program).kill()
    with pytest.raises(JobFailedError) as caught:
        job.result()
    assert caught.value.cause["code"] == "worker_lost"
    assert job.logs() == f"before {program}\n"
    assert not psutil.pid_exists(program)
    nothing_is_left(own_platform)


def test_a_supervisor_killed_while_the_gateway_was_away_is_noticed_at_the_next_start(
    own_platform: RunningPlatform, tmp_path: Path
) -> None:
    job, _, program = start_gated(own_platform, tmp_path)
    supervisor = supervisor_of(program)
    own_platform.kill()
    supervisor.kill()
    psutil.wait_procs([supervisor], timeout=10)
    own_platform.restart()
    with pytest.raises(JobFailedError) as caught:
        job.result()
    assert caught.value.cause["code"] == "worker_lost"
    assert job.logs() == f"before {program}\n"
    nothing_is_left(own_platform)


def test_a_killed_zygote_does_not_hurt_a_running_job_and_the_next_job_starts(
    own_platform: RunningPlatform, tmp_path: Path
) -> None:
    job, gate, program = start_gated(own_platform, tmp_path)
    zygote = supervisor_of(program).parent()
    assert zygote is not None
    assert zygote.pid != own_platform.process.pid
    zygote.kill()
    gate.touch()
    assert job.result() == "whole"
    function = client_of(own_platform).function("gated")
    assert function.run(gate=str(gate)).result() == "whole"


def test_jobs_that_run_when_the_gateway_leaves_are_adopted_at_its_next_start(
    own_platform: RunningPlatform, tmp_path: Path
) -> None:
    job, gate, _ = start_gated(own_platform, tmp_path)
    assert own_platform.stop_gateway() == 0
    own_platform.restart()
    assert job.status() == "RUNNING"
    gate.touch()
    assert job.result() == "whole"


STUBBORN = """
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
daemon = subprocess.Popen([sys.executable, "daemon.py"], start_new_session=True, stdout=subprocess.PIPE)
daemon.stdout.readline()
print(os.getpid(), daemon.pid, flush=True)
"""
STAYS = "time.sleep(600)\n"
DAEMON = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
print("deaf", flush=True)
time.sleep(600)
"""


def start_stubborn(client: ServerlessClient, folder: Path) -> tuple[Any, list[psutil.Process]]:
    """Start a job that ignores SIGTERM and has a daemon; return it and its processes."""
    job = uploader(client, folder)("stubborn", STUBBORN + STAYS, files={"daemon.py": DAEMON}).run()
    for event in job.follow():
        if event.log:
            return job, [psutil.Process(int(pid)) for pid in event.log.split()]
    raise AssertionError("the job ended before it printed anything")


def test_cancel_ends_the_whole_process_tree_even_one_that_does_not_listen(
    own_platform: RunningPlatform, tmp_path: Path
) -> None:
    job, processes = start_stubborn(client_of(own_platform), tmp_path)
    job.cancel()
    assert [event.status for event in job.follow() if event.status][-1] == "CANCELED"
    assert job.status() == "CANCELED"
    gone, alive = psutil.wait_procs(processes, timeout=5)
    assert (len(gone), alive) == (2, [])
    nothing_is_left(own_platform)


def test_a_program_that_leaves_a_daemon_behind_does_not(own_platform: RunningPlatform, tmp_path: Path) -> None:
    job = uploader(client_of(own_platform), tmp_path)("leaver", STUBBORN, files={"daemon.py": DAEMON}).run()
    job.result()
    daemon = int(job.logs().split()[1])
    assert not psutil.pid_exists(daemon) or psutil.Process(daemon).status() == psutil.STATUS_ZOMBIE
    nothing_is_left(own_platform)


def test_a_queued_job_is_cancelled_at_once(make_platform: Any, tmp_path: Path) -> None:
    platform = make_platform(TREADLE_RUNNING_JOBS="1")
    first, gate, _ = start_gated(platform, tmp_path)
    second = client_of(platform).function("gated").run(gate=str(gate))
    second.cancel()
    assert second.status() == "CANCELED"
    gate.touch()
    assert first.result() == "whole"
    assert second.logs() == ""


def test_a_program_that_takes_too_long_is_ended(make_platform: Any, tmp_path: Path) -> None:
    platform = make_platform(TREADLE_WALL_SECONDS="0.5", TREADLE_GRACE_SECONDS="0.2")
    job = uploader(client_of(platform), tmp_path)(
        "slow", "import time\nprint('begun', flush=True)\ntime.sleep(600)\n"
    ).run()
    with pytest.raises(JobFailedError) as caught:
        job.result()
    assert caught.value.cause["code"] == "timeout"
    assert job.logs() == "begun\n"


def test_killing_every_process_of_a_job_still_ends_it(own_platform: RunningPlatform, tmp_path: Path) -> None:
    job, _, program = start_gated(own_platform, tmp_path)
    supervisor = supervisor_of(program)
    for process in (program, supervisor.pid):
        os.kill(process, signal.SIGKILL)
    with pytest.raises(JobFailedError):
        job.result()
    assert job.status() == "ERROR"
    nothing_is_left(own_platform)
