"""Supervisors whose gateway is away, in trouble, elsewhere, or wants nothing more from them."""

import json
import os
from pathlib import Path

import pytest

from tests.conformance.engine.running_engine import RunningEngine
from tests.conformance.runner_gateway import tar_of
from treadle.domain.outcome import Ending
from treadle.ports.engine import Presence

STEPWISE = """
    from meeting import meet
    from qiskit_serverless import save_result, update_status

    print("one")
    meet("first")
    print("two")
    update_status("MAPPING")
    update_status("EXECUTING_QPU")
    meet("second")
    print("three")
    save_result("done")
"""
WAITING = """
    import signal
    print("ready")
    signal.pause()
"""


def test_nothing_is_lost_while_the_gateway_is_away(engine: RunningEngine) -> None:
    job = engine.submit(STEPWISE)
    engine.printed(job, "one")
    program = engine.program(job)
    engine.gateway.off()
    engine.meet(job, "first")
    engine.meet(job, "second")
    program.wait()
    engine.gateway.on()

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert job.text == "one\ntwo\nthree\n"
    assert job.stages == ["MAPPING", "EXECUTING_QPU"]
    assert job.result == b'"done"'
    assert job.calls[-2:] == ["result", "finished"]
    assert outcome.has_result
    engine.assert_nothing_left(job)


def test_a_running_program_reports_again_when_the_gateway_is_back(engine: RunningEngine) -> None:
    job = engine.submit(STEPWISE)
    engine.printed(job, "one")
    engine.gateway.off()
    engine.meet(job, "first")
    engine.gateway.on()
    engine.printed(job, "two")
    engine.gateway.wait(lambda: len(job.stages) == 2, "both stages")
    engine.meet(job, "second")

    assert engine.gateway.outcome(job).exit_code == 0
    engine.wait_for_exit(job)
    assert job.text == "one\ntwo\nthree\n"


def test_an_attempt_starts_when_the_gateway_is_back(engine: RunningEngine) -> None:
    job = engine.gateway.add(tar_of({"main.py": "print('late')"}))
    engine.gateway.off()
    engine.start(job)
    engine.gateway.on()

    assert engine.gateway.outcome(job).exit_code == 0
    engine.wait_for_exit(job)
    assert job.text == "late\n"


def test_adopting_an_attempt_wakes_its_supervisor(own_engine: RunningEngine) -> None:
    engine = own_engine
    job = engine.submit(STEPWISE)
    engine.printed(job, "one")
    program = engine.program(job)
    engine.meet(job, "first")
    engine.gateway.off()
    engine.meet(job, "second")
    program.wait()
    engine.gateway.move()
    (engine.home / "gateway.json").write_text(json.dumps({"url": engine.gateway.url, "pid": os.getpid()}))

    assert engine.adopt(job) is Presence.RUNNING
    assert engine.gateway.outcome(job).exit_code == 0
    engine.wait_for_exit(job)


def test_a_gateway_that_comes_back_elsewhere_is_found(own_engine: RunningEngine) -> None:
    engine = own_engine
    job = engine.submit(STEPWISE)
    engine.meet(job, "first")
    engine.gateway.move()
    (engine.home / "gateway.json").write_text(json.dumps({"url": f"{engine.gateway.url}/", "pid": os.getpid()}))
    engine.meet(job, "second")

    assert engine.gateway.outcome(job).exit_code == 0
    engine.wait_for_exit(job)
    assert job.text == "one\ntwo\nthree\n"


@pytest.mark.parametrize("name", ["arguments", "artifact", "started", "logs", "result", "finished"])
def test_a_call_is_repeated_while_the_gateway_has_trouble(engine: RunningEngine, name: str) -> None:
    job = engine.gateway.add(
        tar_of({"main.py": f"from qiskit_serverless import save_result; save_result({name!r}); print(1)"})
    )
    job.refused[name] = 503
    engine.start(job)
    engine.gateway.wait(lambda: job.tried.count(name) >= 3, f"repeated calls of {name}")
    job.refused.clear()

    assert engine.gateway.outcome(job).exit_code == 0
    engine.wait_for_exit(job)
    assert job.calls.count(name) == 1
    assert job.text == "1\n"


@pytest.mark.parametrize("status", [401, 404, 409, 410])
def test_an_attempt_that_is_over_is_ended_and_cleaned_up(engine: RunningEngine, status: int) -> None:
    job = engine.submit(STEPWISE)
    engine.printed(job, "one")
    job.refusal = status
    engine.meet(job, "first")

    engine.wait_for_exit(job)
    assert job.outcome is None
    engine.assert_nothing_left(job)


@pytest.mark.parametrize("status", [401, 409])
def test_an_attempt_that_is_over_before_it_began_does_not_run(engine: RunningEngine, status: int) -> None:
    job = engine.gateway.add(tar_of({"main.py": "print('never')"}))
    job.refusal = status
    engine.start(job)

    engine.wait_for_exit(job)
    assert set(job.tried) == {"arguments"}
    engine.assert_nothing_left(job)


def test_a_program_begins_only_when_the_gateway_has_taken_note(engine: RunningEngine, tmp_path: Path) -> None:
    """Until then its job may get another attempt, and the program would run twice."""
    mark = tmp_path / "begun"
    job = engine.gateway.add(tar_of({"main.py": f"open({str(mark)!r}, 'w').close()"}))
    job.refused["started"] = 503
    engine.start(job)
    engine.gateway.wait(lambda: job.tried.count("started") >= 4, "repeated calls")
    job.refused["started"] = 409

    engine.wait_for_exit(job)
    assert not mark.exists()
    engine.assert_nothing_left(job)


def test_a_stage_that_is_refused_does_not_hold_up_the_rest(engine: RunningEngine) -> None:
    job = engine.submit(STEPWISE)
    job.refused["status"] = 400
    engine.meet(job, "first")
    engine.meet(job, "second")

    assert engine.gateway.outcome(job).exit_code == 0
    engine.wait_for_exit(job)
    assert job.stages == []
    assert job.text == "one\ntwo\nthree\n"


def test_a_result_that_is_refused_is_a_failure(engine: RunningEngine) -> None:
    job = engine.gateway.add(tar_of({"main.py": "from qiskit_serverless import save_result; save_result(1)"}))
    job.refused["result"] = 400
    engine.start(job)

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert (outcome.ending, outcome.exit_code, outcome.has_result) == (Ending.EXITED, 1, False)
    assert outcome.failure is not None
    assert outcome.failure.message == "the result was refused: refused by the test"


def test_the_gateway_can_stop_a_program_with_its_heartbeat(engine: RunningEngine) -> None:
    job = engine.submit(WAITING)
    engine.printed(job, "ready")
    job.stop = True

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert outcome.ending is Ending.STOPPED


def test_a_long_log_arrives_whole(engine: RunningEngine) -> None:
    job, _ = engine.finish("for number in range(200_000): print('line', number)")

    assert job.text == "".join(f"line {number}\n" for number in range(200_000))


def test_a_log_that_the_gateway_takes_no_more_of_does_not_hold_up_the_end(engine: RunningEngine) -> None:
    job = engine.gateway.add(tar_of({"main.py": "print('x' * 1000)"}))
    job.refused["logs"] = 413
    engine.start(job)

    assert engine.gateway.outcome(job).exit_code == 0
    engine.wait_for_exit(job)
