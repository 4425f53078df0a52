"""What a benchmark found, and the table that shows it."""

import os
import platform
import statistics
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import version

import psutil
from rich.console import Console
from rich.table import Table


@dataclass(frozen=True, slots=True)
class Finding:
    """One row of the table.

    Attributes:
        work: What was done.
        measured: The median, in `unit`.
        unit: Unit of `measured`.
        aim: The number to reach, in words.
        reached: Whether it was.
        remark: What it was compared with, and the spread.
    """

    work: str
    measured: float
    unit: str
    aim: str
    reached: bool
    remark: str = ""


def median_of(measure: Callable[[], float], rounds: int) -> tuple[float, str]:
    """Return the median of `rounds` calls, and the spread in words."""
    values = sorted(measure() for _ in range(rounds))
    return statistics.median(values), f"{rounds} rounds, {values[0]:.3g} to {values[-1]:.3g}"


def at_most(work: str, measured: float, unit: str, aim: float, remark: str = "") -> Finding:
    """Return a finding that is good when it is small."""
    return Finding(work, measured, unit, f"<= {aim:g} {unit}", measured <= aim, remark)


def at_least(work: str, measured: float, unit: str, aim: float, remark: str = "") -> Finding:
    """Return a finding that is good when it is large."""
    return Finding(work, measured, unit, f">= {aim:g} {unit}", measured >= aim, remark)


def show(findings: Iterable[Finding]) -> bool:
    """Print the table with the machine it was measured on; return whether everything was reached."""
    table = Table(title=_machine(), title_justify="left")
    for heading in ("work", "measured", "aim", "", "remark"):
        table.add_column(heading, justify="right" if heading == "measured" else "left")
    reached = True
    for finding in findings:
        reached = reached and finding.reached
        mark = "reached" if finding.reached else "NOT reached"
        table.add_row(finding.work, f"{finding.measured:.3g} {finding.unit}", finding.aim, mark, finding.remark)
    Console(width=None if sys.stdout.isatty() else 160).print(table)
    return reached


def _machine() -> str:
    memory = psutil.virtual_memory().total / 2**30
    return (
        f"{os.cpu_count()} cores, {memory:.0f} GiB, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, qiskit {version('qiskit')}, Treadle {version('treadle')}"
    )
