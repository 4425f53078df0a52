"""How programs are ended: on request, and at their time limit."""

import signal

import pytest

from tests.conformance.engine.running_engine import RunningEngine
from tests.conformance.runner_gateway import tar_of
from treadle.domain.outcome import Ending

DAEMON = """
    import os, signal, subprocess, sys

    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    subprocess.Popen([sys.executable, "-c", "import signal; signal.pause()"])
    if os.fork() == 0:
        os.setsid()
        os.chdir("/")
        if os.fork() == 0:
            print("ready")
            while True:
                signal.pause()
        os._exit(0)
    while True:
        signal.pause()
"""


def test_a_program_may_clean_up(engine: RunningEngine) -> None:
    program = """
        import signal, sys
        from meeting import meet

        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        meet("ready")
        signal.sigwait({signal.SIGTERM})
        print("cleaned up")
        sys.exit(7)
    """
    job = engine.submit(program)
    engine.meet(job, "ready")
    engine.stop(job)

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert (outcome.ending, outcome.exit_code) == (Ending.STOPPED, 7)
    assert job.text == "cleaned up\n"
    engine.assert_nothing_left(job)


def test_a_program_that_does_nothing_about_it_is_gone_at_once(engine: RunningEngine) -> None:
    job = engine.submit("import signal; print('ready'); signal.pause()", grace_seconds=1000.0)
    engine.printed(job, "ready")
    engine.stop(job)

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert (outcome.ending, outcome.signal) == (Ending.STOPPED, signal.SIGTERM)


def test_a_program_that_ignores_it_is_killed_with_all_its_descendants(engine: RunningEngine) -> None:
    job = engine.submit(DAEMON, grace_seconds=0.2)
    engine.printed(job, "ready")
    engine.stop(job)
    engine.stop(job)

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert (outcome.ending, outcome.signal) == (Ending.STOPPED, signal.SIGKILL)
    engine.assert_nothing_left(job)


def test_a_program_at_its_time_limit_is_ended(engine: RunningEngine) -> None:
    job, outcome = engine.finish(DAEMON, wall_seconds=1.0, grace_seconds=0.2)

    assert (outcome.ending, outcome.signal) == (Ending.TIMED_OUT, signal.SIGKILL)
    assert outcome.wall_seconds >= 1.2
    assert job.text == "ready\n"


def test_stopping_what_is_not_there_is_harmless(engine: RunningEngine) -> None:
    job, _ = engine.finish("")

    engine.stop(job)


def test_an_attempt_that_waits_for_its_gateway_can_be_stopped(engine: RunningEngine) -> None:
    job = engine.gateway.add(tar_of({"main.py": "print('never')"}))
    job.refused["arguments"] = 503
    engine.start(job)
    engine.gateway.wait(lambda: len(job.tried) >= 2, "a second try")
    engine.stop(job)

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert (outcome.ending, outcome.exit_code, outcome.signal) == (Ending.STOPPED, None, None)
    assert "started" not in job.calls
    engine.assert_nothing_left(job)


@pytest.mark.parametrize("grace_seconds", [0.0, 0.05])
def test_a_program_can_be_stopped_as_soon_as_it_is_started(engine: RunningEngine, grace_seconds: float) -> None:
    job = engine.submit("import signal\nwhile True: signal.pause()", grace_seconds=grace_seconds)
    engine.stop(job)

    outcome = engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert outcome.ending is Ending.STOPPED
    engine.assert_nothing_left(job)
