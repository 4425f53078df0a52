"""The Python environments that programs run in, as the machine has them."""

from collections.abc import Iterable, Sequence
from typing import Protocol

from treadle.domain.environments import Lock


class EnvironmentBuilder(Protocol):
    """Solves requirements, builds environments and keeps them."""

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

    async def build(self, lock: Lock) -> None:
        """Build an environment, all or nothing; harmless when it is there.

        Raises:
            treadle.domain.errors.BuildFailedError: It cannot be built; what there was before is as it was.
        """

    def has_built(self, digest: str) -> bool:
        """Return whether an environment is there, whole."""

    def sizes(self) -> dict[str, int]:
        """Return the digests of the environments that are there, with the bytes each takes on disk."""

    async def remove(self, digest: str) -> None:
        """Remove an environment; harmless when it is not there. Its build log stays."""

    def build_log(self, digest: str) -> str | None:
        """Return what the last build of an environment printed, None if it was never begun here."""
