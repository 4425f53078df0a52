"""Files that users and providers keep on the platform: the folder spaces they lie in, and the names they may have."""

import re
from dataclasses import dataclass
from datetime import datetime

from treadle.domain.errors import InvalidError
from treadle.domain.text import is_text

LONGEST_NAME = 255
"""Most bytes of one segment of a path, what file systems take."""

LONGEST_PATH = 1024
"""Most bytes of a path in a space."""

DEEPEST = 32
"""Most segments of a path in a space."""

_SAFE_SEGMENT = re.compile(r"[A-Za-z0-9_-]+")
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


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
    fault = _fault(path)
    if fault is not None:
        raise InvalidError(f"A file cannot be called {path[:LONGEST_NAME]!r}: {fault}.")
    return path


def is_clean(path: str) -> bool:
    """Return whether a file in a space can have this path."""
    return _fault(path) is None


def _fault(path: str) -> str | None:
    segments = path.split("/")
    if "\0" in path or not is_text(path):
        return "it has a character that no file name can hold"
    if path.startswith("/") or ".." in segments:
        return "it leads out of the folder"
    if "" in segments or "." in segments:
        return "it has an empty segment, or one that is only a dot"
    if _CONTROL.search(path):
        return "it has a control character"
    longest = max(len(segment.encode()) for segment in segments)
    if longest > LONGEST_NAME or len(path.encode()) > LONGEST_PATH or len(segments) > DEEPEST:
        return f"at most {LONGEST_NAME} bytes a segment, {LONGEST_PATH} in all, and {DEEPEST} segments are possible"
    return None


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
