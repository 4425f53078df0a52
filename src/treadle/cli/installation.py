"""What is installed: which requirements are not met, and who else owns our import package."""

import sys
from importlib import metadata
from typing import TYPE_CHECKING

from treadle.cli.errors import CommandError

if TYPE_CHECKING:
    from packaging.markers import Marker
    from packaging.specifiers import SpecifierSet

DISTRIBUTION = "treadle"
SDK_PACKAGE = "qiskit_serverless"
SERVER_ADVICE = "Install the platform: pip install 'treadle[server]'."


def unmet_requirements(extra: str = "") -> list[str]:
    """Return the requirements of this distribution, or of an extra of it, that the environment does not meet.

    Each is described as people would say it, e.g. ``fastapi>=0.160 (not installed)``.
    """
    from packaging.requirements import Requirement

    requirements = [Requirement(line) for line in metadata.requires(DISTRIBUTION) or ()]
    wanted = [requirement for requirement in requirements if _concerns(requirement.marker, extra)]
    lacks = ((requirement, _lack(requirement.name, requirement.specifier)) for requirement in wanted)
    return [f"{requirement.name}{requirement.specifier} ({lack})" for requirement, lack in lacks if lack]


def _concerns(marker: "Marker | None", extra: str) -> bool:
    """Whether a requirement belongs to this extra alone; the empty extra stands for the base installation."""
    always = marker is None or marker.evaluate({"extra": ""})
    return always if not extra else not always and marker is not None and marker.evaluate({"extra": extra})


def _lack(name: str, specifier: "SpecifierSet") -> str:
    try:
        installed = metadata.version(name)
    except metadata.PackageNotFoundError:
        return "not installed"
    return "" if specifier.contains(installed, prereleases=True) else f"{installed} is installed"


def require_server() -> None:
    """Check that the platform can run here.

    Raises:
        CommandError: The server part is not installed, or not wholly.
    """
    unmet = unmet_requirements("server")
    if unmet:
        raise CommandError(f"This installation can only be a client: {', '.join(unmet)}.", hint=SERVER_ADVICE)


def other_owners() -> list[str]:
    """Return other installed distributions that bring files of our import package ``qiskit_serverless``."""
    owners = metadata.packages_distributions().get(SDK_PACKAGE, [])
    return sorted({owner for owner in owners if owner != DISTRIBUTION})


def python_version() -> str:
    """Return the version of the running Python, e.g. ``3.11.7``."""
    return ".".join(str(part) for part in sys.version_info[:3])
