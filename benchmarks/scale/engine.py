"""An engine that hands launches to a fleet of simulated supervisors instead of starting programs."""

import asyncio
from collections.abc import Callable

from treadle.domain.launch import Launch
from treadle.ports.engine import Presence


class SimulatedEngine:
    """`treadle.ports.engine.Engine` whose supervisors are those of `benchmarks.scale.fleet`."""

    def __init__(self, fleet: str) -> None:
        """Make an engine.

        Args:
            fleet: Path of the Unix socket at which the fleet listens.
        """
        self._fleet = fleet
        self._writer: asyncio.StreamWriter | None = None

    async def open(self, on_exit: Callable[[str, int], None]) -> None:
        """Connect to the fleet, whose supervisors never die."""
        _, self._writer = await asyncio.open_unix_connection(self._fleet)

    async def start(self, launch: Launch) -> None:
        """Hand a launch to the fleet."""
        assert self._writer is not None
        self._writer.write(launch.to_json().encode() + b"\n")

    async def prepare(self, environment: str) -> None:
        """There are no environments."""

    async def release(self, environment: str) -> None:
        """There are no environments."""

    async def adopt(self, job_id: str, attempt: int) -> Presence:
        """Say that an attempt runs: the fleet outlives the platform."""
        return Presence.RUNNING

    async def stop(self, job_id: str, attempt: int) -> None:
        """Leave it to the answer to the next heartbeat."""

    async def sweep(self, live: set[tuple[str, int]]) -> None:
        """Attempts leave nothing behind."""

    async def close(self) -> None:
        """Hang up."""
        if self._writer is not None:
            self._writer.close()
