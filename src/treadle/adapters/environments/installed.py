"""What is installed beside the platform: the environment of programs that need nothing else."""

from collections.abc import Iterable, Iterator
from importlib import metadata
from typing import TYPE_CHECKING

from treadle.domain.errors import SettingsError

if TYPE_CHECKING:
    from packaging.requirements import Requirement

_DISTRIBUTION = "treadle"
_FOR_TERMINALS = frozenset({"rich", "typer"})  # of the base install, what the CLI alone imports


def base_requirements() -> list[str]:
    """Return what a program's process imports whatever the program is: what the SDK and the runner need."""
    return [str(requirement) for requirement in _needed_by(_DISTRIBUTION, "") if requirement.name not in _FOR_TERMINALS]


def pinned(name: str) -> str:
    """Return the installed version of a package as ``name==version``.

    Raises:
        SettingsError: It is not installed.
    """
    try:
        return f"{name}=={metadata.version(name)}"
    except metadata.PackageNotFoundError as error:
        raise SettingsError(
            f"The platform's engine needs the package {name}, and it is not installed beside the platform.",
            hint=f"Install it on every machine of the platform, gateways included, in one version: 'treadle[{name}]'.",
        ) from error


def all_versions() -> list[str]:
    """Return the installed version of every package, as ``name==version``."""
    return sorted({f"{found.name}=={found.version}" for found in metadata.distributions()})


def satisfied(requirements: Iterable[str]) -> bool:
    """Return whether requirements are installed, with all that they need in turn."""
    from packaging.requirements import Requirement

    pending = [requirement for text in requirements if _applies(requirement := Requirement(text), "")]
    seen: set[str] = set()
    while pending:
        requirement = pending.pop()
        if str(requirement) in seen:
            continue
        seen.add(str(requirement))
        if not _is_installed(requirement):
            return False
        for extra in ("", *requirement.extras):
            pending += _needed_by(requirement.name, extra)
    return True


def _is_installed(requirement: "Requirement") -> bool:
    try:
        version = metadata.version(requirement.name)
    except metadata.PackageNotFoundError:
        return False
    return requirement.specifier.contains(version, prereleases=True)


def _needed_by(name: str, extra: str) -> "Iterator[Requirement]":
    from packaging.requirements import Requirement

    for text in metadata.requires(name) or ():
        requirement = Requirement(text)
        if _applies(requirement, extra):
            requirement.marker = None
            yield requirement


def _applies(requirement: "Requirement", extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})
