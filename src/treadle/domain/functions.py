"""Functions: their records, and the rules for what a user may send of them."""

import posixpath
import re
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from treadle.domain.errors import InvalidError
from treadle.domain.providers import Grant, Provider

DEFAULT_TITLE_LENGTH = 255
NO_SCHEMA = ("", "{}")
"""Texts that say that arguments need to match no schema."""

_ILLEGAL_IN_TITLE = re.compile(r"[^A-Za-z0-9_/-]")
_ENTRYPOINT = re.compile(r"[A-Za-z0-9_./-]+\.py")


class Catalog(StrEnum):
    """Parts of the functions a user may see."""

    ALL = "all"
    """All of them."""
    SERVERLESS = "serverless"
    """Those without a provider, which are the user's own."""
    CATALOG = "catalog"
    """Those of providers that the user may run."""


@dataclass(frozen=True, slots=True)
class FunctionVersion:
    """What one upload fixed for ever.

    Attributes:
        id: Identifier of the version.
        number: Its number, from 1.
        entrypoint: Path of the program inside the artifact.
        artifact_digest: SHA-256 of the artifact in hexadecimal, None when none was uploaded.
        dependencies: Requirements, e.g. ``pendulum==3.0``.
        env_vars: Environment variables for its jobs; values of names that contain "token" are sealed.
        description: Text for people.
        version: The author's own version label (PEP 440).
        type: GENERIC, APPLICATION or CIRCUIT.
        runner: The runner the author asked for.
        arguments_schema: JSON text of the schema of its arguments, ``{}`` for none.
        author_id: Who uploaded it.
        environment_digest: The environment its programs run in, None for the platform's own.
        documentation_url: Where people read more.
        sizes: Compute profiles by the labels the author gave them.
        default_size: The label that is meant when a caller names none.
        digest: SHA-256 of all that jobs and people see of it, in hexadecimal: two equal uploads have the same. None for
            versions that an older platform stored.
    """

    id: str
    number: int
    entrypoint: str
    artifact_digest: str | None = None
    dependencies: tuple[str, ...] = ()
    env_vars: dict[str, str] = field(default_factory=dict)
    description: str | None = None
    version: str | None = None
    type: str = "GENERIC"
    runner: str = "ray"
    arguments_schema: str = "{}"
    author_id: str = ""
    environment_digest: str | None = None
    documentation_url: str | None = None
    sizes: dict[str, str] = field(default_factory=dict)
    default_size: str | None = None
    digest: str | None = None


@dataclass(frozen=True, slots=True)
class Function:
    """An uploaded program with its current version.

    Attributes:
        id: Identifier.
        title: Title, unique among the functions of its provider, or of its author where there is none.
        author_id: Who uploaded its first version.
        created: When that was.
        current: The version that new jobs run.
        provider: Who publishes it, None for a function of its author alone.
        disabled_message: Why it cannot be run now, None when it can.
        grants: What a provider's function is to the members of which groups.
    """

    id: str
    title: str
    author_id: str
    created: datetime
    current: FunctionVersion
    provider: Provider | None = None
    disabled_message: str | None = None
    grants: tuple[Grant, ...] = ()


def clean_title(title: str) -> str:
    """Return `title` without the characters a title cannot have.

    Raises:
        InvalidError: Nothing is left of it, or it is too long.
    """
    if not title.strip():
        raise InvalidError("This field may not be blank.")
    if len(title) > DEFAULT_TITLE_LENGTH:
        raise InvalidError(f"Ensure this field has no more than {DEFAULT_TITLE_LENGTH} characters.")
    cleaned = legal_characters(title)
    if not cleaned:
        raise InvalidError(f"Title {title!r} has no usable character: use letters, digits, '_' and '-'.")
    return cleaned


def legal_characters(text: str) -> str:
    """Return `text` without the characters that neither a title nor the name of a provider can have."""
    return _ILLEGAL_IN_TITLE.sub("", text)


def split_title(title: str, provider: str | None) -> tuple[str | None, str]:
    """Return (provider, title) for a title that may be written ``provider/title``.

    Raises:
        InvalidError: More than one slash, nothing after it, or a provider in both places.
    """
    if "/" not in title:
        return provider or None, title
    if title.count("/") > 1:
        raise InvalidError("Qiskit Function title is malformed. It can only contain one slash.")
    if provider:
        raise InvalidError("Provider defined in title and in provider fields.")
    named, _, rest = title.partition("/")
    if not rest:
        raise InvalidError("This field may not be blank.")
    return named or None, rest


def has_arguments_schema(version: FunctionVersion) -> bool:
    """Return whether the arguments of a version's jobs must match a schema."""
    return version.arguments_schema not in NO_SCHEMA


def clean_entrypoint(entrypoint: str) -> str:
    """Return the normalised path of an entrypoint.

    Raises:
        InvalidError: It is absolute, leaves the folder, or is not a plain path to a ``.py`` file.
    """
    normal = posixpath.normpath(entrypoint)
    if not _ENTRYPOINT.fullmatch(normal) or normal.startswith("/") or ".." in normal.split("/"):
        raise InvalidError(
            "Invalid entrypoint. It must be a relative path to a .py file without '..' segments or shell characters."
        )
    return normal


def full_name(title: str, provider: str | None) -> str:
    """Return the name of a function as people write it."""
    return f"{provider}/{title}" if provider else title
