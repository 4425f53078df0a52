"""What can be asked of a gateway about files. The calls of all releases since 0.18 are here; `AsyncData` can do more."""

import uuid
from pathlib import Path

from qiskit_serverless.aio.connection import AsyncConnection
from qiskit_serverless.aio.data import AsyncData
from qiskit_serverless.connections import Query, given
from qiskit_serverless.definitions import QiskitFunction
from qiskit_serverless.exceptions import InvalidArgumentError, QiskitServerlessException


class AsyncFileCalls(AsyncConnection):
    """A connection that keeps files for functions."""

    def data(self, function: QiskitFunction | str | None = None, provider: str | None = None) -> AsyncData:
        """Return your files for a function.

        Args:
            function: The function, or its title. It may be left out for your own, which share their files.
            provider: Provider of a function that is named by its title.
        """
        return AsyncData(self._transport, self._path("files"), _query(function, provider))

    def provider_data(self, function: QiskitFunction | str, provider: str | None = None) -> AsyncData:
        """Return the files that a provider keeps for one of its functions, for those who look after it.

        Args:
            function: The function, or its title.
            provider: Its provider, if it is named by its title.

        Raises:
            QiskitServerlessException: The function has no provider.
        """
        query = _query(function, provider)
        if "provider" not in query:
            raise QiskitServerlessException("`function` doesn't have a provider.")
        return AsyncData(self._transport, self._path("files/provider"), query)

    async def files(self, function: QiskitFunction | str | None = None, *, provider: str | None = None) -> list[str]:
        """Return the names of your files for a function that lie in no folder."""
        return await self.data(function, provider).names()

    async def file_upload(
        self, file: str | Path, function: QiskitFunction | str | None = None, *, provider: str | None = None
    ) -> str:
        """Upload a file for a function, and return what the gateway says to that."""
        return await self.data(function, provider).upload_flat(file)

    async def file_download(
        self,
        file: str,
        function: QiskitFunction | str | None = None,
        target_name: str | None = None,
        download_location: str = "./",
        *,
        provider: str | None = None,
    ) -> str:
        """Download one of your files for a function, and return the name under which it was saved.

        Args:
            file: Its name.
            function: The function, or its title.
            target_name: Name to save it under; by default ``downloaded_``, something random, and its own name.
            download_location: Folder to save it in.
            provider: Provider of a function that is named by its title.
        """
        return await _saved(self.data(function, provider), file, target_name, download_location)

    async def file_delete(
        self, file: str, function: QiskitFunction | str | None = None, *, provider: str | None = None
    ) -> str:
        """Remove one of your files for a function, and return what the gateway says to that."""
        return await self.data(function, provider).delete(file)

    async def provider_files(self, function: QiskitFunction) -> list[str]:
        """Return the names of the files that a provider keeps for a function, of those that lie in no folder."""
        return await self.provider_data(function).names()

    async def provider_file_upload(self, file: str | Path, function: QiskitFunction) -> str:
        """Upload a file of a provider for a function, and return what the gateway says to that."""
        return await self.provider_data(function).upload_flat(file)

    async def provider_file_download(
        self, file: str, function: QiskitFunction, target_name: str | None = None, download_location: str = "./"
    ) -> str:
        """Download a file of a provider, as `file_download` does, and return the name under which it was saved."""
        return await _saved(self.provider_data(function), file, target_name, download_location)

    async def provider_file_delete(self, file: str, function: QiskitFunction) -> str:
        """Remove a file of a provider for a function, and return what the gateway says to that."""
        return await self.provider_data(function).delete(file)


async def _saved(data: AsyncData, file: str, target_name: str | None, folder: str) -> str:
    """Download a file into a folder. Of the name that it shall get, the last part counts."""
    name = Path(target_name or f"downloaded_{uuid.uuid4().hex[:8]}_{file}").name
    await data.download_file(file, Path(folder) / name)
    return name


def _query(function: QiskitFunction | str | None, provider: str | None) -> Query:
    if function is None:
        if provider is not None:
            raise InvalidArgumentError(f"Which function of {provider!r}? Each has files of its own.")
        return {}
    named = function if isinstance(function, QiskitFunction) else QiskitFunction(function, provider)
    return given(function=named.title, provider=named.provider)
