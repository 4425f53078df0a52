"""Python environments of functions: locked, named by what they hold, built once and shared."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class Lock:
    """A solved set of packages.

    Attributes:
        digest: SHA-256, in hexadecimal, of the text, of the Python and of the kind of machine it was solved for.
        text: A requirements file with one version and all hashes of each package.
    """

    digest: str
    text: str

    @property
    def packages(self) -> tuple[str, ...]:
        """Return what it installs, as ``name==version``."""
        return tuple(line.removesuffix("\\").strip() for line in self.text.splitlines() if "==" in line.split("#")[0])


class EnvironmentStatus(StrEnum):
    """Where an environment stands."""

    BUILDING = "BUILDING"
    """It is being built, or will be."""
    READY = "READY"
    """Programs can run in it. When it is missing on disk, it is built again."""
    FAILED = "FAILED"
    """It could not be built; an upload tries again."""


@dataclass(frozen=True, slots=True)
class Environment:
    """An environment as it is stored.

    Attributes:
        lock: What it holds.
        requirements: What was asked for, normalised.
        status: Where it stands.
        created: When it was first asked for.
        used: When a program was last started in it, to the minute.
        message: Why it could not be built.
    """

    lock: Lock
    requirements: tuple[str, ...]
    status: EnvironmentStatus
    created: datetime
    used: datetime
    message: str | None = None

    @property
    def digest(self) -> str:
        """Return its address."""
        return self.lock.digest


def oldest_first(order: Sequence[str], sizes: Mapping[str, int]) -> Iterator[str]:
    """Yield the environments on disk in the order in which they may go: those that nobody knows, then the least recently used.

    Args:
        order: The known ones, the least recently used first.
        sizes: What each that is on disk takes there.
    """
    unknown = sorted(sizes.keys() - set(order))
    return (digest for digest in (*unknown, *order) if digest in sizes)
