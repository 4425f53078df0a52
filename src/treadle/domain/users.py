"""Users and their groups, and what identifies the caller of a request."""

import re
from dataclasses import dataclass

from treadle.domain.errors import InvalidError

OWNER = "owner"
"""Name of the user whom the token in the home folder identifies."""
_NAME = re.compile(r"[A-Za-z0-9_.@+-]{1,255}")


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may use the platform.

    Attributes:
        id: Identifier.
        name: Name.
        groups: Ids of the groups the user is a member of.
    """

    id: str
    name: str
    groups: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Group:
    """Users who are given something together.

    Attributes:
        id: Identifier.
        name: Name.
    """

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class JobIdentity:
    """A supervisor, as its job token identifies it: good for one attempt at one job."""

    job_id: str
    attempt: int


def check_name(kind: str, name: str) -> None:
    """Check that `name` can be the name of a user or a group.

    Args:
        kind: What it is to name, for the message.
        name: The name.

    Raises:
        InvalidError: It cannot.
    """
    if not _NAME.fullmatch(name):
        raise InvalidError(f"{name!r} cannot be the name of a {kind}: use letters, digits and any of '_.@+-'.")
