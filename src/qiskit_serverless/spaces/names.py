"""The names that files on a platform may have, the same for the platform and for those who send files there."""

import re

LONGEST_NAME = 255
"""Most bytes of one segment of a path, what file systems take."""

LONGEST_PATH = 1024
"""Most bytes of a path in a space."""

DEEPEST = 32
"""Most segments of a path in a space."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


def is_clean(path: str) -> bool:
    """Return whether a file in a space can have this path."""
    return fault(path) is None


def fault(path: str) -> str | None:
    """Return why no file in a space can have this path, or None if one can."""
    segments = path.split("/")
    if "\0" in path or not _is_text(path):
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


def _is_text(path: str) -> bool:
    """Return whether a path can be written as UTF-8. One that a file system has as other bytes comes with surrogates."""
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True
