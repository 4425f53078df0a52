"""Versions of a function: list them, choose one, roll back to one."""

import asyncio
import logging
from dataclasses import replace

from treadle.domain.errors import NotFoundError
from treadle.domain.functions import Function, FunctionVersion, full_name
from treadle.domain.manifests import ManifestFile, content_of, manifest_of
from treadle.domain.users import User
from treadle.domain.versions import CURRENT, ListedVersion, version_number
from treadle.ports.clock import Clock
from treadle.ports.repositories import Database, Repositories
from treadle.services.artifacts import Artifacts
from treadle.services.functions import Functions

logger = logging.getLogger(__name__)


class Versions:
    """Use cases about the versions of a function, for those who may see its code."""

    def __init__(self, database: Database, functions: Functions, artifacts: Artifacts, clock: Clock) -> None:
        self._database = database
        self._functions = functions
        self._artifacts = artifacts
        self._clock = clock

    async def all(self, user: User, function_id: str) -> list[ListedVersion]:
        """Return all versions, the newest first.

        Raises:
            NotFoundError: The user has no such function.
        """
        function = await self._functions.with_code(user, function_id)
        return await self._database.read(lambda repositories: repositories.functions.versions(function.id))

    async def roll_back(self, user: User, function_id: str, wanted: str) -> Function:
        """Let new jobs run an older version again. Jobs that are there keep theirs.

        Args:
            user: Who wants it.
            function_id: The function.
            wanted: Number or label of the version.

        Returns:
            The function at that version.

        Raises:
            NotFoundError: The user has no such function, or it has no such version.
        """
        function = await self._functions.with_code(user, function_id)

        def work(repositories: Repositories) -> Function:
            version = chosen(repositories, function, wanted)
            repositories.functions.make_current(function.id, version.id, user.id, self._clock.now())
            return replace(function, current=version)

        rolled_back = await self._database.write(work)
        logger.info("%s rolled %s back to version %d", user.name, function.title, rolled_back.current.number)
        return rolled_back

    async def files(self, user: User, function_id: str, wanted: str) -> tuple[FunctionVersion, list[ManifestFile]]:
        """Return a version and the files of its artifact.

        Raises:
            NotFoundError: The user has no such function, or it has no such version.
        """
        version = await self.get(user, function_id, wanted)
        if version.artifact_digest is None:
            return version, []
        return version, await asyncio.to_thread(manifest_of, await self._artifacts.of(version))

    async def file(self, user: User, function_id: str, wanted: str, path: str) -> bytes:
        """Return the content of a file of a version.

        Raises:
            NotFoundError: The user has no such function, or it has no such version, or that has no such file.
        """
        version = await self.get(user, function_id, wanted)
        return await asyncio.to_thread(content_of, await self._artifacts.of(version), path)

    async def get(self, user: User, function_id: str, wanted: str) -> FunctionVersion:
        """Return a version.

        Raises:
            NotFoundError: The user has no such function, or it has no such version.
        """
        function = await self._functions.with_code(user, function_id)
        return await self._database.read(lambda repositories: chosen(repositories, function, wanted))


def chosen(repositories: Repositories, function: Function, wanted: str) -> FunctionVersion:
    """Return the version of a function with a number or label, of several with the same label the newest; ``current`` for that.

    Raises:
        NotFoundError: There is none.
    """
    if wanted == CURRENT:
        return function.current
    number = version_number(wanted)
    if number is not None:
        version = repositories.functions.numbered(function.id, number)
    else:
        version = repositories.functions.labelled(function.id, wanted)
    if version is None:
        name = full_name(function.title, function.provider.name if function.provider else None)
        raise NotFoundError(f"Qiskit Function {name} has no version {wanted}.")
    return version
