"""Uploading functions: each upload makes a version."""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, replace

from treadle.domain.access import administers
from treadle.domain.artifacts import artifact_files, check_entrypoint
from treadle.domain.environments import Environment
from treadle.domain.errors import InvalidError, NotFoundError
from treadle.domain.functions import NO_SCHEMA, Function, FunctionVersion, clean_entrypoint, full_name
from treadle.domain.ids import new_id
from treadle.domain.manifests import Assembly, assembled
from treadle.domain.profiles import ComputeProfiles, check_default_size
from treadle.domain.providers import Provider
from treadle.domain.users import User
from treadle.domain.versions import with_digest
from treadle.ports.clock import Clock
from treadle.ports.repositories import Database, Repositories
from treadle.ports.schemas import ArgumentSchemas
from treadle.ports.secrets import Signer
from treadle.services.artifacts import Artifacts, digest_of
from treadle.services.environments import Environments
from treadle.services.functions import comparable, find, seal
from treadle.services.versions import chosen

_NEEDS_PROGRAM = "At least one of attributes (entrypoint, image) is required."


@dataclass(frozen=True, slots=True)
class Upload:
    """What an upload sets. None leaves a field as the function's current version has it.

    Attributes:
        title: Title of the function, already clean.
        provider: Who publishes it; None for a function of the uploader alone.
        image: A container image in place of a program.
        artifact: The tar file; with an assembly only the files that the base lacks.
        assembly: How the artifact is made with files of another version, None when it is whole.
        entrypoint: Path of the program inside the artifact.
        dependencies: Requirements.
        env_vars: Environment variables for its jobs.
        description: Text for people.
        version: The author's own version label.
        type: GENERIC, APPLICATION or CIRCUIT; taken when the function is made, not afterwards.
        runner: The runner the author asks for.
        arguments_schema: JSON text.
        sizes: Compute profiles by label.
        default_size: The label that is meant when a run names none.
    """

    title: str
    provider: str | None = None
    image: str | None = None
    artifact: bytes | None = None
    assembly: Assembly | None = None
    entrypoint: str | None = None
    dependencies: tuple[str, ...] | None = None
    env_vars: dict[str, str] | None = None
    description: str | None = None
    version: str | None = None
    type: str | None = None
    runner: str | None = None
    arguments_schema: str | None = None
    sizes: dict[str, str] | None = None
    default_size: str | None = None


@dataclass(frozen=True, slots=True)
class _Artifact:
    content: bytes
    digest: str
    files: Mapping[str, memoryview]


class Uploads:
    """Use cases of those who upload functions."""

    def __init__(
        self,
        database: Database,
        artifacts: Artifacts,
        environments: Environments,
        schemas: ArgumentSchemas,
        profiles: ComputeProfiles,
        signer: Signer,
        clock: Clock,
        largest_artifact: int,
    ) -> None:
        self._database = database
        self._artifacts = artifacts
        self._environments = environments
        self._schemas = schemas
        self._profiles = profiles
        self._signer = signer
        self._clock = clock
        self._largest_artifact = largest_artifact

    async def upload(self, user: User, upload: Upload) -> Function:
        """Store a new function, or a new version of one the user may change.

        What is the same as the current version makes no new one.

        Raises:
            InvalidError: The artifact is not a tar file or lacks the entrypoint, there is no entrypoint,
                the dependencies cannot be had, or the schema of the arguments cannot be used,
                or a size has no profile.
            SolverUnavailableError: The dependencies cannot be solved now.
            NotFoundError: The user does not act for the provider, or files of a version shall be taken that does not exist.
            ConflictError: The artifact cannot be assembled.
        """
        if upload.arguments_schema is not None and upload.arguments_schema not in NO_SCHEMA:
            await self._schemas.check(upload.arguments_schema)
        for profile in (upload.sizes or {}).values():
            self._profiles.choose(profile)
        content = await self._assembled(user, upload, upload.assembly) if upload.assembly else upload.artifact
        # In a thread: a large artifact takes seconds, in which the event loop has others to serve.
        artifact = await asyncio.to_thread(_read_artifact, content) if content is not None else None

        def plan(repositories: Repositories, environment: str | None) -> tuple[Function | None, FunctionVersion]:
            existing = _existing(repositories, user, upload)
            version = self._next_version(user, existing.current if existing else None, upload, artifact)
            version = replace(version, environment_digest=environment)
            return existing, with_digest(version, comparable(self._signer, version.env_vars))

        # First without writing, so that of what is refused nothing is stored.
        _, planned = await self._database.read(lambda repositories: plan(repositories, None))
        environment = await self._environment(planned, artifact)
        if artifact is not None:
            await self._artifacts.put(artifact.digest, artifact.content)

        def work(repositories: Repositories) -> Function:
            existing, version = plan(repositories, self._environments.record(repositories, environment))
            now = self._clock.now()
            if existing is not None and existing.current.digest == version.digest:
                return existing
            if existing is None:
                provider = repositories.providers.by_name(upload.provider) if upload.provider else None
                function = Function(new_id(), upload.title, user.id, now, version, provider)
                repositories.functions.add(function)
                return function
            version = replace(version, number=repositories.functions.next_number(existing.id))
            repositories.functions.add_version(existing.id, version, now)
            return replace(existing, current=version)

        function = await self._database.write(work)
        if environment is not None:
            self._environments.announce()
        return function

    async def _environment(self, version: FunctionVersion, artifact: _Artifact | None) -> Environment | None:
        """Return the environment that a version needs, None for the platform's own."""
        files = artifact.files if artifact is not None else await self._stored_files(version)
        declared = self._environments.declared(files, version.entrypoint)
        return await self._environments.choose(version.dependencies, declared)

    async def _stored_files(self, version: FunctionVersion) -> Mapping[str, memoryview]:
        content = await self._stored_artifact(version)
        return await asyncio.to_thread(artifact_files, content) if content is not None else {}

    async def _stored_artifact(self, version: FunctionVersion) -> bytes | None:
        return await self._artifacts.get(version.artifact_digest) if version.artifact_digest is not None else None

    async def _assembled(self, user: User, upload: Upload, assembly: Assembly) -> bytes:
        """Return the whole artifact of an upload that sends only what is new, made with files of the function's own versions."""

        def base_version(repositories: Repositories) -> FunctionVersion:
            function = _existing(repositories, user, upload)
            if function is None:
                raise NotFoundError(f"Qiskit Function {full_name(upload.title, upload.provider)} doesn't exist.")
            return chosen(repositories, function, assembly.base)

        base = await self._stored_artifact(await self._database.read(base_version))
        sources = [source for source in (base, upload.artifact) if source is not None]
        return await asyncio.to_thread(assembled, assembly, sources, self._largest_artifact)

    def _next_version(
        self, user: User, current: FunctionVersion | None, upload: Upload, artifact: _Artifact | None
    ) -> FunctionVersion:
        if current is None:
            if upload.entrypoint is None:
                raise InvalidError(_NEEDS_PROGRAM)
            current = FunctionVersion("", 1, upload.entrypoint, type=upload.type or "GENERIC")
        changes = {
            "entrypoint": clean_entrypoint(upload.entrypoint) if upload.entrypoint is not None else None,
            "artifact_digest": artifact.digest if artifact is not None else None,
            "dependencies": upload.dependencies,
            "env_vars": seal(self._signer, upload.env_vars) if upload.env_vars is not None else None,
            "description": upload.description,
            "version": upload.version,
            "runner": upload.runner,
            "arguments_schema": upload.arguments_schema,
            "sizes": upload.sizes,
            "default_size": upload.default_size,
        }
        given = {name: value for name, value in changes.items() if value is not None}
        version = replace(current, id=new_id(), author_id=user.id, **given)  # type: ignore[arg-type]  # names and types are those of the record
        if upload.sizes is not None and upload.default_size is None and version.default_size not in version.sizes:
            version = replace(version, default_size=None)
        check_default_size(version)
        if artifact is not None:
            check_entrypoint(version.entrypoint, artifact.files)
        return version


def _existing(repositories: Repositories, user: User, upload: Upload) -> Function | None:
    """Return the function that an upload changes, None for a new one.

    Raises:
        NotFoundError: The user may not upload under the provider.
        InvalidError: There is an image that cannot be used.
    """
    _check_right(repositories, user, upload)
    return find(repositories, user, upload.title, upload.provider)


def _check_right(repositories: Repositories, user: User, upload: Upload) -> None:
    """Check that the user may upload under this provider.

    Raises:
        NotFoundError: The user may not.
        InvalidError: The same, where an image is uploaded; or this platform cannot run it.
    """
    provider = repositories.providers.by_name(upload.provider) if upload.provider else None
    if upload.image is not None:
        _check_image(user, provider, upload.provider, upload.image)
    if upload.provider is not None and not administers(user, provider):
        raise NotFoundError(f"Qiskit Function {full_name(upload.title, upload.provider)} doesn't exist.")


def _check_image(user: User, provider: Provider | None, name: str | None, image: str) -> None:
    if name is None:
        raise InvalidError("Custom images are only available if you are a provider.")
    if provider is None or not administers(user, provider):
        raise InvalidError(f"{name} is not valid provider.")
    registry = provider.registry
    if registry is not None and image != registry and not image.startswith(f"{registry}/"):
        raise InvalidError(f"Custom images must be in {registry}.")
    raise InvalidError(
        f"The image {image} cannot be run: the engines of this platform run no images.",
        hint="Upload the program itself with its entrypoint, and name what it needs in dependencies.",
    )


def _read_artifact(content: bytes) -> _Artifact:
    return _Artifact(content, digest_of(content), artifact_files(content))
