"""What is left of an attempt when the platform's own processes are killed, and what the next supervisor makes of it."""

import os
import signal
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.conformance.engine.running_engine import RunningEngine, processes_of
from tests.conformance.runner_gateway import Attempt, tar_of
from treadle.domain.outcome import Ending
from treadle.ports.engine import Presence

FAMILY = """
    import os, signal, subprocess
    from meeting import meet

    print("begun")
    subprocess.Popen(["sleep", "1000"])
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            signal.pause()
        os._exit(0)
    meet("ready")
    signal.pause()
"""


def tree(engine: RunningEngine, job: Attempt) -> list[psutil.Process]:
    """Return the program and all its descendants, those it left behind too."""
    return [process for process in engine.supervisor(job).children(recursive=True)]


def recover(engine: RunningEngine, job: Attempt, **terms: Any) -> None:
    """Start an attempt whose supervisor is gone again."""
    engine.wait_for_exit(job)
    assert engine.adopt(job) is Presence.GONE
    engine.start(job, **terms)


def test_a_killed_supervisor_takes_its_program_along(engine: RunningEngine) -> None:
    job = engine.submit(FAMILY)
    engine.meet(job, "ready")
    engine.printed(job, "begun")
    family = tree(engine, job)
    assert len(family) >= 3
    engine.supervisor(job).kill()

    psutil.wait_procs(family, timeout=10)
    assert not any(process.is_running() for process in family)
    recover(engine, job)
    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert outcome.ending is Ending.LOST
    assert job.text == "begun\n"
    engine.assert_nothing_left(job)


def test_a_lost_program_keeps_its_log_and_its_result(engine: RunningEngine) -> None:
    program = """
        import signal
        from meeting import meet
        from qiskit_serverless import save_result

        save_result([1, 2])
        meet("saved")
        print("last words")
        meet("printed")
        signal.pause()
    """
    job = engine.submit(program)
    engine.meet(job, "saved")
    engine.gateway.off()
    engine.meet(job, "printed")
    engine.supervisor(job).kill()
    engine.gateway.on()
    recover(engine, job)

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert (outcome.ending, outcome.has_result) == (Ending.LOST, True)
    assert job.text == "last words\n"
    assert job.result == b"[1,2]"


def test_a_program_is_not_run_a_second_time(engine: RunningEngine) -> None:
    program = """
        import os, signal
        from meeting import meet
        with open(f"{os.environ['DATA_PATH']}/runs", "a") as file:
            file.write("run ")
        meet("ready")
        signal.pause()
    """
    job = engine.submit(program)
    engine.meet(job, "ready")
    engine.supervisor(job).kill()
    recover(engine, job)

    engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert (engine.home / "data" / job.job_id / "runs").read_text() == "run "


def test_a_recorded_outcome_is_delivered_by_the_next_supervisor(engine: RunningEngine) -> None:
    job = engine.gateway.add(
        tar_of(
            {"main.py": "from qiskit_serverless import save_result\nsave_result(1)\nprint('all')\nraise SystemExit(5)"}
        )
    )
    job.refused["finished"] = 503
    engine.start(job)
    engine.gateway.wait(lambda: "finished" in job.tried, "the end to be told")
    engine.supervisor(job).kill()
    job.refused.clear()
    recover(engine, job)

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert (outcome.ending, outcome.exit_code, outcome.has_result) == (Ending.EXITED, 5, True)
    assert outcome.wall_seconds > 0
    assert (job.text, job.result) == ("all\n", b"1")
    engine.assert_nothing_left(job)


def test_a_forged_outcome_is_a_lost_program(engine: RunningEngine) -> None:
    program = """
        import os, signal
        from meeting import meet
        open(os.path.join(os.path.dirname(os.environ["RESULTS_PATH"]), "outcome.json"), "w").write("[" * 100_000)
        os.mkfifo(os.environ["RESULTS_PATH"])
        meet("ready")
        signal.pause()
    """
    job = engine.submit(program)
    engine.meet(job, "ready")
    engine.supervisor(job).kill()
    recover(engine, job)

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert (outcome.ending, outcome.has_result) == (Ending.LOST, False)
    engine.assert_nothing_left(job)


def test_a_supervisor_killed_while_it_prepares_is_as_if_it_had_not_been(engine: RunningEngine) -> None:
    job = engine.gateway.add(tar_of({"main.py": "print('once')"}))
    job.refused["artifact"] = 503
    engine.start(job)
    engine.gateway.wait(lambda: "artifact" in job.tried, "the artifact to be fetched")
    engine.supervisor(job).kill()
    engine.wait_for_exit(job)
    job.refused.clear()

    assert engine.adopt(job) is Presence.UNKNOWN
    engine.start(job)
    assert engine.gateway.outcome(job).exit_code == 0
    engine.wait_for_exit(job)
    assert job.text == "once\n"
    engine.assert_nothing_left(job)


@pytest.mark.parametrize("accepted", [True, False])
@pytest.mark.parametrize("name", ["arguments", "artifact", "started", "logs", "result", "finished"])
def test_a_supervisor_killed_at_any_call(engine: RunningEngine, name: str, accepted: bool) -> None:
    program = f"from qiskit_serverless import save_result\nprint('all')\nsave_result({name + str(accepted)!r})"
    job = engine.gateway.add(tar_of({"main.py": program}))
    if not accepted:
        job.refused[name] = 503
    job.on_call[name] = lambda: engine.supervisor(job).kill()
    engine.start(job)
    engine.wait_for_exit(job)
    job.refused.clear()
    engine.start(job)
    engine.wait_for_exit(job)

    outcome = engine.gateway.outcome(job)
    assert job.calls.count("finished") == 1
    assert (outcome.ending, job.text) in [(Ending.EXITED, "all\n"), (Ending.LOST, "all\n"), (Ending.LOST, "")]
    if name in ("arguments", "artifact", "result", "finished"):
        assert outcome.ending is Ending.EXITED
    assert outcome.has_result == (job.result is not None)
    engine.assert_nothing_left(job)


def test_what_an_accepted_end_left_is_swept_away(engine: RunningEngine) -> None:
    job, _ = engine.finish("")
    lost = engine.submit(FAMILY)
    engine.meet(lost, "ready")
    folder = engine.folder(job).path
    folder.mkdir()
    (folder / "program.log").touch()
    (folder.parent / ".discarded-by-a-crash" / "work").mkdir(parents=True)
    running = engine.submit(FAMILY)
    engine.meet(running, "ready")
    engine.supervisor(lost).kill()
    engine.wait_for_exit(lost)

    engine.sweep(running)

    engine.assert_nothing_left(job)
    engine.assert_nothing_left(lost)
    assert engine.adopt(running) is Presence.RUNNING
    engine.stop(running)
    engine.gateway.outcome(running)
    engine.wait_for_exit(running)


def test_sweeping_spares_the_live_and_the_running(engine: RunningEngine) -> None:
    running = engine.submit(FAMILY)
    engine.meet(running, "ready")
    lost = engine.submit(FAMILY)
    engine.meet(lost, "ready")
    engine.supervisor(lost).kill()
    engine.wait_for_exit(lost)

    engine.sweep(lost)

    assert engine.adopt(lost) is Presence.GONE
    engine.start(lost)
    assert engine.gateway.outcome(lost).ending is Ending.LOST
    engine.wait_for_exit(lost)
    engine.stop(running)
    assert engine.gateway.outcome(running).ending is Ending.STOPPED
    engine.wait_for_exit(running)


def test_a_job_outlives_its_zygote(own_engine: RunningEngine) -> None:
    engine = own_engine
    job = engine.submit(FAMILY)
    engine.meet(job, "ready")
    zygote = engine.zygote
    zygote.kill()

    again, outcome = engine.finish("print('from another zygote')")
    assert again.text == "from another zygote\n"
    assert outcome.exit_code == 0
    assert engine.zygote.pid != zygote.pid
    engine.stop(job)
    assert engine.gateway.outcome(job).ending is Ending.STOPPED
    engine.wait_for_exit(job)
    engine.assert_nothing_left(job)


def test_what_is_left_when_zygote_and_supervisor_are_killed_is_found(own_engine: RunningEngine) -> None:
    engine = own_engine
    job = engine.submit(FAMILY)
    engine.meet(job, "ready")
    supervisor, zygote, family = engine.supervisor(job), engine.zygote, tree(engine, job)
    os.kill(zygote.pid, signal.SIGKILL)
    os.kill(supervisor.pid, signal.SIGKILL)
    recover(engine, job)

    assert engine.gateway.outcome(job).ending is Ending.LOST
    engine.wait_for_exit(job)
    psutil.wait_procs(family, timeout=10)
    assert processes_of(engine.folder(job).path) == []
    engine.assert_nothing_left(job)


def test_starting_waits_for_the_next_zygote(own_engine: RunningEngine) -> None:
    engine = own_engine
    zygote = engine.zygote
    zygote.suspend()
    job = engine.gateway.add(tar_of({"main.py": "print('from the second')"}))
    starting = engine.begin_start(job)
    zygote.kill()

    starting.result(30)
    assert engine.gateway.outcome(job).exit_code == 0
    engine.wait_for_exit(job)
    assert job.text == "from the second\n"


@pytest.mark.parametrize("kill_gateway_first", [True, False])
def test_a_zygote_leaves_when_engine_and_supervisors_have_left(tmp_path: Path, kill_gateway_first: bool) -> None:
    engine = RunningEngine().warm()
    job = engine.submit(FAMILY)
    engine.meet(job, "ready")
    zygote, program = engine.zygote, engine.program(job)
    if kill_gateway_first:
        engine.close_engine()
        program.kill()
    else:
        program.kill()
        engine.wait_for_exit(job)
        engine.close_engine()

    engine.gateway.outcome(job)
    zygote.wait(10)
    engine.remove()
