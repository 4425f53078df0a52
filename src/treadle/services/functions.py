"""Uploading and finding functions."""

import asyncio
import hashlib
import io
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, replace

from treadle.domain.errors import InvalidError, NotFoundError
from treadle.domain.functions import Function, FunctionVersion, clean_entrypoint, full_name
from treadle.domain.ids import new_id
from treadle.domain.users import User
from treadle.ports.clock import Clock
from treadle.ports.environments import Environments
from treadle.ports.objects import ObjectStore
from treadle.ports.repositories import Database, Repositories
from treadle.ports.secrets import Signer

_MOST_MEMBERS = 100_000  # of an artifact; the runner unpacks no more
_NEEDS_PROGRAM = "At least one of attributes (entrypoint, image) is required."


@dataclass(frozen=True, slots=True)
class Upload:
    """What an upload sets. None leaves a field as the function's current version has it.

    Attributes:
        title: Title of the function, already clean.
        artifact: The tar file.
        entrypoint: Path of the program inside the artifact.
        dependencies: Requirements.
        env_vars: Environment variables for its jobs.
        description: Text for people.
        version: The author's own version label.
        type: GENERIC, APPLICATION or CIRCUIT; taken when the function is made, not afterwards.
        runner: The runner the author asks for.
        arguments_schema: JSON text.
    """

    title: str
    artifact: bytes | None = None
    entrypoint: str | None = None
    dependencies: tuple[str, ...] | None = None
    env_vars: dict[str, str] | None = None
    description: str | None = None
    version: str | None = None
    type: str | None = None
    runner: str | None = None
    arguments_schema: str | None = None


def artifact_key(digest: str) -> str:
    """Return the object store's key of an artifact."""
    return f"artifacts/{digest}.tar"


class Functions:
    """Use cases about functions."""

    def __init__(
        self, database: Database, objects: ObjectStore, environments: Environments, signer: Signer, clock: Clock
    ) -> None:
        self._database = database
        self._objects = objects
        self._environments = environments
        self._signer = signer
        self._clock = clock

    async def upload(self, user: User, upload: Upload) -> Function:
        """Store a new function, or a new version of one the user has.

        Raises:
            InvalidError: The artifact is not a tar file or lacks the entrypoint, there is no entrypoint,
                or a dependency cannot be had.
        """
        self._environments.check(upload.dependencies or ())
        # In a thread: a large artifact takes seconds, in which the event loop has others to serve.
        files = await asyncio.to_thread(artifact_files, upload.artifact) if upload.artifact is not None else None
        digest = await self._store_artifact(upload.artifact)
        now = self._clock.now()

        def work(repositories: Repositories) -> Function:
            existing = repositories.functions.by_title(user.id, upload.title)
            version = self._next_version(user, existing.current if existing else None, upload, digest)
            if files is not None:
                check_entrypoint(version.entrypoint, files)
            if existing is None:
                function = Function(new_id(), upload.title, user.id, now, version)
                repositories.functions.add(function)
                return function
            repositories.functions.add_version(existing.id, version, now)
            return replace(existing, current=version)

        return await self._database.write(work)

    async def get(self, user: User, title: str, provider: str | None = None) -> Function:
        """Return a function the user may see.

        Raises:
            NotFoundError: There is none with this title, or it belongs to somebody else.
        """
        function = None
        if provider is None:
            function = await self._database.read(lambda repositories: repositories.functions.by_title(user.id, title))
        if function is None:
            raise NotFoundError(f"Qiskit Function {full_name(title, provider)} doesn't exist.")
        return function

    async def visible(self, user: User) -> list[Function]:
        """Return the functions a user may see."""
        return await self._database.read(lambda repositories: repositories.functions.of_author(user.id))

    async def _store_artifact(self, artifact: bytes | None) -> str | None:
        if artifact is None:
            return None
        digest = (await asyncio.to_thread(hashlib.sha256, artifact)).hexdigest()
        if not await self._objects.exists(artifact_key(digest)):
            await self._objects.put(artifact_key(digest), artifact)
        return digest

    def _next_version(
        self, user: User, current: FunctionVersion | None, upload: Upload, digest: str | None
    ) -> FunctionVersion:
        if current is None:
            if upload.entrypoint is None:
                raise InvalidError(_NEEDS_PROGRAM)
            current = FunctionVersion("", 0, upload.entrypoint, type=upload.type or "GENERIC")
        changes = {
            "entrypoint": clean_entrypoint(upload.entrypoint) if upload.entrypoint is not None else None,
            "artifact_digest": digest,
            "dependencies": upload.dependencies,
            "env_vars": self._seal(upload.env_vars),
            "description": upload.description,
            "version": upload.version,
            "runner": upload.runner,
            "arguments_schema": upload.arguments_schema,
        }
        given = {name: value for name, value in changes.items() if value is not None}
        return replace(current, id=new_id(), number=current.number + 1, author_id=user.id, **given)  # type: ignore[arg-type]  # names and types are those of the record

    def _seal(self, env_vars: dict[str, str] | None) -> dict[str, str] | None:
        if env_vars is None:
            return None
        return {name: self._signer.seal(value) if is_secret(name) else value for name, value in env_vars.items()}

    def unsealed(self, version: FunctionVersion) -> dict[str, str]:
        """Return the environment variables of a version as its programs see them."""
        return {
            name: self._signer.unseal(value) if is_secret(name) else value for name, value in version.env_vars.items()
        }


def is_secret(variable: str) -> bool:
    """Return whether the value of an environment variable is sealed where it is stored."""
    return "token" in variable.lower()


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
