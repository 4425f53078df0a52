"""What of a space's files lies in the store already: by path, how a file looked then and the digest of what was in it."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

Look = tuple[int, int, int, int]


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A file as it was when it was brought or sent.

    Attributes:
        look: What stat(2) said of it.
        sha256: SHA-256 of its content in hexadecimal.
    """

    look: Look
    sha256: str


def look_of(status: os.stat_result) -> Look:
    """Return what changes whenever a file is written to: nobody can set the time of its last change."""
    return status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns


def load(path: Path) -> dict[str, KnownFile] | None:
    """Return what was saved; None when nothing was.

    Raises:
        ValueError: It cannot be read; the program may have written there.
    """
    try:
        text = path.read_text()
    except FileNotFoundError:
        return None
    try:
        return {name: KnownFile((*map(int, look),), str(sha256)) for name, (*look, sha256) in json.loads(text).items()}  # type: ignore[arg-type]
    except (TypeError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from error


def save(path: Path, files: dict[str, KnownFile]) -> None:
    """Save what is known, all or nothing."""
    draft = path.with_suffix(".draft")
    draft.write_text(json.dumps({name: (*file.look, file.sha256) for name, file in files.items()}))
    draft.replace(path)
