"""The zygotes of this machine: the platform's own, and one for each environment that programs were lately started in."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

from treadle.adapters.engines.zygote_client import ZygoteClient
from treadle.adapters.environments.folder import EnvironmentsFolder
from treadle.domain.errors import EngineUnavailableError, EnvironmentUnusableError
from treadle.domain.launch import Launch
from treadle.runner.environments import interpreter_of


class Zygotes:
    """Finds the zygote for a launch, and keeps as many warm as it may.

    Attributes:
        platform: The platform's own, which always stays.
    """

    def __init__(self, home: Path, interpreter: str, most: int, variables: Mapping[str, str]) -> None:
        """Make no zygote yet.

        Args:
            home: The platform's home folder.
            interpreter: The Python of the platform's own zygote.
            most: How many zygotes of other environments may wait for work.
            variables: Environment variables of all of them, besides those they may see of this process.
        """
        self.platform = ZygoteClient(home, interpreter, variables)
        self._variables = variables
        self._home = home
        self._environments = EnvironmentsFolder(home)
        self._most = most
        self._clients: dict[str, ZygoteClient] = {}  # the least recently used first
        self._leaving: set[asyncio.Task[None]] = set()

    async def supervisor(self, launch: Launch) -> int:
        """Have a supervisor forked and return its pidfd, which belongs to the caller.

        Raises:
            EngineUnavailableError: There is no zygote and none can be started, or it cannot fork.
            EnvironmentUnusableError: The reason lies in the environment of the launch.
        """
        if launch.environment is None:
            return await self.platform.supervisor(launch)
        client = None
        try:
            client = self._client(launch.environment)
            return await client.supervisor(launch)
        except EngineUnavailableError as error:
            released = client is not None and client.closed
            if released or not self.platform.warm.is_set():  # the environment is not to blame, nor if it is the machine
                raise
            self.release(launch.environment)
            raise EnvironmentUnusableError(str(error), hint=error.hint) from error

    def prepare(self, environment: str) -> None:
        """Begin to warm the zygote of an environment.

        Raises:
            EngineUnavailableError: Its Python cannot be started.
        """
        self._client(environment)

    def release(self, environment: str) -> None:
        """Let the zygote of an environment go: it leaves as soon as it has no supervisors."""
        client = self._clients.pop(environment, None)
        if client is not None:
            leaving = asyncio.create_task(client.close(wait=False))
            self._leaving.add(leaving)
            leaving.add_done_callback(self._leaving.discard)

    async def close(self, *, wait: bool) -> None:
        """Hang up on all of them.

        Args:
            wait: Whether to wait until they have left; they should not have supervisors then.
        """
        clients = [self.platform, *self._clients.values()]
        self._clients.clear()
        await asyncio.gather(*self._leaving, *(client.close(wait=wait) for client in clients))

    def _client(self, environment: str) -> ZygoteClient:
        client = self._clients.pop(environment, None)
        if client is None:
            folder = self._environments.path / environment
            client = ZygoteClient(self._home, str(interpreter_of(folder)), self._variables, folder)
            client.open()
        self._drop_some()
        self._clients[environment] = client  # now the most recently used
        return client

    def _drop_some(self) -> None:
        """Make room for one more, if need be and unless all are at work."""
        idle = [environment for environment, client in self._clients.items() if not client.busy]
        for environment in idle[: max(0, len(self._clients) + 1 - self._most)]:
            self.release(environment)
