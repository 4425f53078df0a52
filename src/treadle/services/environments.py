"""Environments of functions: chosen at upload, built in the background, kept while they are of use."""

import asyncio
import logging
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from treadle.domain.allow_list import AllowList
from treadle.domain.environments import Environment, EnvironmentStatus
from treadle.domain.errors import (
    BuildFailedError,
    EnvironmentAwaitedError,
    InvalidError,
    StorageError,
)
from treadle.domain.requirements import REQUIREMENTS_FILE, normalised, of_file, of_script
from treadle.ports.clock import Clock
from treadle.ports.environments import EnvironmentBuilder
from treadle.ports.repositories import Database, Repositories
from treadle.ports.wakeups import QUEUE, WakeUps
from treadle.services.engines import Engines

logger = logging.getLogger(__name__)

_NOTED_EVERY = timedelta(minutes=1)
_BUILDS_AT_ONCE = 2
_FIRST_PAUSE = 1.0
_LONGEST_PAUSE = 30.0
_UPLOAD_AGAIN = (
    "Correct the dependencies and upload the function again; `treadle function environment` shows the whole log."
)


@dataclass(frozen=True, slots=True)
class EnvironmentTerms:
    """What the operator has set.

    Attributes:
        allowed: The packages that functions may ask for, None for all.
        kept_bytes: How much room environments may take on disk.
    """

    allowed: AllowList | None
    kept_bytes: int


class Environments:
    """Use cases about environments."""

    def __init__(
        self,
        database: Database,
        builder: EnvironmentBuilder,
        engines: Engines,
        wakeups: WakeUps,
        clock: Clock,
        terms: EnvironmentTerms,
    ) -> None:
        self._database = database
        self._builder = builder
        self._engines = engines
        self._wakeups = wakeups
        self._clock = clock
        self._terms = terms
        self._builds: dict[str, asyncio.Task[None]] = {}
        self._room = asyncio.Semaphore(_BUILDS_AT_ONCE)

    def allowed(self) -> list[str]:
        """Return the requirements from which functions may choose; empty if they may ask for anything."""
        return list(self._terms.allowed.entries) if self._terms.allowed else []

    async def choose(self, dependencies: Iterable[str], declared: Iterable[str]) -> Environment | None:
        """Return the environment for a function: a stored one, a new one, or None for the platform's own.

        Args:
            dependencies: What its author listed beside the program.
            declared: What the artifact itself asks for.

        Raises:
            InvalidError: A requirement is malformed or not allowed, or all together cannot be solved.
            SolverUnavailableError: The solver could not do its work.
        """
        requirements = normalised([*dependencies, *declared])
        if self._terms.allowed is not None:
            requirements = self._terms.allowed.narrowed(requirements)
        if not requirements or await asyncio.to_thread(self._builder.has_installed, requirements):
            return None
        known = await self._database.read(lambda repositories: repositories.environments.by_requirements(requirements))
        if known is not None and known.status is not EnvironmentStatus.FAILED and self._builder.is_current(known.lock):
            return known
        lock = await self._builder.solve(requirements)
        now = self._clock.now()
        return Environment(lock, requirements, EnvironmentStatus.BUILDING, now, now)

    def declared(self, files: Mapping[str, memoryview], entrypoint: str) -> list[str]:
        """Return the requirements that an artifact declares.

        Args:
            files: What its files hold.
            entrypoint: Path of its program.

        Raises:
            InvalidError: They cannot be read, or the program wants another version of Python.
        """
        program, listed = (bytes(files.get(path, b"")) for path in (entrypoint, REQUIREMENTS_FILE))
        return [*of_file(listed), *of_script(program, self._builder.python)]

    @staticmethod
    def record(repositories: Repositories, environment: Environment | None) -> str | None:
        """Store a chosen environment in the transaction of an upload. Returns its digest, None for the platform's own."""
        if environment is None:
            return None
        known = repositories.environments.get(environment.digest)
        if known is None or known.status is EnvironmentStatus.FAILED:
            repositories.environments.put(environment)
        return environment.digest

    async def begin(self, digest: str) -> None:
        """Have an environment built that `record` has stored, unless it is there or under way."""
        self._begin(await self._get(digest))

    async def open(self) -> None:
        """Go on with the builds that an earlier gateway did not finish."""
        unfinished = await self._database.read(
            lambda repositories: repositories.environments.with_status(EnvironmentStatus.BUILDING)
        )
        for environment in unfinished:
            self._begin(environment)

    async def close(self) -> None:
        """Break off what is being built; the next gateway begins it again."""
        builds = list(self._builds.values())
        for build in builds:
            build.cancel()
        await asyncio.gather(*builds, return_exceptions=True)

    async def require(self, digest: str) -> None:
        """See that programs can be started in an environment, and note that one is.

        Raises:
            BuildFailedError: It could not be built.
            EnvironmentAwaitedError: It was missing and is being built again; the queue is woken when it is there.
        """
        environment = await self._get(digest)
        if environment.status is EnvironmentStatus.FAILED:
            raise BuildFailedError(environment.message or "", hint=_UPLOAD_AGAIN)
        if environment.status is EnvironmentStatus.READY and self._builder.has_built(digest):
            if self._clock.now() - environment.used >= _NOTED_EVERY:
                await self._store(replace(environment, used=self._clock.now()))
            return
        await self._rebuild(environment)
        raise EnvironmentAwaitedError(f"The environment {digest} is being built.")

    async def build_again(self, digest: str) -> Environment:
        """Have an environment built whose build has failed; harmless for others. Returns what it is now."""
        environment = await self._get(digest)
        if environment.status is EnvironmentStatus.FAILED:
            return await self._rebuild(environment)
        return environment

    async def show(self, digest: str) -> tuple[Environment, str]:
        """Return an environment and the log of its last build, empty where there is none yet."""
        return await self._get(digest), await asyncio.to_thread(self._builder.build_log, digest) or ""

    def _begin(self, environment: Environment) -> None:
        if environment.status is EnvironmentStatus.BUILDING and environment.digest not in self._builds:
            build = asyncio.create_task(self._build(environment))
            self._builds[environment.digest] = build
            build.add_done_callback(lambda done: self._built(environment.digest, done))

    async def _rebuild(self, environment: Environment) -> Environment:
        building = replace(environment, status=EnvironmentStatus.BUILDING, message=None)
        if building != environment:  # else its build may just have ended, and what became of it is stored
            await self._store(building)
        self._begin(building)
        return building

    async def _build(self, environment: Environment) -> None:
        async with self._room:
            try:
                await self._builder.build(environment.lock)
            except BuildFailedError as error:
                ended = replace(environment, status=EnvironmentStatus.FAILED, message=str(error))
            else:
                await self._make_room(environment.digest)
                ended = replace(environment, status=EnvironmentStatus.READY, used=self._clock.now())
        await self._store_patiently(ended)
        self._wakeups.publish(QUEUE)
        if ended.status is EnvironmentStatus.READY:
            await self._engines.prepare(environment.digest)

    def _built(self, digest: str, build: "asyncio.Task[None]") -> None:
        del self._builds[digest]
        if not build.cancelled() and (error := build.exception()) is not None:
            logger.error("the environment %s is not built: %s", digest, error, exc_info=error)

    async def _make_room(self, newest: str) -> None:
        """Remove the least recently used environments from disk while all together take too much room."""
        order = await self._database.read(lambda repositories: repositories.environments.last_used())
        sizes = self._builder.sizes()
        too_much = sum(sizes.values()) - self._terms.kept_bytes
        for digest in _oldest_first(order, sizes):
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

    async def _store_patiently(self, environment: Environment) -> None:
        """Store what became of an environment: jobs wait for that, so a full disk only puts it off."""
        pause = _FIRST_PAUSE
        while True:
            try:
                return await self._store(environment)
            except StorageError as error:
                logger.warning("that an environment is %s cannot be stored yet: %s", environment.status, error)
            await asyncio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    async def _get(self, digest: str) -> Environment:
        found = await self._database.read(lambda repositories: repositories.environments.get(digest))
        if found is None:
            raise InvalidError(f"There is no environment {digest}.")
        return found

    async def _store(self, environment: Environment) -> None:
        def work(repositories: Repositories) -> None:
            repositories.environments.put(environment)

        await self._database.write(work)


def _oldest_first(order: Sequence[str], sizes: dict[str, int]) -> Iterator[str]:
    """Yield the environments on disk: first those that nobody knows, then the least recently used."""
    unknown = sorted(sizes.keys() - set(order))
    return (digest for digest in (*unknown, *order) if digest in sizes)
