"""Removal of folders with which a program could do anything."""

import os
import secrets
from pathlib import Path


def remove_tree(folder: Path) -> None:
    """Remove a folder and all in it; harmless if it is not there.

    Works on folders without permissions, and on folders nested deeper than a path can name or a function recurse: what
    lies deep is moved up first.

    Raises:
        OSError: Something in it cannot be removed, for instance because a file system is mounted there.
    """
    pending = [folder]
    while pending:
        current = pending.pop()
        try:
            current.chmod(0o700)
            pending += _empty(current, folder)
        except FileNotFoundError:  # somebody else removes it too
            continue
        if current != folder:
            current.rmdir()
    if folder.exists():
        folder.rmdir()


def _empty(current: Path, top: Path) -> list[Path]:
    """Remove the files of a folder and move its folders to `top`. Returns where these are now."""
    moved = []
    with os.scandir(current) as entries:
        for entry in list(entries):
            path = Path(entry.path)
            if not entry.is_dir(follow_symlinks=False):
                path.unlink(missing_ok=True)
            elif current == top:
                moved.append(path)
            else:
                path.chmod(0o700)  # a folder that cannot be written to cannot be moved either
                moved.append(path.rename(top / secrets.token_hex(8)))
    return moved
