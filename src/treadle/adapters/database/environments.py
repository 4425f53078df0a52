"""Environments of functions in the database."""

import json
from typing import Any

from sqlalchemy import Connection, Row, Text, cast, insert, select, update

from treadle.adapters.database.tables import environments, function_versions, jobs
from treadle.domain.environments import Environment, EnvironmentStatus, Lock
from treadle.domain.lifecycle import ON_ENGINE


class DatabaseEnvironments:
    """`treadle.ports.repositories.EnvironmentRepository` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def get(self, digest: str) -> Environment | None:
        """Return an environment."""
        row = self._connection.execute(select(environments).where(environments.c.digest == digest)).first()
        return _environment(row) if row is not None else None

    def by_requirements(self, requirements: tuple[str, ...]) -> Environment | None:
        """Return the newest environment that was solved for exactly these requirements."""
        statement = select(environments).where(cast(environments.c.requirements, Text) == json.dumps(requirements))
        row = self._connection.execute(statement.order_by(environments.c.created.desc())).first()
        return _environment(row) if row is not None else None

    def put(self, environment: Environment) -> None:
        """Store an environment, or its new status, message and times."""
        changing = {"status": environment.status, "message": environment.message, "used": environment.used}
        known = environments.c.digest == environment.digest
        if self._connection.execute(update(environments).where(known).values(**changing)).rowcount == 0:
            self._connection.execute(
                insert(environments).values(
                    digest=environment.digest,
                    lock=environment.lock.text,
                    requirements=list(environment.requirements),
                    created=environment.created,
                    **changing,
                )
            )

    def fail(self, digest: str, message: str) -> bool:
        """Note that an environment could not be built. Returns False, and changes nothing, if it is not BUILDING any more."""
        building = (environments.c.digest == digest) & (environments.c.status == EnvironmentStatus.BUILDING)
        failed = {"status": EnvironmentStatus.FAILED, "message": message}
        return self._connection.execute(update(environments).where(building).values(**failed)).rowcount == 1

    def with_status(self, status: EnvironmentStatus) -> list[Environment]:
        """Return the environments with a status."""
        rows = self._connection.execute(select(environments).where(environments.c.status == status))
        return [_environment(row) for row in rows]

    def last_used(self) -> list[str]:
        """Return the digests of all environments, the least recently used first."""
        rows = self._connection.execute(select(environments.c.digest).order_by(environments.c.used))
        return [row.digest for row in rows]

    def on_engine(self) -> set[str]:
        """Return the digests of the environments of jobs that an engine has."""
        statement = (
            select(function_versions.c.environment_digest)
            .join(jobs, jobs.c.version_id == function_versions.c.id)
            .where(jobs.c.status.in_(ON_ENGINE), function_versions.c.environment_digest.is_not(None))
        )
        return {row.environment_digest for row in self._connection.execute(statement)}


def _environment(row: Row[Any]) -> Environment:
    return Environment(
        Lock(row.digest, row.lock),
        tuple(row.requirements),
        EnvironmentStatus(row.status),
        row.created,
        row.used,
        row.message,
    )
