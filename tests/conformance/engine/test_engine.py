"""What every engine must do, and what the local one does when it cannot."""

import asyncio
import os
import signal
import stat
import sys
from pathlib import Path

import pytest

from tests.conformance.engine.running_engine import BUDGET, RunningEngine
from tests.conformance.runner_gateway import tar_of
from treadle.adapters.engines.local import LocalEngine
from treadle.domain.errors import EngineUnavailableError
from treadle.domain.launch import Launch
from treadle.domain.outcome import Ending
from treadle.ports.engine import Engine, Presence

WAITING = """
    import signal
    from meeting import meet
    meet("ready")
    signal.pause()
"""


def test_it_is_an_engine(engine: RunningEngine) -> None:
    port: Engine = engine.engine

    assert port is not None


def test_starting_twice_is_harmless(engine: RunningEngine) -> None:
    job = engine.submit(WAITING)
    engine.start(job)
    engine.meet(job, "ready")
    engine.start(job)
    engine.stop(job)

    assert engine.gateway.outcome(job).ending is Ending.STOPPED
    engine.wait_for_exit(job)
    assert job.calls.count("started") == 1


def test_many_attempts_can_be_started_at_once(engine: RunningEngine) -> None:
    jobs = [engine.gateway.add(tar_of({"main.py": f"print({number})"})) for number in range(12)]
    starting = [engine.begin_start(job) for job in jobs]

    for number, (job, start) in enumerate(zip(jobs, starting, strict=True)):
        start.result(30)
        assert engine.gateway.outcome(job).exit_code == 0
        engine.wait_for_exit(job)
        assert job.text == f"{number}\n"


def test_two_supervisors_of_one_attempt(own_engine: RunningEngine) -> None:
    """The second one, of an engine that did not know of the first, leaves quietly; its engine then watches the first."""
    engine = own_engine
    other = RunningEngine(engine.home, engine.gateway).warm()
    job = engine.submit(WAITING)
    engine.meet(job, "ready")

    other.call(other.engine._zygotes.supervisor(other.launch(job)))
    other.start(job)
    assert other.exits == []
    other.stop(job)

    assert engine.gateway.outcome(job).ending is Ending.STOPPED
    engine.wait_for_exit(job)
    other.wait_for_exit(job)
    assert job.calls.count("started") == 1
    other.close_engine()


def test_an_unknown_attempt(engine: RunningEngine) -> None:
    assert engine.adopt(engine.gateway.add(b"")) is Presence.UNKNOWN


def test_a_new_engine_adopts_what_runs(own_engine: RunningEngine) -> None:
    engine = own_engine
    job = engine.submit(WAITING)
    engine.meet(job, "ready")
    first_zygote = engine.zygote
    engine.replace()

    assert engine.adopt(job) is Presence.RUNNING
    engine.start(job)
    engine.stop(job)
    assert engine.gateway.outcome(job).ending is Ending.STOPPED
    engine.wait_for_exit(job)
    engine.assert_nothing_left(job)
    first_zygote.wait(10)


def test_an_attempt_that_is_started_before_the_zygote_is_warm() -> None:
    engine = RunningEngine()
    job, outcome = engine.finish("print('patience')")

    assert job.text == "patience\n"
    assert outcome.exit_code == 0
    engine.close()


def test_an_engine_can_be_closed_before_it_is_warm() -> None:
    engine = RunningEngine()
    zygote = engine.zygote
    engine.close()

    assert not zygote.is_running()


def test_a_home_with_spaces_and_non_ascii_letters(tmp_path: Path) -> None:
    engine = RunningEngine(tmp_path / "my hömé")
    job, _ = engine.finish("import os; print(os.getcwd())")

    assert "my hömé" in job.text
    engine.close()


def test_a_zygote_that_cannot_live_is_told_of(tmp_path: Path) -> None:
    interpreter = tmp_path / "python"
    interpreter.write_text("#!/bin/sh\necho 'no such library' >&2\nexit 3\n")
    interpreter.chmod(0o700)
    with pytest.raises(EngineUnavailableError, match=r"has failed \d+ times. Its last words: no such library"):
        asyncio.run(start_with(interpreter, tmp_path))

    assert list((tmp_path / "jobs").iterdir()) == []


def test_an_interpreter_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(EngineUnavailableError, match=r"cannot be started: .*No such file"):
        asyncio.run(start_with(tmp_path / "python", tmp_path))


async def start_with(interpreter: Path, home: Path) -> None:
    launch = Launch("job", 1, "http://127.0.0.1:9", "token", "main.py", "0", str(home), {}, BUDGET, 1.0)
    engine = LocalEngine(home, interpreter=str(interpreter))
    await engine.open(lambda job_id, attempt: None)
    try:
        await engine.start(launch)
    finally:
        await engine.close()


def test_other_systems_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", "darwin")

    with pytest.raises(EngineUnavailableError, match="needs Linux"):
        asyncio.run(LocalEngine(tmp_path).open(lambda job_id, attempt: None))


def test_nothing_of_the_gateway_is_inherited(tmp_path: Path) -> None:
    with (tmp_path / "secret").open("w") as file:
        file.truncate(0)
        os.set_inheritable(file.fileno(), True)
        signal.signal(signal.SIGUSR2, signal.SIG_IGN)
        engine = RunningEngine()
        signal.signal(signal.SIGUSR2, signal.SIG_DFL)
    engine.warm()
    open_files = {str(link.readlink()) for link in Path(f"/proc/{engine.zygote.pid}/fd").iterdir()}
    job, _ = engine.finish("import signal; print(signal.getsignal(signal.SIGUSR2) is signal.SIG_DFL)")

    assert job.text == "True\n"
    assert {path for path in open_files if path.startswith("/")} == {"/dev/null", str(engine.home / "runner.log")}
    engine.close()


def test_attempt_folders_are_for_the_owner_only(engine: RunningEngine) -> None:
    job = engine.submit(WAITING)
    engine.meet(job, "ready")
    path = engine.folder(job).path

    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert (path / "lock").read_text() == f"{engine.supervisor(job).pid}\n"
    assert not any(job.token.encode() in file.read_bytes() for file in path.rglob("*") if file.is_file())
    engine.stop(job)
    engine.gateway.outcome(job)
    engine.wait_for_exit(job)


def test_the_gateways_own_environment_stays_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TREADLE_SECRET", "x")
    monkeypatch.setenv("QISKIT_IBM_TOKEN", "the account of the platform")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    engine = RunningEngine()
    job, _ = engine.finish("import os; print(*sorted(os.environ))")
    engine.close()

    names = job.text.split()
    assert {"QISKIT_IBM_TOKEN", "LC_ALL", "PATH", "HOME"} <= set(names)
    assert "TREADLE_SECRET" not in names
    assert os.environ["TREADLE_SECRET"] == "x"
