"""Files that users and providers keep on the platform: the folder spaces they lie in, and the names they may have."""

import re
from dataclasses import dataclass
from datetime import datetime

from qiskit_serverless.spaces.names import LONGEST_NAME, fault
from treadle.domain.errors import InvalidError

_SAFE_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")


@dataclass(frozen=True, slots=True)
class Space:
    """A folder of files, apart from all others.

    Attributes:
        segments: Where it lies below the folder of all spaces.
    """

    segments: tuple[str, ...]

    def __post_init__(self) -> None:
        if not all(_SAFE_SEGMENT.fullmatch(segment) for segment in self.segments):
            raise ValueError(f"{self.segments} cannot name a space")

    def __str__(self) -> str:
        return "/".join(self.segments)


@dataclass(frozen=True, slots=True)
class StoredFile:
    """A file in a space.

    Attributes:
        path: Its path in the space, with ``/`` between folders.
        size: Its bytes.
        modified: When it was last written.
        sha256: SHA-256 of its content in hexadecimal, None where it was not asked for, or would take long to compute.
    """

    path: str
    size: int
    modified: datetime
    sha256: str | None = None


@dataclass(frozen=True, slots=True)
class FileRecord:
    """What a platform whose files lie in an object store notes of one.

    Attributes:
        file: The file.
        object: Key of the object that holds its content, which is never written again.
        start: Where in the object its content begins: small files that came together share one.
    """

    file: StoredFile
    object: str
    start: int = 0


def user_space(user_id: str, provider: str | None, title: str) -> Space:
    """Return the space of a user with a function: one for all functions without provider, one for each with."""
    return Space(("providers", provider, title, user_id)) if provider else Space((user_id,))


def provider_space(provider: str, title: str) -> Space:
    """Return the space that a provider keeps for one of its functions."""
    return Space(("providers", provider, title, "provider"))


def clean_path(path: str) -> str:
    """Return `path` if a file in a space can have it.

    Raises:
        InvalidError: It would leave the space, or no file system can hold it.
    """
    reason = fault(path)
    if reason is not None:
        raise InvalidError(f"A file cannot be called {path[:LONGEST_NAME]!r}: {reason}.")
    return path


def stored_name(filename: str) -> str:
    """Return the name under which a file is stored that came without a path of ours: today's clients count on it.

    The last segment of what was sent, with every run of characters outside ``[A-Za-z0-9_.-]`` as one underscore.

    Raises:
        InvalidError: The name tries to leave the folder, or nothing of it can be used.
    """
    if filename.startswith("/") or ".." in filename.split("/"):
        raise InvalidError(f"A file cannot be called {filename[:LONGEST_NAME]!r}: it leads out of the folder.")
    name = re.sub(r"[^A-Za-z0-9_./-]+", "_", filename).replace("..", "_").rpartition("/")[2]
    return clean_path(name)
