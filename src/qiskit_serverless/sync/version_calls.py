# Made from aio/version_calls.py by `make sdk`. Change it there.
"""What can be asked of a gateway about the versions of a function."""

from typing import Any
from urllib.parse import quote

from qiskit_serverless.connections import given
from qiskit_serverless.definitions import QiskitFunction
from qiskit_serverless.exceptions import NotFoundError
from qiskit_serverless.records import FunctionEnvironment
from qiskit_serverless.sync.connection import Connection
from qiskit_serverless.versions import (
    FunctionVersion,
    VersionDifference,
    VersionFile,
    changed_fields,
    changed_paths,
    text_difference,
)


class VersionCalls(Connection):
    """A connection that knows the versions of functions."""

    def versions(self, function: QiskitFunction | str) -> list[FunctionVersion]:
        """Return all versions of a function whose code you may see, the newest first.

        Args:
            function: The function, or its title.

        Raises:
            NotFoundError: There is no such function, or its code is not yours to see.
        """
        answer = self._transport.request("GET", self._function_path(function, "versions"))
        return [FunctionVersion.from_json(record) for record in answer.json()]

    def roll_back(self, function: QiskitFunction | str, version: int | str) -> FunctionVersion:
        """Let new jobs run an older version again. Jobs that are there keep theirs.

        Args:
            function: The function, or its title.
            version: Number or label of the version.

        Returns:
            That version.

        Raises:
            NotFoundError: There is no such function of yours, or it has no such version.
        """
        path = self._function_path(function, "rollback")
        self._transport.request("POST", path, json={"version": version})
        versions = self.versions(function)
        return next(each for each in versions if each.current)

    def version_difference(
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
        base = self._function_path(function, "versions")
        old_number, old_files = self._version_files(base, old)
        new_number, new_files = self._version_files(base, new)
        versions = {version.number: version for version in self.versions(function)}
        paths = changed_paths(old_files, new_files)
        contents = {
            **self._version_contents(base, old_number, [old_files[path] for path in paths if path in old_files]),
            **self._version_contents(base, new_number, [new_files[path] for path in paths if path in new_files]),
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

    def environment(self, function: QiskitFunction | str, version: int | str = "current") -> FunctionEnvironment:
        """Return the Python environment of a function whose code you may see, with the log of its last build.

        Args:
            function: The function, or its title.
            version: Number or label of the version, or ``current``.

        Raises:
            NotFoundError: There is no such function of yours, or it has no such version.
        """
        answer = self._transport.request("GET", self._environment_path(function, version))
        return FunctionEnvironment.from_json(answer.json())

    def build_environment(self, function: QiskitFunction | str, version: int | str = "current") -> FunctionEnvironment:
        """Have the environment of a function built again if its build has failed. Returns it as it is now.

        Args:
            function: The function, or its title.
            version: Number or label of the version, or ``current``.

        Raises:
            NotFoundError: There is no such function of yours, or it has no such version.
        """
        answer = self._transport.request("POST", self._environment_path(function, version))
        return FunctionEnvironment.from_json(answer.json())

    def _environment_path(self, function: QiskitFunction | str, version: int | str) -> str:
        return self._function_path(function, f"versions/{quote(str(version), safe='')}/environment")

    def _current_files(self, function: QiskitFunction) -> dict[str, Any] | None:
        """Return the gateway's record of the files of the current version, None if there is none to be had."""
        try:
            path = self._function_path(function, "versions/current/files")
            answer = self._transport.request("GET", path)
        except NotFoundError:  # a new function, or a gateway that does not tell
            return None
        record: dict[str, Any] = answer.json()
        return record

    def _version_files(self, base: str, version: int | str) -> tuple[int, dict[str, VersionFile]]:
        answer = self._transport.request("GET", f"{base}{quote(str(version), safe='')}/files/")
        record = answer.json()
        return record["number"], {file["path"]: VersionFile(**file) for file in record["files"]}

    def _version_contents(self, base: str, number: int, files: list[VersionFile]) -> dict[str, bytes]:
        """Return the contents of those files that are small enough to be compared, by their SHA-256."""
        contents = {}
        for file in files:
            if file.is_small:
                answer = self._transport.request("GET", f"{base}{number}/file/", params={"path": file.path})
                contents[file.sha256] = answer.content
        return contents

    def _function_path(self, function: QiskitFunction | str, part: str) -> str:
        named = QiskitFunction(function) if isinstance(function, str) else function
        record = named.raw_data or {}
        if "id" not in record:
            path = self._path(f"programs/get_by_title/{quote(named.title, safe='')}")
            answer = self._transport.request("GET", path, params=given(provider=named.provider))
            record = answer.json()
        return self._path(f"programs/{record['id']}/{part}")
