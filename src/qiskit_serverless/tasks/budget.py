"""What a job may use in all, and what of it a task gets."""

import json
import os
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from qiskit_serverless.tasks.errors import BudgetExceededError, BudgetWarning, TargetError
from qiskit_serverless.tasks.target import Target

_VARIABLE = "TREADLE_BUDGET"
WORKERS = "workers"
"""What every task uses one of, where a job has so many."""
_MICRO = 1_000_000  # amounts are counted in whole millionths, so that 10 * 0.1 is 1


class Shape(NamedTuple):
    """What the tasks of one kind need to run: tasks of equal shape can follow one another in one worker.

    Attributes:
        demand: Amounts of resources, in millionths, without zeros.
        env_vars: Environment variables of the worker, sorted.
        threads: How many threads the libraries in the worker may use.
    """

    demand: tuple[tuple[str, int], ...]
    env_vars: tuple[tuple[str, str], ...]
    threads: int

    @property
    def kind(self) -> tuple[tuple[tuple[str, str], ...], int]:
        """What a worker process cannot change once it runs."""
        return self.env_vars, self.threads


@dataclass(frozen=True, slots=True)
class Budget:
    """The resources that the tasks of one job share.

    Attributes:
        cpu: CPU cores.
        gpu: GPUs.
        mem: Bytes of memory.
        resources: Amounts of further resources, by name.
        strict: Refuse tasks that ask for more; otherwise they get what there is, with one warning.
        workers: How many tasks may run at the same time; None for as many as the rest has room for.
        min_workers: How many workers are kept ready for tasks to come, where making them takes time.
    """

    cpu: float
    gpu: float
    mem: float
    resources: Mapping[str, float] = field(default_factory=dict)
    strict: bool = False
    workers: int | None = None
    min_workers: int = 0

    @classmethod
    def from_environment(cls) -> "Budget":
        """Return the budget of this job or, outside the platform, of this machine.

        Raises:
            ValueError: ``TREADLE_BUDGET`` is set and is not a budget.
        """
        text = os.environ.get(_VARIABLE)
        if text is None:
            return cls(cpu=float(len(os.sched_getaffinity(0))), gpu=float(_gpus()), mem=float(_memory()))
        try:
            return cls.from_json(text)
        except (TypeError, ValueError, KeyError, TargetError) as error:
            raise ValueError(f"the environment variable {_VARIABLE} is not a budget: {text!r}") from error

    @classmethod
    def from_json(cls, text: str) -> "Budget":
        """Read the JSON form: the attributes of this class; all after ``mem`` may be missing."""
        fields: dict[str, Any] = json.loads(text)
        limits = Target(
            cpu=fields["cpu"], gpu=fields["gpu"], mem=fields["mem"], resources=fields.get("resources") or {}
        )
        workers, ready = fields.get("workers"), fields.get("min_workers") or 0
        if not (isinstance(ready, int) and (workers is None or isinstance(workers, int))):
            raise TypeError("workers are counted in whole numbers")
        strict = bool(fields.get("strict", False))
        return cls(limits.cpu, limits.gpu, limits.mem, limits.resources, strict, workers, ready)

    def amounts(self) -> dict[str, int]:
        """Return all amounts, in millionths."""
        named = {"cpu": self.cpu, "gpu": self.gpu, "mem": self.mem, **self.resources, **self._workers(self.workers)}
        return {name: round(amount * _MICRO) for name, amount in named.items()}

    def _workers(self, count: int | None) -> dict[str, float]:
        return {WORKERS: float(count)} if count is not None and self.workers is not None else {}

    def check(self, target: Target, task: str) -> None:
        """Check that a task does not ask for more than there is; otherwise warn that it gets what there is.

        Args:
            target: What it asks for.
            task: Its name, for messages.

        Raises:
            BudgetExceededError: It does, and the budget is strict.
        """
        for name, asked in _asked(target).items():
            limit = self._limit(name)
            if asked > limit:
                self._complain(
                    f"task {task!r} asks for {name}={asked:g}, but the budget of its job is {name}={limit:g}"
                )

    def _complain(self, excess: str) -> None:
        if self.strict:
            raise BudgetExceededError(f"{excess}; lower the target or ask for a larger budget")
        warnings.warn(f"{excess}; it gets that", BudgetWarning, stacklevel=6)  # the line that calls the task

    def shape(self, target: Target) -> Shape:
        """Return what a task with this target gets."""
        granted = {name: min(asked, self._limit(name)) for name, asked in _asked(target).items()} | self._workers(1)
        demand = tuple((name, round(amount * _MICRO)) for name, amount in sorted(granted.items()) if amount)
        return Shape(demand, tuple(sorted(target.env_vars.items())), max(1, int(granted["cpu"])))

    def _limit(self, name: str) -> float:
        return {"cpu": self.cpu, "gpu": self.gpu, "mem": self.mem, **self.resources}.get(name, 0)


def _asked(target: Target) -> dict[str, float]:
    return {"cpu": target.cpu, "gpu": target.gpu, "mem": target.mem, **target.resources}


def _memory() -> int:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")


def _gpus() -> int:
    return sum(1 for _ in Path("/dev").glob("nvidia[0-9]*"))
