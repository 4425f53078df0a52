"""The Python environments that programs run in."""

from collections.abc import Iterable
from typing import Protocol


class Environments(Protocol):
    """Knows which packages a program can import."""

    def check(self, dependencies: Iterable[str]) -> None:
        """Check that programs can have these requirements.

        Raises:
            treadle.domain.errors.InvalidError: One of them is malformed, or cannot be had.
        """
