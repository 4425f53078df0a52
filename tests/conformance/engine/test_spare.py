"""The processes that a zygote has ready before they are needed."""

import psutil

from tests.conformance.engine.running_engine import RunningEngine


def spare_of(engine: RunningEngine) -> psutil.Process:
    """Return the supervisor that waits for an attempt; it is forked, and forks, once there is nothing else to do."""
    while True:
        for child in engine.zygote.children():
            if child.name() == "spare" and child.children():
                return child


def test_an_attempt_gets_what_was_ready(engine: RunningEngine) -> None:
    spare = spare_of(engine)
    job = engine.submit("from meeting import meet; meet('here')")
    engine.gateway.wait(lambda: job.calls, "the supervisor to begin")
    supervisor = engine.supervisor(job)
    engine.meet(job, "here")

    engine.gateway.outcome(job)
    engine.wait_for_exit(job)
    assert supervisor == spare


def test_a_spare_that_was_killed_is_replaced(engine: RunningEngine) -> None:
    killed = spare_of(engine)
    killed.kill()
    killed.wait(10)
    job, outcome = engine.finish("print('from another one')")

    assert outcome.exit_code == 0
    assert job.text == "from another one\n"
    assert spare_of(engine).pid != killed.pid


def test_a_spare_whose_program_was_killed_is_replaced(engine: RunningEngine) -> None:
    """On a cluster it may lose its connection, which ends it."""
    spare = spare_of(engine)
    [waiting] = spare.children()
    waiting.kill()
    spare.wait(10)
    _, outcome = engine.finish("print('from another one')")

    assert outcome.exit_code == 0


def test_a_spare_leaves_with_its_zygote(own_engine: RunningEngine) -> None:
    spare = spare_of(own_engine)
    family = [spare, *spare.children()]
    own_engine.zygote.kill()

    _, left = psutil.wait_procs(family, timeout=10)
    assert left == []
