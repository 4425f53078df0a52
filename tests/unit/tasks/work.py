"""What the tasks of the tests do; apart from the tests, so that workers need not import these."""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from qiskit_serverless.tasks import distribute_task, get, put


@dataclass
class Gate:
    """A named pipe: opening it for reading waits until somebody has it open for writing."""

    path: Path

    def pass_through(self) -> str:
        """Wait until the gate is open."""
        os.close(os.open(self.path, os.O_RDONLY))
        return "through"

    def open(self) -> None:
        """Let everybody through, for as long as this process lives."""
        os.open(self.path, os.O_RDWR)


def running_together(folder: Path) -> int:
    """Note that a task runs, and return how many do, itself included."""
    mine = folder / str(time.monotonic_ns())
    mine.touch()
    spin = time.monotonic() + 0.02
    while time.monotonic() < spin:
        pass
    count = len(list(folder.iterdir()))
    mine.unlink()
    return count


class OwnError(Exception):
    pass


def work(kind: str, size: int, needed: list[Any]) -> Any:
    total = sum(float(each[0]) for each in needed)
    if kind == "raise":
        raise OwnError
    if kind == "die":
        os._exit(3)
    if kind == "nest":
        total += sum(float(each[0]) for each in get([work_as[0]("return", 10, []) for _ in range(3)]))
    if kind == "share":
        total += float(get(work_as[1]("return", 1, [put(np.full(size, 1.0))]))[0])
    return np.full(size, total + 1)


work_as = [
    distribute_task(work),
    distribute_task(target={"cpu": 0.5})(work),
    distribute_task(target={"cpu": 2})(work),
    distribute_task(target={"env_vars": {"LEVEL": "1"}})(work),
    distribute_task(retries=1)(work),
    distribute_task(timeout=50)(work),
]
