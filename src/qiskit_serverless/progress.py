"""A bar that shows how far a transfer has got, for people at a terminal or in a notebook."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

_LONGEST_TEXT = 40  # characters; more would leave no room for the bar


class Bar:
    """How far a transfer has got, for whoever wants to see it."""

    def __init__(self, progress: "Progress | None" = None, text: str = "", total: int | None = None) -> None:
        """Make a bar.

        Args:
            progress: Where it is drawn, None for nowhere.
            text: What is being done.
            total: Bytes in all, None if that is not known yet.
        """
        self._progress = progress
        self._total = total
        self._task = None if progress is None else progress.add_task(text, total=total)
        if progress is not None and total is not None:
            progress.start()

    def advance(self, count: int) -> None:
        """Take note of so many bytes more; fewer, when something begins again."""
        if self._progress is not None and self._task is not None:
            self._progress.advance(self._task, count)

    def expect(self, total: int) -> None:
        """Take note of the bytes in all, unless they were known from the beginning. From now on the bar is drawn."""
        if self._progress is not None and self._task is not None and self._total is None:
            self._progress.update(self._task, total=total)
            self._progress.start()


@contextmanager
def progress_bar(text: str, total: int | None, wanted: bool | None = None) -> Iterator[Bar]:
    """Show a bar on standard error while the block runs, from when it is known how much there is to do.

    Args:
        text: What is being done.
        total: Bytes in all, None if that is not known yet.
        wanted: Whether to show it; None for: if there is somebody to see it.
    """
    if not (_somebody_watches() if wanted is None else wanted):
        yield Bar()
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    progress = Progress(*columns, TimeRemainingColumn(), console=Console(stderr=True))
    try:
        yield Bar(progress, text if len(text) <= _LONGEST_TEXT else f"{text[:_LONGEST_TEXT]}...", total)
    finally:
        if progress.live.is_started:
            progress.stop()


def _somebody_watches() -> bool:
    in_notebook = "ipykernel" in sys.modules and find_spec("ipywidgets") is not None
    return in_notebook or sys.stderr.isatty()
