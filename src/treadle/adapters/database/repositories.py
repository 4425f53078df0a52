"""All repositories together, on one connection of whatever database."""

from dataclasses import dataclass

from sqlalchemy import Connection

from treadle.adapters.database.environments import DatabaseEnvironments
from treadle.adapters.database.files import DatabaseFiles
from treadle.adapters.database.functions import DatabaseFunctions
from treadle.adapters.database.groups import DatabaseGroups
from treadle.adapters.database.jobs import DatabaseJobs
from treadle.adapters.database.providers import DatabaseProviders
from treadle.adapters.database.users import DatabaseUsers


@dataclass
class DatabaseRepositories:
    """`treadle.ports.repositories.Repositories` on one connection."""

    users: DatabaseUsers
    groups: DatabaseGroups
    providers: DatabaseProviders
    functions: DatabaseFunctions
    jobs: DatabaseJobs
    environments: DatabaseEnvironments
    files: DatabaseFiles

    @classmethod
    def on(cls, connection: Connection) -> "DatabaseRepositories":
        """Return repositories that work on `connection`."""
        return cls(
            DatabaseUsers(connection),
            DatabaseGroups(connection),
            DatabaseProviders(connection),
            DatabaseFunctions(connection),
            DatabaseJobs(connection),
            DatabaseEnvironments(connection),
            DatabaseFiles(connection),
        )
