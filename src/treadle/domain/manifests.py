"""What an artifact is made of, and an artifact made anew of files that are here and files that were sent."""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from qiskit_serverless.artifacts import tar_of
from treadle.domain.artifacts import file_members, path_of
from treadle.domain.errors import ConflictError, InvalidError, NotFoundError, TooLargeError

_EXECUTABLE = 0o100


@dataclass(frozen=True, slots=True)
class ManifestFile:
    """A file of an artifact.

    Attributes:
        path: Where it lies in the artifact's folder.
        sha256: SHA-256 of its content in hexadecimal.
        executable: Whether it may be executed.
        size: Its size in bytes.
    """

    path: str
    sha256: str
    executable: bool = False
    size: int = 0


@dataclass(frozen=True, slots=True)
class Assembly:
    """An artifact to be made of the files of another version and of files that were sent.

    Attributes:
        base: Number or label of the version whose files may be taken.
        files: The files it shall have, in their order; none for the artifact of the base as it is.
        digest: SHA-256 that it shall have, in hexadecimal.
    """

    base: str
    files: tuple[ManifestFile, ...]
    digest: str


def manifest_of(artifact: bytes) -> list[ManifestFile]:
    """Return the files of an artifact in their order; of several with the same path the last one, which is what is unpacked.

    Raises:
        InvalidError: It is not an artifact.
    """
    found = {
        path: ManifestFile(path, hashlib.sha256(content).hexdigest(), executable, len(content))
        for path, executable, content in _files(artifact)
    }
    return list(found.values())


def content_of(artifact: bytes, path: str) -> bytes:
    """Return the content of a file in an artifact.

    Raises:
        NotFoundError: It has none with this path.
    """
    contents = [content for found, _, content in _files(artifact) if found == path]
    if not contents:
        raise NotFoundError(f"The version has no file {path!r}.")
    return bytes(contents[-1])


def assembled(assembly: Assembly, sources: Iterable[bytes], largest: int) -> bytes:
    """Return the artifact that has the files of an assembly.

    Args:
        assembly: What it shall be.
        sources: Artifacts that hold the contents, or one of which it is already.
        largest: Most bytes of its files together.

    Raises:
        InvalidError: A source is not an artifact.
        ConflictError: A content is in none of the sources, or the whole is not what it should be.
        TooLargeError: It would be larger than `largest`.
    """
    if not assembly.files:
        return _as_it_is(assembly, sources)
    contents = {hashlib.sha256(content).hexdigest(): content for source in sources for _, _, content in _files(source)}
    missing = [file.path for file in assembly.files if file.sha256 not in contents]
    if missing:
        raise ConflictError(
            f"The content of {missing[0]!r} was not sent and is not in version {assembly.base}.", hint="Send all files."
        )
    if sum(len(contents[file.sha256]) for file in assembly.files) > largest:  # the same content can be named many times
        raise TooLargeError(f"The artifact would be larger than {largest} bytes, the most this platform takes.")
    artifact = tar_of((file.path, file.executable, contents[file.sha256]) for file in assembly.files)
    _check_digest(artifact, assembly)
    return artifact


def _as_it_is(assembly: Assembly, sources: Iterable[bytes]) -> bytes:
    for source in sources:
        if hashlib.sha256(source).hexdigest() == assembly.digest:
            return source
    raise ConflictError(
        f"Version {assembly.base} does not have the artifact {assembly.digest}.", hint="Send all files."
    )


def _check_digest(artifact: bytes, assembly: Assembly) -> None:
    digest = hashlib.sha256(artifact).hexdigest()
    if digest != assembly.digest:
        raise ConflictError(
            f"The artifact of these files has the SHA-256 {digest} instead of {assembly.digest}.",
            hint="Send all files.",
        )


def _files(artifact: bytes) -> Sequence[tuple[str, bool, memoryview]]:
    view = memoryview(artifact)
    members = file_members(artifact)
    files = [
        (path_of(member), bool(member.mode & _EXECUTABLE), view[member.offset_data : member.offset_data + member.size])
        for member in members
    ]
    for member, (path, _, content) in zip(members, files, strict=True):
        if len(content) != member.size:
            raise InvalidError(f"The artifact ends inside of {path!r}.")
    return files
