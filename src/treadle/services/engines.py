"""The engines of one dispatcher, by name."""

from collections.abc import Callable, Mapping

from treadle.domain.profiles import ComputeProfiles
from treadle.domain.scheduling import ProfileChoice
from treadle.ports.engine import Engine, Presence


class Engines:
    """A mapping of names to engines, of which one is the usual one: that of jobs whose compute profile names none.

    A gateway that only serves has none.
    """

    def __init__(self, engines: Mapping[str, Engine]) -> None:
        """Take engines by their names, the usual one first."""
        self._engines = dict(engines)

    @property
    def names(self) -> tuple[str, ...]:
        """Return the names, the usual engine's first."""
        return tuple(self._engines)

    def named(self, name: str) -> Engine | None:
        """Return the engine with this name, None where this dispatcher has no such engine."""
        return self._engines.get(name)

    def takes(self, name: str, profiles: ComputeProfiles) -> ProfileChoice:
        """Return which jobs one of the engines takes."""
        return profiles.of_engine(name, usual=name == self.names[0])

    async def open(self, on_exit: Callable[[str, int], None]) -> None:
        """Make all ready; see `Engine.open`."""
        for engine in self._engines.values():
            await engine.open(on_exit)

    async def presence(self, name: str, job_id: str, attempt: int) -> Presence:
        """Return what the engine with this name knows of an attempt, which it watches if it runs; see `Engine.adopt`."""
        engine = self.named(name)
        return Presence.UNKNOWN if engine is None else await engine.adopt(job_id, attempt)

    async def prepare(self, environment: str) -> None:
        """Let all begin to warm an environment; see `Engine.prepare`."""
        for engine in self._engines.values():
            await engine.prepare(environment)

    async def release(self, environment: str) -> None:
        """Let all keep nothing of an environment; see `Engine.release`."""
        for engine in self._engines.values():
            await engine.release(environment)

    async def sweep(self, live: set[tuple[str, int]]) -> None:
        """Let all remove what attempts other than `live` left behind; see `Engine.sweep`."""
        for engine in self._engines.values():
            await engine.sweep(live)

    async def close(self) -> None:
        """Release what all of them hold; see `Engine.close`."""
        for engine in self._engines.values():
            await engine.close()
