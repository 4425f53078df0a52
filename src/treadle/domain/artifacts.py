"""Artifacts: the tar files in which functions are uploaded."""

import io
import tarfile
from collections.abc import Collection, Iterator

from treadle.domain.errors import InvalidError

_MOST_MEMBERS = 100_000  # of an artifact; the runner unpacks no more


def artifact_files(artifact: bytes) -> dict[str, memoryview]:
    """Return the files of an artifact: what they hold by their paths; of several with the same path the last one.

    Raises:
        InvalidError: It is empty, or is not a tar file of files and folders below one folder, or has too many of them.
    """
    view = memoryview(artifact)
    return {
        path_of(member): view[member.offset_data : member.offset_data + member.size]
        for member in file_members(artifact)
    }


def file_members(artifact: bytes) -> list[tarfile.TarInfo]:
    """Return the headers of the files in an artifact. The content of each follows at its `offset_data`.

    Raises:
        InvalidError: As `artifact_files` says.
    """
    if not artifact:
        raise InvalidError("The submitted file is empty.")
    try:
        with tarfile.open(fileobj=io.BytesIO(artifact), mode="r:") as archive:  # not compressed: no bombs
            return [member for member in _members(archive) if member.isfile()]
    except (tarfile.TarError, ValueError, OverflowError, RecursionError) as error:  # tarfile lets all of these through
        raise InvalidError(f"The artifact is not a readable tar file without compression: {error}.") from error


def path_of(member: tarfile.TarInfo) -> str:
    """Return the path of a member below the artifact's folder."""
    return member.name.removeprefix("./")


def member_fault(member: tarfile.TarInfo) -> str | None:
    """Return why a member cannot be unpacked, None when it can."""
    if member.size < 0:
        return f"{member.name!r} in the artifact has a negative size"
    if not (member.isreg() or member.isdir()):
        return f"{member.name!r} in the artifact is a link or a device; only files and folders are accepted"
    if member.issparse():
        return f"{member.name!r} in the artifact is packed as a sparse file; pack it as a plain one"
    if member.name.startswith("/") or ".." in member.name.split("/"):
        return f"{member.name!r} in the artifact lies outside of its folder"
    return None


def _members(archive: tarfile.TarFile) -> Iterator[tarfile.TarInfo]:
    """Yield the members of an archive. Tarfile follows a negative size backwards, and may never come to an end."""
    for number, member in enumerate(archive):
        fault = member_fault(member)
        if fault is not None:
            raise InvalidError(f"The artifact cannot be used: {fault}.")
        if number >= _MOST_MEMBERS:
            raise InvalidError(f"The artifact has more than {_MOST_MEMBERS} files and folders.")
        yield member


def check_entrypoint(entrypoint: str, files: Collection[str]) -> None:
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
