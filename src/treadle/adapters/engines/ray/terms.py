"""What a Ray engine is told by the platform."""

from dataclasses import asdict, dataclass, field
from typing import Any

from treadle.adapters.environments.node import NodeTerms


@dataclass(frozen=True, slots=True)
class RayTerms:
    """How a platform uses a Ray cluster.

    Attributes:
        platform: Name that tells this platform from others on the cluster: letters, digits, ``-``. Its dispatchers share it.
        resource: The resource of Ray that a node must have to run programs, such as ``GPU``; None for any node with CPUs.
        warm_environments: How many environments may have processes waiting on each node, besides the platform's own.
        environments: How nodes build and keep environments.
    """

    platform: str
    resource: str | None = None
    warm_environments: int = 4
    environments: NodeTerms = field(default_factory=NodeTerms)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        return asdict(self)

    @classmethod
    def from_dict(cls, fields: dict[str, Any]) -> "RayTerms":
        """Read what `to_dict` returned."""
        return cls(**{**fields, "environments": NodeTerms(**fields["environments"])})
