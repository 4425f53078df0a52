"""What a job may use in all."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any


@dataclass(frozen=True, slots=True)
class Budget:
    """The resources of one job, shared by its tasks.

    Attributes:
        cpu: CPU cores, may be fractional.
        gpu: GPUs, may be fractional.
        mem: Memory in bytes.
        strict: Refuse a task that asks for more than this. Otherwise (a developer's machine) its request is
            clamped with a warning.
        workers: How many of its tasks may run at the same time; None for as many as the rest has room for.
        min_workers: How many workers are kept ready for its tasks, where making them takes time.
    """

    cpu: float
    gpu: float
    mem: int
    strict: bool = False
    workers: int | None = None
    min_workers: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, which programs find in ``TREADLE_BUDGET``."""
        return asdict(self)

    def for_workers(self, config: Mapping[str, Any]) -> "Budget":
        """Return this budget with the workers that a run asks for.

        Args:
            config: ``workers``, a fixed number of them; or ``auto_scaling`` with ``min_workers`` and ``max_workers``. What is not
                there, or null, is not limited.
        """
        scales = bool(config.get("auto_scaling"))
        most, least = (
            config.get("max_workers" if scales else "workers"),
            config.get("min_workers" if scales else "workers"),
        )
        return replace(self, workers=None if most is None else max(1, most), min_workers=max(0, least or 0))
