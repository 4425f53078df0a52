"""Environments of one machine of a cluster: built when a program or a worker is to start in one, and kept while there is room.

Several processes of a machine share its folder: node agents, and those that bring Ray's workers into an environment.
"""

import asyncio
import fcntl
import json
import logging
import os
import shlex
import sys
import urllib.error
import urllib.request
from dataclasses import asdict, dataclass

from treadle.adapters.environments.folder import EnvironmentsFolder
from treadle.adapters.environments.local import LocalEnvironments
from treadle.adapters.environments.locking import taken
from treadle.domain.environments import Lock
from treadle.domain.errors import (
    BuilderUnavailableError,
    BuildFailedError,
    EngineUnavailableError,
    EnvironmentUnusableError,
)
from treadle.domain.launch import Launch
from treadle.runner.environments import note_use
from treadle.runner.node import node_home
from treadle.runner.ray_worker import ENVIRONMENT_VARIABLE

logger = logging.getLogger(__name__)

_FETCH_SECONDS = 10.0
_PAUSES = (0.5, 2.0, 10.0)  # seconds between tries of a machine, or of a gateway, that is in trouble
_HELD = 4  # environments lately asked for, which nobody removes before a program runs in them
_ASK = "Ask the platform's operator whether the cluster's machines reach the gateways."
_FINAL = frozenset({400, 401, 403, 404, 410})
_WITHOUT_PROXIES = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True, slots=True)
class NodeTerms:
    """What the operator has set for the machines of a cluster.

    Attributes:
        build_seconds: The longest each step of a build may take.
        only_wheels: Refuse packages that would have to be built, which runs their code with the platform's rights.
        kept_bytes: How much room environments may take on the disk of each machine.
    """

    build_seconds: float = 1800.0
    only_wheels: bool = True
    kept_bytes: int = 20 * 2**30


@dataclass(frozen=True, slots=True)
class LockSource:
    """Where a machine gets the lock of an environment.

    Attributes:
        digest: The environment.
        gateway_url: Base URL of the gateways.
        token: Opens this lock.
    """

    digest: str
    gateway_url: str
    token: str


class NodeEnvironments:
    """The environments of a machine, by digest."""

    def __init__(self, platform: str, terms: NodeTerms) -> None:
        """Keep environments in the machine's folder of a platform.

        Args:
            platform: Name of the platform, as its engine has it.
            terms: What the operator has set.
        """
        home = node_home(platform).resolve()
        self._platform = platform
        self._terms = terms
        self._folder = EnvironmentsFolder(home)
        self._builder = LocalEnvironments(home, build_seconds=terms.build_seconds, only_wheels=terms.only_wheels)
        self._provided: dict[str, asyncio.Task[None]] = {}
        self._held: dict[str, int] = {}  # the least recently asked for first

    def open(self) -> None:
        """Remove what was left half done, and make what all environments share."""
        self._builder.open()

    async def close(self) -> None:
        """Break off what is being built here, and keep nothing any longer from being removed."""
        tasks = list(self._provided.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        while self._held:
            os.close(self._held.popitem()[1])

    def has_built(self, digest: str) -> bool:
        """Return whether an environment is here, whole."""
        return self._builder.has_built(digest)

    async def build(self, lock: Lock) -> str:
        """Build an environment unless it is there, and return what the build printed.

        Raises:
            BuildFailedError: It cannot be built.
            BuilderUnavailableError: It cannot be built now, for reasons of this machine.
        """
        log = await self._builder.build(lock)
        await self._keep(lock.digest)  # else somebody has removed it already, which says nothing against it
        return log

    async def ensure(self, launch: Launch) -> None:
        """See that a launch can be started here: build its environment if it has one that is missing.

        Raises:
            EnvironmentUnusableError: It cannot be built; with the words of the build.
            EngineUnavailableError: This machine, or the gateway, is in trouble, also after some patience.
        """
        if launch.environment is not None:
            await self.provide(LockSource(launch.environment, launch.gateway_url, launch.environment_token or ""))

    async def provide(self, source: LockSource) -> None:
        """See that an environment is here, whole. However many ask, it is fetched and built once.

        Raises:
            EnvironmentUnusableError: It cannot be built; with the words of the build.
            EngineUnavailableError: This machine, or the gateway, is in trouble, also after some patience.
        """
        if source.digest not in self._provided:
            task = asyncio.create_task(self._provide(source))
            self._provided[source.digest] = task
            task.add_done_callback(lambda _: self._provided.pop(source.digest))
        await asyncio.shield(self._provided[source.digest])

    def variables(self, launch: Launch) -> dict[str, str]:
        """Return the environment variables by which the program of a launch has its Ray workers started in its environment.

        ``TREADLE_RUNTIME_ENV`` is a runtime environment of Ray in JSON. It is the same for all jobs in one environment.
        """
        if launch.environment is None:
            return {}
        source = LockSource(launch.environment, launch.gateway_url, launch.environment_token or "")
        told = json.dumps({"platform": self._platform, **asdict(source), **asdict(self._terms)})
        runtime = {"py_executable": _worker_command(), "env_vars": {ENVIRONMENT_VARIABLE: told}}
        return {"TREADLE_RUNTIME_ENV": json.dumps(runtime)}

    async def _provide(self, source: LockSource) -> None:
        pauses = iter(_PAUSES)
        while not await self._keep(source.digest):
            try:
                await self._builder.build(await asyncio.to_thread(_fetched, source))
            except BuildFailedError as error:
                raise EnvironmentUnusableError(str(error), hint=error.hint) from error
            except BuilderUnavailableError as error:
                pause = next(pauses, None)
                if pause is None:
                    raise EngineUnavailableError(str(error), hint=error.hint) from error
                logger.warning("the environment %s is tried again: %s", source.digest, error)
                await asyncio.sleep(pause)

    async def _keep(self, digest: str) -> bool:
        """Keep an environment from being removed, and make room for it. Returns whether it is here."""
        descriptor = await taken(self._folder.lock(digest), fcntl.LOCK_SH)
        if not self._builder.has_built(digest):
            os.close(descriptor)
            return False
        if digest in self._held:
            os.close(self._held.pop(digest))
        self._held[digest] = descriptor
        while len(self._held) > _HELD:
            os.close(self._held.pop(next(iter(self._held))))
        note_use(self._folder.path / digest)
        await asyncio.to_thread(self._make_room)
        return True

    def _make_room(self) -> None:
        """Remove the environments that were not used for longest while all take too much room; never one in use."""
        sizes = self._folder.sizes()
        too_much = sum(sizes.values()) - self._terms.kept_bytes
        for digest, size in sizes.items():
            if too_much <= 0:
                return
            try:
                too_much -= size if self._folder.discard_unused(digest) else 0
            except OSError as error:
                logger.warning("the environment %s cannot be removed: %s", digest, error)


def _fetched(source: LockSource) -> Lock:
    """Return a lock, as a gateway has it.

    Raises:
        BuildFailedError: The gateway does not give it.
        BuilderUnavailableError: The gateway is away, or in trouble.
    """
    request = urllib.request.Request(  # noqa: S310  (the platform's own address)
        f"{source.gateway_url}/api/runner/v1/environments/{source.digest}/",
        headers={"Authorization": f"Bearer {source.token}"},
    )
    try:
        with _WITHOUT_PROXIES.open(request, timeout=_FETCH_SECONDS) as answer:
            return Lock(source.digest, json.load(answer)["lock"])
    except urllib.error.HTTPError as error:
        error.close()
        message = f"The lock of the environment {source.digest} cannot be fetched: {error}."
        if error.code in _FINAL:
            raise BuildFailedError(message, hint=_ASK) from error
        raise BuilderUnavailableError(message, hint=_ASK) from error
    except OSError as error:
        raise BuilderUnavailableError(
            f"The gateway {source.gateway_url} does not answer: {error}.", hint=_ASK
        ) from error


def _worker_command() -> str:
    """Return the start of a command line of bash, to which Ray appends what it would have its own Python run."""
    return f'"${{TREADLE_PYTHON:-{shlex.quote(sys.executable)}}}" -P -m treadle.runner.ray_worker'
