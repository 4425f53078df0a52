"""What the tasks of the tests do; apart from the tests, so that workers need not import these."""

import os
import time
from dataclasses import dataclass
from pathlib import Path


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
