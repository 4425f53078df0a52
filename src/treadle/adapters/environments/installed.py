"""The one environment the platform itself runs in."""

from collections.abc import Iterable
from importlib import metadata

from treadle.domain.errors import InvalidError

_LONGEST = 300  # characters; nested brackets and numbers beyond all measure are not for the parser


class InstalledEnvironment:
    """`treadle.ports.environments.Environments` that offers what is installed beside the platform, and builds nothing."""

    def check(self, dependencies: Iterable[str]) -> None:
        """Check that these requirements are installed."""
        for dependency in dependencies:
            _check(dependency)


def _check(dependency: str) -> None:
    from packaging.requirements import InvalidRequirement, Requirement  # late: only uploads need it

    if len(dependency) > _LONGEST:
        raise InvalidError(
            f"Error while parsing dependencies. {dependency[:40]!r}... is longer than {_LONGEST} characters."
        )
    try:
        requirement = Requirement(dependency)
    except InvalidRequirement as error:
        raise InvalidError(f"Error while parsing dependencies. {dependency!r}: {error}") from error
    try:
        installed = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        raise InvalidError(
            f"Dependency `{requirement.name}` is not installed on this platform. "
            f"Ask its operator to install {dependency!r} beside the platform, or put the module into the function's folder."
        ) from None
    if not requirement.specifier.contains(installed, prereleases=True):
        raise InvalidError(
            f"Dependency ({requirement.name}) version ({requirement.specifier}) is not available. "
            f"Installed on this platform: {installed}."
        )
