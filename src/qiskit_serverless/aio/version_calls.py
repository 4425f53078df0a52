"""What can be asked of a gateway about the versions of a function."""

from typing import Any
from urllib.parse import quote

from qiskit_serverless.aio.connection import AsyncConnection
from qiskit_serverless.connections import given
from qiskit_serverless.definitions import QiskitFunction
from qiskit_serverless.exceptions import NotFoundError
from qiskit_serverless.records import FunctionEnvironment
from qiskit_serverless.versions import (
    FunctionVersion,
    VersionDifference,
    VersionFile,
    changed_fields,
    changed_paths,
    text_difference,
)


class AsyncVersionCalls(AsyncConnection):
    """A connection that knows the versions of functions."""

    async def versions(self, function: QiskitFunction | str) -> list[FunctionVersion]:
        """Return all versions of a function whose code you may see, the newest first.

        Args:
            function: The function, or its title.

        Raises:
            NotFoundError: There is no such function, or its code is not yours to see.
        """
        answer = await self._transport.request("GET", await self._function_path(function, "versions"))
        return [FunctionVersion.from_json(record) for record in answer.json()]

    async def roll_back(self, function: QiskitFunction | str, version: int | str) -> FunctionVersion:
        """Let new jobs run an older version again. Jobs that are there keep theirs.

        Args:
            function: The function, or its title.
            version: Number or label of the version.

        Returns:
            That version.

        Raises:
            NotFoundError: There is no such function of yours, or it has no such version.
        """
        path = await self._function_path(function, "rollback")
        await self._transport.request("POST", path, json={"version": version})
        versions = await self.versions(function)
        return next(each for each in versions if each.current)

    async def version_difference(
        self, function: QiskitFunction | str, old: int | str, new: int | str = "current"
    ) -> VersionDifference:
        """Return what is different between two versions of a function.

        Args:
            function: The function, or its title.
            old: Number or label of the one version.
            new: Number or label of the other, or ``current``.

        Raises:
            NotFoundError: There is no such function of yours, or it has no such version.
        """
        base = await self._function_path(function, "versions")
        old_number, old_files = await self._version_files(base, old)
        new_number, new_files = await self._version_files(base, new)
        versions = {version.number: version for version in await self.versions(function)}
        paths = changed_paths(old_files, new_files)
        contents = {
            **await self._version_contents(base, old_number, [old_files[path] for path in paths if path in old_files]),
            **await self._version_contents(base, new_number, [new_files[path] for path in paths if path in new_files]),
        }
        texts = {path: text_difference(path, old_files.get(path), new_files.get(path), contents) for path in paths}
        return VersionDifference(
            old_number,
            new_number,
            changed_fields(versions[old_number], versions[new_number]),
            added=[path for path in paths if path not in old_files],
            removed=[path for path in paths if path not in new_files],
            changed=[path for path in paths if path in old_files and path in new_files],
            texts=texts,
        )

    async def environment(self, function: QiskitFunction | str, version: int | str = "current") -> FunctionEnvironment:
        """Return the Python environment of a function whose code you may see, with the log of its last build.

        Args:
            function: The function, or its title.
            version: Number or label of the version, or ``current``.

        Raises:
            NotFoundError: There is no such function of yours, or it has no such version.
        """
        answer = await self._transport.request("GET", await self._environment_path(function, version))
        return FunctionEnvironment.from_json(answer.json())

    async def build_environment(
        self, function: QiskitFunction | str, version: int | str = "current"
    ) -> FunctionEnvironment:
        """Have the environment of a function built again if its build has failed. Returns it as it is now.

        Args:
            function: The function, or its title.
            version: Number or label of the version, or ``current``.

        Raises:
            NotFoundError: There is no such function of yours, or it has no such version.
        """
        answer = await self._transport.request("POST", await self._environment_path(function, version))
        return FunctionEnvironment.from_json(answer.json())

    async def _environment_path(self, function: QiskitFunction | str, version: int | str) -> str:
        return await self._function_path(function, f"versions/{quote(str(version), safe='')}/environment")

    async def _current_files(self, function: QiskitFunction) -> dict[str, Any] | None:
        """Return the gateway's record of the files of the current version, None if there is none to be had."""
        try:
            path = await self._function_path(function, "versions/current/files")
            answer = await self._transport.request("GET", path)
        except NotFoundError:  # a new function, or a gateway that does not tell
            return None
        record: dict[str, Any] = answer.json()
        return record

    async def _version_files(self, base: str, version: int | str) -> tuple[int, dict[str, VersionFile]]:
        answer = await self._transport.request("GET", f"{base}{quote(str(version), safe='')}/files/")
        record = answer.json()
        return record["number"], {file["path"]: VersionFile(**file) for file in record["files"]}

    async def _version_contents(self, base: str, number: int, files: list[VersionFile]) -> dict[str, bytes]:
        """Return the contents of those files that are small enough to be compared, by their SHA-256."""
        contents = {}
        for file in files:
            if file.is_small:
                answer = await self._transport.request("GET", f"{base}{number}/file/", params={"path": file.path})
                contents[file.sha256] = answer.content
        return contents

    async def _function_path(self, function: QiskitFunction | str, part: str) -> str:
        named = QiskitFunction(function) if isinstance(function, str) else function
        record = named.raw_data or {}
        if "id" not in record:
            path = self._path(f"programs/get_by_title/{quote(named.title, safe='')}")
            answer = await self._transport.request("GET", path, params=given(provider=named.provider))
            record = answer.json()
        return self._path(f"programs/{record['id']}/{part}")
