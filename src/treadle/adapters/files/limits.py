"""What all file stores refuse, in the same words."""

from treadle.domain.errors import InvalidError, TooLargeError

MOST_LISTED = 100_000
"""Most files in a listing."""


def too_many() -> InvalidError:
    """Return the error for a listing that would be longer."""
    return InvalidError(
        f"There are more than {MOST_LISTED} files.",
        hint="List its folders one by one, or have the program pack them into archives.",
    )


def too_large(path: str, largest: int) -> TooLargeError:
    """Return the error for a file with more than `largest` bytes."""
    return TooLargeError(f"The file {path!r} has more than {largest} bytes, the most this platform takes.")


def unplaceable(path: str) -> InvalidError:
    """Return the error for a path that no file can have because of those that are there."""
    return InvalidError(
        f"The file {path!r} cannot be stored: there is a folder of that name, or a file where it needs a folder.",
        hint="Choose another name, or delete what is there.",
    )
