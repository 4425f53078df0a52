"""The files of a job whose program shares no folder with the platform: brought to it and sent back with the job's own token."""

from collections.abc import AsyncIterator, Mapping, Sequence
from enum import StrEnum

from treadle.domain.errors import NotFoundError
from treadle.domain.files import Space, StoredFile, clean_path, provider_space, user_space
from treadle.domain.jobs import Job
from treadle.domain.users import JobIdentity
from treadle.ports.files import FileStore, OpenFile
from treadle.ports.repositories import Database
from treadle.services.reports import current


class SpaceOfJob(StrEnum):
    """The spaces that a job's program has."""

    USER = "user"
    """Its user's files: ``DATA_PATH``."""
    PROVIDER = "provider"
    """Those of the function's provider: ``FUNCTION_DATA_PATH``."""


class JobFiles:
    """Use cases of an attempt about the files of its job. Every one refuses an attempt that is over with `StaleAttemptError`."""

    def __init__(self, database: Database, files: FileStore, largest: int) -> None:
        """Use a store.

        Args:
            database: Where jobs are.
            files: The store.
            largest: Most bytes of a file.
        """
        self._database = database
        self._files = files
        self.largest = largest

    async def all(self, identity: JobIdentity, name: SpaceOfJob) -> list[StoredFile]:
        """Return every file of a space.

        Raises:
            InvalidError: There are more than can be listed at once.
        """
        return await self._files.all(await self._space(identity, name), "", checksums=True)

    async def open(self, identity: JobIdentity, name: SpaceOfJob, path: str) -> OpenFile:
        """Open a file for reading. The caller closes it.

        Raises:
            NotFoundError: There is no such file.
        """
        opened = await self._files.open(await self._space(identity, name), clean_path(path))
        if opened is None:
            raise NotFoundError("Requested file was not found.")
        return opened

    async def location(self, identity: JobIdentity, name: SpaceOfJob, path: str) -> str | None:
        """Return a URL that answers with a large file, for an hour; None if it has to come through the gateway."""
        return await self._files.location(await self._space(identity, name), clean_path(path))

    async def read_small(
        self, identity: JobIdentity, name: SpaceOfJob, paths: Sequence[str]
    ) -> dict[str, bytes | None]:
        """Return small files by their paths; None for what is not there or not small."""
        space = await self._space(identity, name)
        contents = await self._files.read_small(space, [clean_path(path) for path in paths])
        return dict(zip(paths, contents, strict=True))

    async def write(
        self, identity: JobIdentity, name: SpaceOfJob, path: str, content: AsyncIterator[bytes]
    ) -> StoredFile:
        """Store a file, unless the attempt has ended when all of it has come in.

        Raises:
            InvalidError: It cannot have this path.
            TooLargeError: It is larger than the platform takes.
            StorageError: There is no room for it.
        """
        space = await self._space(identity, name)

        async def fenced() -> AsyncIterator[bytes]:
            async for chunk in content:
                yield chunk
            await self._space(identity, name)

        return await self._files.write(space, clean_path(path), fenced(), self.largest)

    async def write_small(self, identity: JobIdentity, name: SpaceOfJob, contents: Mapping[str, bytes]) -> None:
        """Store small files by their paths.

        Raises:
            InvalidError: One of them cannot have its path.
            StorageError: There is no room for them.
        """
        space = await self._space(identity, name)
        await self._files.write_small(space, {clean_path(path): content for path, content in contents.items()})

    async def delete_unchanged(self, identity: JobIdentity, name: SpaceOfJob, digests: Mapping[str, str]) -> None:
        """Remove the files that the program has removed, but not what somebody else has put in their places meanwhile.

        Args:
            identity: The attempt.
            name: The space.
            digests: The SHA-256 that each file had when the program had it, by its path.
        """
        space = await self._space(identity, name)
        await self._files.delete_unchanged(space, {clean_path(path): digest for path, digest in digests.items()})

    async def _space(self, identity: JobIdentity, name: SpaceOfJob) -> Space:
        job: Job = await self._database.read(lambda repositories: current(repositories, identity))
        provider = job.provider.name if job.provider else None
        if name is SpaceOfJob.USER:
            return user_space(job.author_id, provider, job.function_title)
        if provider is None:
            raise NotFoundError("The function has no provider who keeps files for it.")
        return provider_space(provider, job.function_title)
