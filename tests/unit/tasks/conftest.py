"""Sessions and programs for the stories about tasks."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from qiskit_serverless.tasks import launcher, session
from qiskit_serverless.tasks.program_session import ProgramSession
from tests.unit.tasks.work import Gate

Program = Callable[..., subprocess.CompletedProcess[str]]

EXECUTOR = os.environ.get("TREADLE_TASKS", "forked")
"""Where the tasks of these stories run: in workers that are forked here, or, with ``TREADLE_TASKS=ray``, on Ray."""

only_forked = pytest.mark.skipif(EXECUTOR != "forked", reason="about forked workers alone, or how soon they are there")


@pytest.fixture(autouse=True, scope="session")
def executor() -> Iterator[None]:
    """Connect this process to the cluster for the stories that are told on Ray."""
    if EXECUTOR == "forked":
        yield
        return
    shared = connect()
    session.enter(shared)
    yield
    shared.close()


def connect() -> ProgramSession:
    """Return a new session of this process."""
    os.environ["TREADLE_TASKS"] = EXECUTOR
    made = session.connect()
    assert isinstance(made, ProgramSession)
    return made


@pytest.fixture
def with_budget(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., ProgramSession]]:
    """Return a function that gives this process a session of its own, with the budget it is called with.

    Its workers import Qiskit only if they need it, so that it starts fast.
    """
    monkeypatch.setattr(launcher, "_PRELOADED", frozenset({"numpy"}))
    before = session._session
    opened: list[ProgramSession] = []

    def open_session(**amounts: Any) -> ProgramSession:
        budget = {"cpu": 2, "gpu": 0, "mem": 10**9, **amounts}
        monkeypatch.setenv("TREADLE_BUDGET", json.dumps(budget))
        opened.append(connect())
        session.enter(opened[-1])
        return opened[-1]

    yield open_session
    session.enter(before)
    for each in opened:
        each.close()


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """Return a gate that is closed."""
    os.mkfifo(tmp_path / "gate")
    return Gate(tmp_path / "gate")


@pytest.fixture
def run_program(tmp_path: Path) -> Program:
    """Return a function that runs a text as a program of its own and returns what came of it."""

    def run(source: str, **options: Any) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, write(source)], capture_output=True, text=True, timeout=50, check=False, **options
        )

    def write(source: str) -> str:
        path = tmp_path / "program.py"
        path.write_text(source)
        return str(path)

    return run


def exists(pid: int) -> bool:
    """Say whether there is such a process, a zombie aside."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


def wait_for_end(pid: int) -> None:
    """Wait until a process that need not be a child has ended."""
    try:
        watch = os.pidfd_open(pid)
    except ProcessLookupError:
        return
    import select

    assert select.select([watch], [], [], 20)[0], f"process {pid} goes on"
    os.close(watch)
