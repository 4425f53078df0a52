"""Environments of engines that build by themselves what they need, on the machine that needs it."""

from collections.abc import Awaitable, Callable, Sequence

from treadle.domain.environments import Lock
from treadle.ports.environments import EnvironmentBuilder


class ClusterEnvironments:
    """`treadle.ports.environments.EnvironmentBuilder` on a cluster.

    Its machines build what they lack when something is to start there. Here an environment is only built once, on any of them,
    so that it is known that it can be.
    """

    def __init__(self, build: Callable[[Lock], Awaitable[str]]) -> None:
        """Make it.

        Args:
            build: Has one of the machines build an environment, and returns what the build printed.
        """
        self._build = build

    async def build(self, lock: Lock) -> str:
        """Build an environment on one machine."""
        return await self._build(lock)

    def has_built(self, digest: str) -> bool:
        """Return True: a machine that lacks it builds it."""
        return True

    def sizes(self) -> dict[str, int]:
        """Return nothing: each machine makes room for itself."""
        return {}

    async def remove(self, digest: str) -> None:
        """Leave it to the machines."""


class SeveralEnvironments:
    """`treadle.ports.environments.EnvironmentBuilder` for several engines: an environment is there when all have it."""

    def __init__(self, builders: Sequence[EnvironmentBuilder]) -> None:
        """Make it of the builders of these engines."""
        self._builders = tuple(builders)

    async def build(self, lock: Lock) -> str:
        """Build an environment for one engine after the other."""
        return "\n".join([await builder.build(lock) for builder in self._builders])

    def has_built(self, digest: str) -> bool:
        """Return whether all have an environment."""
        return all(builder.has_built(digest) for builder in self._builders)

    def sizes(self) -> dict[str, int]:
        """Return what is on disk here."""
        return {digest: size for builder in self._builders for digest, size in builder.sizes().items()}

    async def remove(self, digest: str) -> None:
        """Remove an environment here."""
        for builder in self._builders:
            await builder.remove(digest)
