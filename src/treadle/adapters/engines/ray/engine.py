"""`treadle.ports.engine.Engine` on a Ray cluster."""

import asyncio
import importlib.util
import logging
import os
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

from treadle.adapters.engines.ray.clusters import RayCluster
from treadle.adapters.engines.ray.connection import DriverConnection
from treadle.adapters.engines.ray.terms import RayTerms
from treadle.domain.environments import Lock
from treadle.domain.errors import EngineUnavailableError, TreadleError
from treadle.domain.launch import Launch
from treadle.ports.engine import Presence

logger = logging.getLogger(__name__)

Attempt = tuple[str, int]
_FIRST_PAUSE = 0.5
_LONGEST_PAUSE = 5.0


class RayEngine:
    """Starts supervisors on the nodes of a Ray cluster.

    It connects again by itself when the cluster was gone. What runs is known by the nodes: another dispatcher, or this one
    after a restart, finds it.

    Attributes:
        connected: Set while there is a connection to the cluster.
    """

    def __init__(self, cluster: RayCluster, terms: RayTerms, log: Path) -> None:
        """Make an engine; `open` connects it.

        Args:
            cluster: Where it runs programs.
            terms: Who it does so for, and how.
            log: File that gets what driver and Ray have to say.
        """
        self._cluster = cluster
        self._terms = terms
        self._log = log
        self._on_exit: Callable[[str, int], None] = lambda job_id, attempt: None
        self._connection: DriverConnection | None = None
        self._trouble = EngineUnavailableError("The platform is not connected to Ray yet.")
        self._running: set[Attempt] = set()
        self.connected = asyncio.Event()

    async def open(self, on_exit: Callable[[str, int], None]) -> None:
        """Connect to the cluster.

        Args:
            on_exit: Called in the event loop with (job id, attempt) whenever a watched supervisor has ended, or its node is lost.

        Raises:
            EngineUnavailableError: Ray is not installed, or the cluster cannot be reached or used.
        """
        if importlib.util.find_spec("ray") is None:
            raise EngineUnavailableError(
                "Ray is not installed here.", hint="Install the extra: `pip install 'treadle[server,ray]'`."
            )
        self._on_exit = on_exit
        await self._connect()
        self._keeping = asyncio.create_task(self._keep_connected())

    async def start(self, launch: Launch) -> None:
        """Start or recover an attempt where it is, or else on the node with the most room; watch it.

        Raises:
            EngineUnavailableError: It cannot be started now.
            EnvironmentUnusableError: It cannot be started in its environment.
        """
        attempt = (launch.job_id, launch.attempt)
        before = attempt in self._running
        self._running.add(attempt)
        try:
            await self._call("start", launch.to_json())
        except TreadleError:
            if not before:
                self._running.discard(attempt)
            raise

    async def build(self, lock: Lock) -> str:
        """Build an environment on one node, to know that it can be, and return what the build printed.

        Raises:
            BuildFailedError: It cannot be built.
            BuilderUnavailableError: It cannot be built there now.
            EngineUnavailableError: The cluster is gone.
        """
        return str(await self._call("build", asdict(lock)))

    async def prepare(self, environment: str) -> None:
        """Begin to warm an environment on all nodes."""
        await self._call("prepare", environment)

    async def release(self, environment: str) -> None:
        """Keep nothing of an environment on any node."""
        await self._call("release", environment)

    async def adopt(self, job_id: str, attempt: int) -> Presence:
        """Look for an attempt on all nodes, and watch it if it runs.

        Raises:
            EngineUnavailableError: The cluster is gone.
        """
        presence = Presence(str(await self._call("adopt", job_id, attempt)))
        if presence is Presence.RUNNING:
            self._running.add((job_id, attempt))
        return presence

    async def stop(self, job_id: str, attempt: int) -> None:
        """Ask the supervisor of an attempt to end its program; harmless when there is none.

        Raises:
            EngineUnavailableError: The cluster is gone.
        """
        await self._call("stop", job_id, attempt)

    async def sweep(self, live: set[Attempt]) -> None:
        """Remove from all nodes what attempts other than `live` left behind and nobody runs any more."""
        await self._call("sweep", list(live))

    async def close(self) -> None:
        """Disconnect; what runs goes on."""
        self._keeping.cancel()
        connection, self._connection = self._connection, None
        if connection is not None:
            await connection.close()
        await self._cluster.close(in_use=bool(self._running))

    async def _call(self, name: str, *arguments: object) -> object:
        if self._connection is None:
            raise EngineUnavailableError(str(self._trouble), hint=self._trouble.hint)
        return await self._connection.call(name, *arguments)

    async def _connect(self) -> None:
        address = await self._cluster.address()
        variables = {**os.environ, **self._cluster.variables}
        self._connection = await DriverConnection.open(address, self._terms, self._log, variables)
        self._connection.listen(self._exited)
        self.connected.set()

    async def _keep_connected(self) -> None:
        """Connect again whenever the cluster was gone, and find out what has become of what ran."""
        while self._connection is not None:
            self._trouble = await self._connection.ended
            self._connection = None
            self.connected.clear()
            logger.warning("the Ray cluster is gone: %s %s", self._trouble, self._trouble.hint)
            await self._reconnect()
            await self._find_attempts_again()

    async def _reconnect(self) -> None:
        pause = _FIRST_PAUSE
        while self._connection is None:
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)
            try:
                await self._connect()
            except EngineUnavailableError as error:
                self._trouble = error
        logger.warning("connected to Ray again")

    async def _find_attempts_again(self) -> None:
        """Watch again what runs; what does not has ended while nobody watched."""
        for attempt in list(self._running):
            try:
                presence = await self.adopt(*attempt)
            except EngineUnavailableError:
                return  # gone again: the next connection goes on
            if presence is not Presence.RUNNING:
                self._exited(*attempt)

    def _exited(self, job_id: str, attempt: int) -> None:
        self._running.discard((job_id, attempt))
        self._on_exit(job_id, attempt)
