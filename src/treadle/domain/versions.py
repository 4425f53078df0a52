"""Versions of a function: when two are the same, and which one is meant."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from datetime import datetime

from treadle.domain.functions import FunctionVersion

CURRENT = "current"
"""How the current version of a function may be named. No label is this word: labels are versions as PEP 440 has them."""

_MOST_DIGITS = 9  # a database's integers have at least so many
_NOT_CONTENT = ("id", "number", "author_id", "digest")


@dataclass(frozen=True, slots=True)
class ListedVersion:
    """A version as its function's list of versions has it.

    Attributes:
        version: The version.
        created: When it was uploaded.
        author: Name of who uploaded it.
        current_since: Since when new jobs run it, None when they run another one.
        current_by: Name of who uploaded it or rolled back to it then, None when new jobs run another one.
    """

    version: FunctionVersion
    created: datetime
    author: str
    current_since: datetime | None = None
    current_by: str | None = None


def with_digest(version: FunctionVersion, variables: Mapping[str, str]) -> FunctionVersion:
    """Return `version` with the digest of what its upload fixed.

    Args:
        version: The version.
        variables: Its environment variables, with something in the place of secrets that gives nothing away and is the same
            for the same secret. How they are sealed is not.
    """
    content = {name: value for name, value in asdict(version).items() if name not in _NOT_CONTENT}
    text = json.dumps({**content, "env_vars": dict(variables)}, sort_keys=True)
    return replace(version, digest=hashlib.sha256(text.encode()).hexdigest())


def version_number(text: str) -> int | None:
    """Return the number that a version is chosen by, None when `text` is a label. Digits alone are a number."""
    return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
