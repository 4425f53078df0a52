"""Environments of functions as users see them: chosen at upload, and shown. `EnvironmentBuilds` has them built."""

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import replace

from treadle.domain.allow_list import AllowList
from treadle.domain.environments import Environment, EnvironmentStatus, Lock
from treadle.domain.errors import InvalidError
from treadle.domain.requirements import REQUIREMENTS_FILE, normalised, of_file, of_script
from treadle.ports.clock import Clock
from treadle.ports.environments import EnvironmentSolver
from treadle.ports.objects import ObjectStore
from treadle.ports.repositories import Database, Repositories
from treadle.ports.wakeups import ENVIRONMENTS, WakeUps


class Environments:
    """Use cases about environments that any gateway serves. What is to be built it only notes."""

    def __init__(
        self,
        database: Database,
        solver: EnvironmentSolver,
        objects: ObjectStore,
        wakeups: WakeUps,
        clock: Clock,
        allowed: AllowList | None,
    ) -> None:
        """Serve environments.

        Args:
            database: Where their locks are.
            solver: Finds out what they hold.
            objects: Where the logs of their builds are.
            wakeups: Wakes those who build.
            clock: The time.
            allowed: The packages that functions may ask for, None for all.
        """
        self._database = database
        self._solver = solver
        self._objects = objects
        self._wakeups = wakeups
        self._clock = clock
        self._allowed = allowed

    def allowed(self) -> list[str]:
        """Return the requirements from which functions may choose; empty if they may ask for anything."""
        return list(self._allowed.entries) if self._allowed else []

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
        if self._allowed is not None:
            requirements = self._allowed.narrowed(requirements)
        if not requirements or await asyncio.to_thread(self._solver.has_installed, requirements):
            return None
        known = await self._database.read(lambda repositories: repositories.environments.by_requirements(requirements))
        if known is not None and known.status is not EnvironmentStatus.FAILED and self._solver.is_current(known.lock):
            return known
        lock = await self._solver.solve(requirements)
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
        return [*of_file(listed), *of_script(program, self._solver.python)]

    @staticmethod
    def record(repositories: Repositories, environment: Environment | None) -> str | None:
        """Store a chosen environment in the transaction of an upload. Returns its digest, None for the platform's own."""
        if environment is None:
            return None
        known = repositories.environments.get(environment.digest)
        if known is None or known.status is EnvironmentStatus.FAILED:
            repositories.environments.put(environment)
        return environment.digest

    def announce(self) -> None:
        """Wake those who build. To be called after the commit of what `record` has stored."""
        self._wakeups.publish(ENVIRONMENTS)

    async def build_again(self, digest: str) -> Environment:
        """Have an environment built whose build has failed; harmless for others. Returns what it is now."""
        environment = await stored_environment(self._database, digest)
        if environment.status is EnvironmentStatus.FAILED:
            environment = replace(environment, status=EnvironmentStatus.BUILDING, message=None)
            await self._database.write(lambda repositories: repositories.environments.put(environment))
            self.announce()
        return environment

    async def show(self, digest: str) -> tuple[Environment, str]:
        """Return an environment and the log of its last build, empty where there is none yet."""
        log = await self._objects.get(log_key(digest)) or b""
        return await stored_environment(self._database, digest), log.decode(errors="replace")

    async def lock(self, digest: str) -> Lock:
        """Return the lock of an environment, for a machine that has to build it."""
        return (await stored_environment(self._database, digest)).lock


async def stored_environment(database: Database, digest: str) -> Environment:
    """Return an environment.

    Raises:
        InvalidError: There is none.
    """
    found = await database.read(lambda repositories: repositories.environments.get(digest))
    if found is None:
        raise InvalidError(f"There is no environment {digest}.")
    return found


def log_key(digest: str) -> str:
    """Return the key of an environment's build log in the object store."""
    return f"environments/{digest}.log"
