"""Limits of what one user may ask for."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from treadle.domain.errors import InvalidError


@dataclass(frozen=True, slots=True)
class JobLimits:
    """Limits of jobs.

    Attributes:
        active_jobs_per_user: Jobs of one user that may be queued or running.
        workers: The fixed number of workers a run may ask for.
        min_workers: The least number of workers a run that scales may ask for.
        max_workers: The largest number of workers a run that scales may ask for.
    """

    active_jobs_per_user: int = 1000
    workers: int = 5
    min_workers: int = 2
    max_workers: int = 10

    def check_workers(self, config: Mapping[str, Any]) -> None:
        """Check the workers that a run asks for.

        Args:
            config: Numbers of ``workers``, ``min_workers`` and ``max_workers``, as far as they are given.

        Raises:
            InvalidError: They are too many, or make no sense together.
        """
        for name in ("workers", "min_workers", "max_workers"):
            if config.get(name) is not None and config[name] > getattr(self, name):
                raise InvalidError(f"Ensure this value is less than or equal to {getattr(self, name)}.")
        least, most = config.get("min_workers"), config.get("max_workers")
        if least is not None and most is not None and least > most:
            raise InvalidError(f"min_workers {least} is more than max_workers {most}.")
