"""A gate that tasks wait at until the test opens it."""

import os
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
