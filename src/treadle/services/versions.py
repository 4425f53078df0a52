"""Versions of a function: list them, choose one, roll back to one."""

import logging
from dataclasses import replace

from treadle.domain.errors import NotFoundError
from treadle.domain.functions import Function, FunctionVersion, full_name
from treadle.domain.users import User
from treadle.domain.versions import ListedVersion, version_number
from treadle.ports.clock import Clock
from treadle.ports.repositories import Database, Repositories
from treadle.services.functions import Functions

logger = logging.getLogger(__name__)


class Versions:
    """Use cases about the versions of a function, for those who may see its code."""

    def __init__(self, database: Database, functions: Functions, clock: Clock) -> None:
        self._database = database
        self._functions = functions
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


def chosen(repositories: Repositories, function: Function, wanted: str) -> FunctionVersion:
    """Return the version of a function with a number or label; of several with the same label the newest.

    Raises:
        NotFoundError: There is none.
    """
    number = version_number(wanted)
    if number is not None:
        version = repositories.functions.numbered(function.id, number)
    else:
        version = repositories.functions.labelled(function.id, wanted)
    if version is None:
        name = full_name(function.title, function.provider.name if function.provider else None)
        raise NotFoundError(f"Qiskit Function {name} has no version {wanted}.")
    return version
