"""Many small files in one body: a line of JSON with the path and size of each, then their contents, one after the other."""

import json
from collections.abc import Mapping

LARGEST_BUNDLE = 4 * 2**20
"""Most bytes of all contents together that are sent as one."""

MOST_FILES = 500
"""Most files that are sent as one."""


def packed(contents: Mapping[str, bytes | None]) -> bytes:
    """Return files by their paths as one body; None stands for a file that is not there."""
    sizes = [(path, None if content is None else len(content)) for path, content in contents.items()]
    return b"".join((json.dumps(sizes).encode(), b"\n", *(content for content in contents.values() if content)))


def unpacked(body: bytes) -> dict[str, bytes | None]:
    """Return the files in a body.

    Raises:
        ValueError: It is not what `packed` returns.
    """
    head, newline, rest = body.partition(b"\n")
    contents: dict[str, bytes | None] = {}
    start = 0
    for path, size in _sizes(json.loads(head)):
        contents[path] = None if size is None else rest[start : start + size]
        start += size or 0
    if not newline or start != len(rest):
        raise ValueError(f"the files of a bundle have {start} bytes, and there are {len(rest)}")
    return contents


def _sizes(fields: object) -> list[tuple[str, int | None]]:
    if not isinstance(fields, list):
        raise ValueError("a bundle begins with a list")
    return [_path_and_size(field) for field in fields]


def _path_and_size(field: object) -> tuple[str, int | None]:
    match field:
        case [str(path), None]:
            return path, None
        case [str(path), int(size)] if size >= 0:
            return path, size
    raise ValueError(f"{field!r} is no path with a size")
