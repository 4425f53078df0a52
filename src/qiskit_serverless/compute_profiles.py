"""Compute profiles, by which a gateway offers what jobs may use."""

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ComputeProfile:
    """What a job with this profile may use.

    Attributes:
        name: Its name, e.g. ``bx3d-24x120``; ``compute_profile`` of a run.
        cpu: CPU cores.
        memory: Bytes of memory.
        gpu: GPUs.
        default: Whether jobs get it that ask for none.
    """

    name: str
    cpu: float
    memory: int
    gpu: float
    default: bool

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> "ComputeProfile":
        """Return the profile that the gateway describes."""
        return cls(data["name"], data["cpu"], data["mem"], data["gpu"], data["default"])
