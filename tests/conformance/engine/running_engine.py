"""An engine in an event loop of its own, with a home folder and a gateway to report to."""

import asyncio
import contextlib
import os
import shutil
import sys
import tempfile
import textwrap
import threading
from collections.abc import Coroutine
from concurrent.futures import Future
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import psutil

from tests.conformance.runner_gateway import PATIENCE, Attempt, RunnerGateway, tar_of
from treadle.adapters.engines.local import LocalEngine
from treadle.domain.budget import Budget
from treadle.domain.launch import Launch
from treadle.domain.outcome import Outcome
from treadle.ports.engine import Presence
from treadle.runner.attempt import AttemptFolder

# What a program needs to meet the test at a place: both go on once both are there.
MEET = """
import os

def meet(place):
    path = f"{os.environ['DATA_PATH']}/{place}"
    try:
        os.mkfifo(path)
    except FileExistsError:
        pass
    with open(path, "w"):
        pass
"""
Value = TypeVar("Value")
BUDGET = Budget(cpu=2.0, gpu=0.0, mem=4 * 1024**3)


class RunningEngine:
    """An open engine of this machine, and its gateway.

    Attributes:
        home: Its home folder.
        gateway: What its supervisors talk to.
        engine: The engine, for what is not offered here.
        exits: The attempts whose supervisors have ended, as the engine told.
    """

    def __init__(
        self, home: Path | None = None, gateway: RunnerGateway | None = None, warm_environments: int = 4
    ) -> None:
        self._warm_environments = warm_environments
        self.home = home or Path(tempfile.mkdtemp(prefix="treadle-"))
        self.gateway = gateway or RunnerGateway()
        self.exits: list[tuple[str, int]] = []
        self._open()

    def _open(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        self.engine = self._new_engine()
        self.call(self.engine.open(self._note_exit))

    def _new_engine(self) -> Any:
        return LocalEngine(self.home, interpreter=sys.executable, warm_environments=self._warm_environments)

    def call(self, coroutine: Coroutine[Any, Any, Value]) -> Value:
        """Run a coroutine in the engine's loop and return its value."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE)

    def warm(self) -> "RunningEngine":
        """Wait until the zygote is warm."""
        self.call(self.engine.wait_until_warm())
        return self

    def replace(self) -> None:
        """Leave as a gateway does that is replaced, and be its successor on the same home."""
        self.close_engine()
        self._open()

    def submit(self, program: str | dict[str, str], arguments: bytes = b"{}", **terms: Any) -> Attempt:
        """Start a program: the text of ``main.py``, or several files. `terms` are fields of the launch."""
        files = {"main.py": program} if isinstance(program, str) else program
        texts = {name: textwrap.dedent(text) for name, text in files.items()}
        if any("from meeting" in text for text in texts.values()):
            texts["meeting.py"] = MEET
        attempt = self.gateway.add(tar_of(texts), arguments)
        self.start(attempt, **terms)
        return attempt

    def start(self, attempt: Attempt, **terms: Any) -> None:
        """Start an attempt."""
        self.call(self.engine.start(self.launch(attempt, **terms)))

    def begin_start(self, attempt: Attempt) -> "Future[None]":
        """Have the engine start an attempt, without waiting for it."""
        return asyncio.run_coroutine_threadsafe(self.engine.start(self.launch(attempt)), self._loop)

    def launch(self, attempt: Attempt, **terms: Any) -> Launch:
        """Return the launch of an attempt."""
        launch = Launch(
            job_id=attempt.job_id,
            attempt=attempt.number,
            gateway_url=self.gateway.url,
            token=attempt.token,
            entrypoint="main.py",
            artifact_digest=attempt.digest,
            data_path=str(self.home / "data" / attempt.job_id),
            variables={},
            budget=BUDGET,
            grace_seconds=10.0,
        )
        return replace(launch, **terms)

    def finish(self, program: str | dict[str, str], arguments: bytes = b"{}", **terms: Any) -> tuple[Attempt, Outcome]:
        """Run a program to its end, and see that nothing of it is left."""
        attempt = self.submit(program, arguments, **terms)
        outcome = self.gateway.outcome(attempt)
        self.wait_for_exit(attempt)
        self.assert_nothing_left(attempt)
        return attempt, outcome

    def adopt(self, attempt: Attempt) -> Presence:
        """Have the engine look for an attempt."""
        return self.call(self.engine.adopt(attempt.job_id, attempt.number))

    def stop(self, attempt: Attempt) -> None:
        """Have the engine stop an attempt."""
        self.call(self.engine.stop(attempt.job_id, attempt.number))

    def sweep(self, *live: Attempt) -> None:
        """Have the engine remove what belongs to other attempts than these."""
        self.call(self.engine.sweep({(attempt.job_id, attempt.number) for attempt in live}))

    def folder(self, attempt: Attempt) -> AttemptFolder:
        """Return the folder of an attempt."""
        return AttemptFolder.of(self.home, attempt.job_id, attempt.number)

    def supervisor(self, attempt: Attempt) -> psutil.Process:
        """Return the supervisor of a running attempt."""
        holder = self.folder(attempt).holder()
        assert holder is not None
        return psutil.Process(holder)

    def program(self, attempt: Attempt) -> psutil.Process:
        """Return the program of a running attempt."""
        children = self.supervisor(attempt).children()
        [program] = [child for child in children if child.name() == "program" and os.getsid(child.pid) == child.pid]
        return program

    @property
    def zygote(self) -> psutil.Process:
        """The zygote."""
        pid = self.engine.zygote_pid
        assert pid is not None
        return psutil.Process(pid)

    def meet(self, attempt: Attempt, place: str) -> None:
        """Wait until the program is at a place too: it says ``from meeting import meet`` and ``meet(place)``."""
        fifo = self.home / "data" / attempt.job_id / place
        fifo.parent.mkdir(parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            os.mkfifo(fifo)
        fifo.read_bytes()

    def printed(self, attempt: Attempt, text: str) -> None:
        """Wait until the gateway has this text of the log."""
        self.gateway.wait(lambda: text in attempt.text, f"{text!r} in the log {attempt.log!r}")

    def wait_for_exit(self, attempt: Attempt) -> None:
        """Wait until the engine has told that the attempt's supervisor ended, and forget that it did."""
        key = (attempt.job_id, attempt.number)
        self.gateway.wait(lambda: key in self.exits, "the end of the supervisor")
        self.exits.remove(key)

    def assert_nothing_left(self, attempt: Attempt) -> None:
        """See that there is no folder and no process of an attempt, and none of any other attempt of this engine."""
        assert not self.folder(attempt).path.exists()
        assert list((self.home / "jobs").glob(".*")) == []
        assert processes_of(self.folder(attempt).path) == []

    def close_engine(self) -> None:
        """Close the engine; what it started runs on."""
        self.call(self.engine.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def close(self) -> None:
        """Close all and remove the home folder.

        Raises:
            AssertionError: Something was left behind.
        """
        self.close_engine()
        self.remove()

    def remove(self) -> None:
        """Remove the home folder of a closed engine, and close the gateway.

        Raises:
            AssertionError: Something was left behind.
        """
        self.gateway.close()
        folders = list((self.home / "jobs").iterdir())
        left = [f"{process.pid} {process.name()}" for process in processes_of(self.home)]
        shutil.rmtree(self.home)
        assert folders == []
        assert left == []

    def _note_exit(self, job_id: str, attempt: int) -> None:
        with self.gateway.changed:
            self.exits.append((job_id, attempt))
            self.gateway.changed.notify_all()


def processes_of(folder: Path) -> list[psutil.Process]:
    """Return the living processes that were started for a folder, or work in it, or write to a log in it."""
    return [process for process in psutil.process_iter() if _belongs_to(process.pid, str(folder))]


def _belongs_to(pid: int, folder: str) -> bool:
    process = Path("/proc") / str(pid)
    try:
        texts = [str((process / name).readlink()) for name in ("cwd", "fd/1", "fd/2")]
        texts += (process / "environ").read_text(errors="replace").split("\0")
        texts += (process / "cmdline").read_text(errors="replace").split("\0")
    except OSError:
        return False
    return any(folder in text for text in texts)
