"""Keeping files for functions: those of users, and those of providers."""

from collections.abc import AsyncIterator

from qiskit_serverless.spaces.names import is_clean
from treadle.domain.errors import NotFoundError
from treadle.domain.files import Space, StoredFile, clean_path, provider_space, stored_name, user_space
from treadle.domain.users import User
from treadle.ports.files import FileStore, OpenFile
from treadle.services.functions import Functions

_NOT_FOUND = "Requested file was not found."


class Files:
    """Use cases about files. Each begins with a space, which is where access is checked."""

    def __init__(self, files: FileStore, functions: Functions, largest: int) -> None:
        """Use a store.

        Args:
            files: The store.
            functions: Who may use which function.
            largest: Most bytes of a file.
        """
        self._files = files
        self._functions = functions
        self._largest = largest

    async def of_user(self, user: User, title: str, provider: str | None) -> Space:
        """Return the space a user has with a function.

        Raises:
            NotFoundError: There is no such function the user may run.
        """
        try:
            function = await self._functions.open_to(user, title, provider)
        except NotFoundError as error:
            raise NotFoundError(f"Qiskit Function {title} doesn't exist.") from error
        return user_space(user.id, function.provider.name if function.provider else None, function.title)

    async def of_provider(self, user: User, title: str, provider: str) -> Space:
        """Return the space a provider keeps for one of its functions.

        Raises:
            NotFoundError: There is no such provider or function, or it is not the user's to look after.
        """
        function = await self._functions.changeable(user, title, provider)
        return provider_space(provider, function.title)

    async def names(self, space: Space) -> list[str]:
        """Return the names of the files that lie directly in a space, in order."""
        return await self._files.names(space)

    async def all(self, space: Space, folder: str, *, checksums: bool) -> list[StoredFile]:
        """Return every file of a space, also those in folders, in order of their paths.

        Args:
            space: The space.
            folder: Only what lies in this folder of it; empty for everything.
            checksums: Whether to tell their checksums; all that are not known must be read for it.

        Raises:
            InvalidError: The folder cannot have this name, or holds more than can be listed at once.
        """
        return await self._files.all(space, clean_path(folder) if folder else "", checksums=checksums)

    async def upload(self, space: Space, path: str | None, filename: str, content: AsyncIterator[bytes]) -> StoredFile:
        """Store a file, in place of what was there. Once this returns it survives a power cut.

        Args:
            space: The space.
            path: Its path; None to make one of `filename`, as today's clients expect it.
            filename: What the sender calls it.
            content: Its bytes.

        Raises:
            InvalidError: It cannot have this path.
            TooLargeError: It is larger than the platform takes.
            StorageError: There is no room for it.
        """
        target = stored_name(filename) if path is None else clean_path(path)
        return await self._files.write(space, target, content, self._largest)

    async def open(self, space: Space, path: str) -> OpenFile:
        """Open a file for reading. The caller closes it.

        Raises:
            NotFoundError: There is no such file.
        """
        opened = await self._files.open(space, path) if is_clean(path) else None
        if opened is None:
            raise NotFoundError(_NOT_FOUND)
        return opened

    async def delete(self, space: Space, path: str) -> None:
        """Remove a file.

        Raises:
            NotFoundError: There is no such file.
        """
        if not is_clean(path) or not await self._files.delete(space, path):
            raise NotFoundError(_NOT_FOUND)
