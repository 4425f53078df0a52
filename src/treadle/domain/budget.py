"""What a job may use in all."""

from dataclasses import asdict, dataclass
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
    """

    cpu: float
    gpu: float
    mem: int
    strict: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form, which programs find in ``TREADLE_BUDGET``."""
        return asdict(self)
