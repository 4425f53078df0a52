"""Compute profiles: what an operator offers to jobs, under names that say it; and sizes, an author's names for profiles."""

import re
from dataclasses import dataclass, field

from treadle.domain.budget import Budget
from treadle.domain.errors import InvalidError
from treadle.domain.functions import FunctionVersion
from treadle.domain.scheduling import ProfileChoice

_NAME = re.compile(r"[a-z]+\d+[a-z]?-(?P<cpu>\d+)x(?P<mem>\d+)(?:x(?P<gpu>\d+)[a-z0-9]+)?")
ENGINE_NAME = r"[a-z]+(:[a-z0-9-]{1,200})?"
"""What engines can be called: ``local``, ``ray``, and ``ray:gpu`` for one of several of a kind."""
_GIGABYTE = 10**9
_LONGEST_NAME = 255


def check_profile_name(name: str) -> str:
    """Return the name of a profile.

    Raises:
        InvalidError: No profile can have it.
    """
    if len(name) > _LONGEST_NAME or not _NAME.fullmatch(name):
        raise InvalidError(
            f"Invalid compute_profile {name[:_LONGEST_NAME]!r}. It must be a family with CPU cores and GB of memory, such as "
            "'bx3d-24x120', or also with GPUs, such as 'gx3d-24x120x1a100p'."
        )
    return name


def budget_of_name(name: str, *, strict: bool) -> Budget:
    """Return what the name of a profile says: CPU cores, GB of memory and GPUs."""
    found = _NAME.fullmatch(check_profile_name(name))
    assert found is not None  # noqa: S101  (it was checked)
    return Budget(float(found["cpu"]), float(found["gpu"] or 0), int(found["mem"]) * _GIGABYTE, strict)


@dataclass(frozen=True, slots=True)
class ComputeProfiles:
    """The profiles a platform offers.

    Attributes:
        budgets: What a job with a profile may use, by the profile's name. A platform without any gives every job the same.
        default: The profile of jobs that ask for none; None for the platform's own budget.
        engines: The engine of each profile that names one.
    """

    budgets: dict[str, Budget] = field(default_factory=dict)
    default: str | None = None
    engines: dict[str, str] = field(default_factory=dict)

    def of_engine(self, name: str, *, usual: bool) -> ProfileChoice:
        """Return which jobs an engine takes.

        Args:
            name: The engine.
            usual: Whether it is the one of jobs whose profile names none.
        """
        if usual:
            return ProfileChoice(
                without=frozenset(profile for profile in self.engines if self.engines[profile] != name)
            )
        return ProfileChoice(only=frozenset(profile for profile in self.engines if self.engines[profile] == name))

    def choose(self, name: str | None) -> str | None:
        """Return the profile that a job gets which asks for `name`.

        Where no profiles are offered, any that could exist elsewhere may be asked for, and none is given: programs that were
        written for another platform run on this one, too.

        Raises:
            InvalidError: There is no such profile.
        """
        if name is None:
            return self.default
        check_profile_name(name)
        if self.budgets and name not in self.budgets:
            raise InvalidError(
                f"Compute profile {name!r} doesn't exist.", hint=f"There are: {', '.join(self.budgets)}."
            )
        return name if self.budgets else None

    def budget(self, name: str | None, usual: Budget) -> Budget:
        """Return what a job with a profile may use.

        Args:
            name: The profile it was given, None for none.
            usual: What a job without a profile may use.

        Raises:
            InvalidError: The profile is no longer offered.
        """
        if name is None:
            return usual
        if name not in self.budgets:
            raise InvalidError(
                f"Compute profile {name!r} is no longer offered.", hint="Run the function again with another profile."
            )
        return self.budgets[name]


def check_default_size(version: FunctionVersion) -> None:
    """Check that the default size of a version is one of its sizes.

    Raises:
        InvalidError: It is not.
    """
    if version.default_size is not None and version.default_size not in version.sizes:
        known = ", ".join(version.sizes) or "none"
        raise InvalidError(f"default_size {version.default_size!r} is none of the function's sizes: {known}.")


def chosen_size(version: FunctionVersion, size: str | None) -> str | None:
    """Return the label that a caller means by `size`, whatever its case; the default without one.

    Raises:
        InvalidError: The function has no such size.
    """
    if size is None:
        return version.default_size
    for label in version.sizes:
        if label.lower() == size.lower():
            return label
    known = (
        f"Its sizes are: {', '.join(version.sizes)}." if version.sizes else "It has no sizes; leave function_size out."
    )
    raise InvalidError(f"Function size {size!r} doesn't exist.", hint=known)
