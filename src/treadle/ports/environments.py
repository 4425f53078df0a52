"""The Python environments that programs run in: which packages they hold, and how a machine gets them."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from treadle.domain.environments import Lock


class EnvironmentSolver(Protocol):
    """Finds out which packages an environment holds. It needs no machine on which programs run."""

    @property
    def python(self) -> str:
        """Version of Python that programs run on."""

    def has_installed(self, requirements: Iterable[str]) -> bool:
        """Return whether the platform's own environment satisfies all requirements, with all that they need in turn."""

    async def solve(self, requirements: Sequence[str]) -> Lock:
        """Find one version of every package that is needed, the platform's own versions where they fit.

        Raises:
            treadle.domain.errors.InvalidError: There is no solution; in the solver's own words.
            treadle.domain.errors.SolverUnavailableError: The solver could not do its work, for instance without a network.
        """

    def is_current(self, lock: Lock) -> bool:
        """Return whether a lock was solved for what the platform is now: its Python, its machine and what it needs itself."""


class EnvironmentBuilder(Protocol):
    """Builds environments where programs run, and keeps them."""

    async def build(self, lock: Lock) -> str:
        """Build an environment, all or nothing, and return what the build printed; harmless when it is there.

        However many ask for the same one, in whatever processes: it is built once.

        Raises:
            treadle.domain.errors.BuildFailedError: It cannot be built; what there was before is as it was.
            treadle.domain.errors.BuilderUnavailableError: It cannot be built now, for reasons that are not its own.
        """

    def has_built(self, digest: str) -> bool:
        """Return whether programs can be started in an environment at once, or as soon as their machine has built it."""

    def sizes(self) -> dict[str, int]:
        """Return the digests of the environments that are there, with the bytes each takes on disk."""

    async def remove(self, digest: str) -> None:
        """Remove an environment; harmless when it is not there."""
