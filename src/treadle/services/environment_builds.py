"""Building environments where programs run: the part of a dispatcher that jobs with dependencies wait for.

Each dispatcher sees to it that the machines of its engine have what they need. The database says of an environment whether it
can be built at all: BUILDING until the first has built it, or until the first has failed. Where several build the same one,
who has succeeded is believed.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

from treadle.domain.environments import Environment, EnvironmentStatus, oldest_first
from treadle.domain.errors import (
    BuilderUnavailableError,
    BuildFailedError,
    EngineUnavailableError,
    EnvironmentAwaitedError,
    StorageError,
)
from treadle.ports.clock import Clock
from treadle.ports.environments import EnvironmentBuilder
from treadle.ports.objects import ObjectStore
from treadle.ports.repositories import Database
from treadle.ports.wakeups import ENVIRONMENTS, QUEUE, WakeUps
from treadle.services.engines import Engines
from treadle.services.environments import log_key, stored_environment

logger = logging.getLogger(__name__)

T = TypeVar("T")

_NOTED_EVERY = timedelta(minutes=1)
_BUILDS_AT_ONCE = 2
_TRIES = 3  # of a machine that is in trouble; what else goes wrong is not tried again
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_UPLOAD_AGAIN = (
    "Correct the dependencies and upload the function again; `treadle function environment` shows the whole log."
)


class EnvironmentBuilds:
    """Has environments built, and keeps them while they are of use."""

    def __init__(
        self,
        database: Database,
        builder: EnvironmentBuilder,
        engines: Engines,
        objects: ObjectStore,
        wakeups: WakeUps,
        clock: Clock,
        kept_bytes: int,
    ) -> None:
        """Build nothing yet.

        Args:
            database: Where their locks and statuses are.
            builder: Builds them.
            engines: Run programs in them.
            objects: Where the logs of their builds go.
            wakeups: Tells that there is something to build, and wakes the queue.
            clock: The time.
            kept_bytes: How much room they may take on disk.
        """
        self._database = database
        self._builder = builder
        self._engines = engines
        self._objects = objects
        self._wakeups = wakeups
        self._clock = clock
        self._kept_bytes = kept_bytes
        self._builds: dict[str, asyncio.Task[None]] = {}
        self._failures: dict[str, str] = {}  # here, of environments that could be built elsewhere
        self._room = asyncio.Semaphore(_BUILDS_AT_ONCE)

    @property
    def awaited(self) -> frozenset[str]:
        """The environments that are under way here: nothing can be started in them yet."""
        return frozenset(self._builds)

    async def run(self) -> None:
        """Build what is to be built, also what an earlier dispatcher has not finished, until the wake-ups are closed."""
        with self._wakeups.subscribe(ENVIRONMENTS) as subscription:
            while not self._wakeups.closed:
                await self.begin_all()
                await subscription.wait(_LONGEST_PAUSE)

    async def begin_all(self) -> None:
        """Begin to build what is to be built, unless it is under way here."""
        try:
            unfinished = await self._database.read(
                lambda repositories: repositories.environments.with_status(EnvironmentStatus.BUILDING)
            )
        except StorageError as error:
            logger.warning("builds of environments wait: %s %s", error, error.hint)
            return
        for environment in unfinished:
            self._begin(environment)

    async def close(self) -> None:
        """Break off what is being built; the next dispatcher begins it again."""
        builds = list(self._builds.values())
        for build in builds:
            build.cancel()
        await asyncio.gather(*builds, return_exceptions=True)

    async def require(self, digest: str) -> None:
        """See that programs can be started in an environment, and note that one is.

        Raises:
            BuildFailedError: It could not be built.
            EnvironmentAwaitedError: It is being built, perhaps again; the queue is woken when it is there.
        """
        environment = await stored_environment(self._database, digest)
        if environment.status is EnvironmentStatus.FAILED:
            raise BuildFailedError(environment.message or "", hint=_UPLOAD_AGAIN)
        if environment.status is EnvironmentStatus.READY and self._builder.has_built(digest):
            await self._note_use(environment)
            return
        if digest in self._failures:  # who asks next has it tried again
            raise BuildFailedError(self._failures.pop(digest), hint=_UPLOAD_AGAIN)
        self._begin(environment)
        raise EnvironmentAwaitedError(f"The environment {digest} is being built.")

    def _begin(self, environment: Environment) -> None:
        if environment.digest not in self._builds:
            build = asyncio.create_task(self._build(environment))
            self._builds[environment.digest] = build
            build.add_done_callback(lambda done: self._built(environment.digest, done))

    async def _build(self, environment: Environment) -> None:
        async with self._room:
            try:
                log = await self._built_patiently(environment)
            except BuildFailedError as error:
                await self._fail(environment, error)
                return
            await self._make_room(environment.digest)
        await self._store(environment, log)
        await self._engines.prepare(environment.digest)

    def _built(self, digest: str, build: "asyncio.Task[None]") -> None:
        del self._builds[digest]
        self._wakeups.publish(QUEUE)
        if build.cancelled() or (error := build.exception()) is None:
            return
        if isinstance(error, EngineUnavailableError):  # it stays BUILDING
            logger.warning("the environment %s is not built yet: %s %s", digest, error, error.hint)
        else:
            logger.error("the environment %s is not built: %s", digest, error, exc_info=error)

    async def _built_patiently(self, environment: Environment) -> str:
        """Build an environment, again if the machine was in trouble, and return what the build printed."""
        for tries, pause in enumerate(_pauses(), start=1):
            try:
                return await self._builder.build(environment.lock)
            except BuilderUnavailableError as error:
                if tries == _TRIES:
                    raise BuildFailedError(str(error), hint=error.hint) from error
                logger.warning("the environment %s is tried again: %s", environment.digest, error)
            await asyncio.sleep(pause)
        raise AssertionError  # the pauses never end

    async def _fail(self, environment: Environment, error: BuildFailedError) -> None:
        """Note that an environment cannot be built, unless it could be elsewhere: then it is a matter of this machine."""
        digest, message = environment.digest, str(error)

        async def store() -> bool:
            await self._objects.put(log_key(digest), (error.log or message).encode())
            return await self._database.write(lambda repositories: repositories.environments.fail(digest, message))

        if not await _patiently(store):
            self._failures[digest] = message

    async def _store(self, environment: Environment, log: str) -> None:
        """Note that an environment could be built."""
        ready = replace(environment, status=EnvironmentStatus.READY, message=None, used=self._clock.now())

        async def store() -> None:
            await self._objects.put(log_key(environment.digest), log.encode())
            await self._database.write(lambda repositories: repositories.environments.put(ready))

        await _patiently(store)

    async def _note_use(self, environment: Environment) -> None:
        now = self._clock.now()
        if now - environment.used >= _NOTED_EVERY:
            used = replace(environment, used=now)
            await self._database.write(lambda repositories: repositories.environments.put(used))

    async def _make_room(self, newest: str) -> None:
        """Remove the least recently used environments from disk while all together take too much room."""
        order = await self._database.read(lambda repositories: repositories.environments.last_used())
        sizes = self._builder.sizes()
        too_much = sum(sizes.values()) - self._kept_bytes
        for digest in oldest_first(order, sizes):
            if too_much <= 0:
                return
            if digest != newest and not await self._is_needed(digest):
                too_much -= sizes[digest]
                await self._remove(digest)

    async def _is_needed(self, digest: str) -> bool:
        """Return whether an environment is needed now. It is asked right before a removal: removals take seconds."""
        on_engine = await self._database.read(lambda repositories: repositories.environments.on_engine())
        return digest in on_engine or digest in self._builds

    async def _remove(self, digest: str) -> None:
        await self._engines.release(digest)
        try:
            await self._builder.remove(digest)
        except OSError as error:
            logger.warning("the environment %s cannot be removed: %s", digest, error)


def _pauses() -> Iterator[float]:
    """Yield the seconds to wait between tries, each longer than the one before."""
    pause = _FIRST_PAUSE
    while True:
        yield pause
        pause = min(2 * pause, _LONGEST_PAUSE)


async def _patiently(store: Callable[[], Awaitable[T]]) -> T:
    """Store what became of an environment: jobs wait for that, so a full disk only puts it off."""
    for pause in _pauses():
        try:
            return await store()
        except StorageError as error:
            logger.warning("what became of an environment cannot be stored yet: %s", error)
        await asyncio.sleep(pause)
    raise AssertionError  # the pauses never end
