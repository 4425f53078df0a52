"""Providers: organisations that publish functions to others without showing their code or private logs."""

import re
from dataclasses import dataclass

from treadle.domain.errors import InvalidError

_NAME = re.compile(r"[A-Za-z0-9_-]{1,255}")


@dataclass(frozen=True, slots=True)
class Provider:
    """An organisation that publishes functions.

    Attributes:
        id: Identifier.
        name: Its name, the first part of ``provider/title``.
        registry: Where the images of its functions must come from, None for anywhere.
        admin_groups: Ids of the groups whose members upload its functions and look after their jobs.
    """

    id: str
    name: str
    registry: str | None = None
    admin_groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Grant:
    """What a provider's function is to the members of a group.

    Attributes:
        group_id: The group.
        may_run: Whether they may run it; they only see it otherwise.
        trial: Whether their jobs are trials.
    """

    group_id: str
    may_run: bool = True
    trial: bool = False


def check_provider_name(name: str) -> None:
    """Check that `name` can be the name of a provider: it stands in ``provider/title``.

    Raises:
        InvalidError: It cannot.
    """
    if not _NAME.fullmatch(name):
        raise InvalidError(f"{name!r} cannot be the name of a provider: use letters, digits, '_' and '-'.")
