"""Which packages functions may ask for, where the operator of a platform restricts them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from treadle.domain.errors import InvalidError
from treadle.domain.requirements import of_file, parse

if TYPE_CHECKING:
    from packaging.requirements import Requirement


@dataclass(frozen=True, slots=True)
class AllowList:
    """Requirements of which a function's own must be among.

    What an allowed package needs in turn is allowed with it.

    Attributes:
        entries: The requirements, in the operator's order.
    """

    entries: tuple[str, ...]

    @classmethod
    def of_text(cls, content: bytes) -> "AllowList":
        """Read an allow list: one requirement a line, as in a requirements file.

        Raises:
            InvalidError: A line is not a requirement.
        """
        entries = of_file(content)
        for entry in entries:
            parse(entry)
        return cls(tuple(entries))

    def narrowed(self, requirements: Iterable[str]) -> tuple[str, ...]:
        """Return requirements that are allowed, each with the version that is allowed where it names none.

        Raises:
            InvalidError: One is not allowed. The texts are those of the wire contract.
        """
        return tuple(self._narrowed(parse(requirement)) for requirement in requirements)

    def _narrowed(self, requirement: "Requirement") -> str:
        allowed = self._entry(requirement.name)
        if not requirement.specifier:
            requirement.specifier = allowed.specifier
            return str(requirement)
        specifiers = list(requirement.specifier)
        if len(specifiers) != 1 or specifiers[0].operator != "==":
            raise InvalidError("'dependencies' needs one fixed version using the '==' operator.")
        version = specifiers[0].version
        if version.endswith(".*") or not allowed.specifier.contains(version, prereleases=True):
            raise InvalidError(
                f"Dependency ({requirement.name}) version ({version}) is not allowed. Valid versions: {allowed.specifier}"
            )
        return str(requirement)

    def _entry(self, name: str) -> "Requirement":
        from packaging.utils import canonicalize_name

        for entry in map(parse, self.entries):
            if canonicalize_name(entry.name) == canonicalize_name(name):
                return entry
        raise InvalidError(
            f"Dependency `{name}` is not allowed. You can request the dependency from the platform's operator."
        )
