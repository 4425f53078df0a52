"""Artifacts: the tar files in which functions are uploaded."""

import io
import tarfile
from collections.abc import Iterator

from treadle.domain.errors import InvalidError

_MOST_MEMBERS = 100_000  # of an artifact; the runner unpacks no more


def artifact_files(artifact: bytes) -> frozenset[str]:
    """Return the paths of the files in an artifact.

    Raises:
        InvalidError: It is empty, or is not a tar file, or has too many members.
    """
    if not artifact:
        raise InvalidError("The submitted file is empty.")
    try:
        with tarfile.open(fileobj=io.BytesIO(artifact), mode="r:") as archive:  # not compressed: no bombs
            return frozenset(member.name.removeprefix("./") for member in _members(archive) if member.isfile())
    except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:  # tarfile lets all of these through
        raise InvalidError(f"The artifact is not a readable tar file without compression: {error}.") from error


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive. Tarfile follows a negative size backwards, and may never come to an end."""
    for number, member in enumerate(archive):
        if member.size < 0:
            raise InvalidError(f"The artifact is not a readable tar file: {member.name!r} has a negative size.")
        if number >= _MOST_MEMBERS:
            raise InvalidError(f"The artifact has more than {_MOST_MEMBERS} files and folders.")
        yield member


def check_entrypoint(entrypoint: str, files: frozenset[str]) -> None:
    """Check that an artifact holds its entrypoint.

    Raises:
        InvalidError: It does not.
    """
    if entrypoint not in files:
        programs = sorted(name for name in files if name.endswith(".py"))[:10]
        raise InvalidError(
            f"The artifact has no file {entrypoint!r}, which is the function's entrypoint. "
            f"Its Python files: {', '.join(programs) or 'none'}."
        )
