"""Where users, groups, providers, functions and jobs are kept.

All methods work inside one transaction, which `Database.write` or `Database.read` opens and ends. They are synchronous: an
adapter decides whether a transaction runs in the event loop (SQLite: microseconds) or in a thread.
"""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from treadle.domain.environments import Environment, EnvironmentStatus
from treadle.domain.files import FileRecord
from treadle.domain.functions import Function, FunctionVersion
from treadle.domain.providers import Grant, Provider
from treadle.domain.tokens import StoredToken
from treadle.domain.users import Group, User
from treadle.domain.versions import ListedVersion
from treadle.ports.job_repository import JobRepository

T = TypeVar("T")


class UserRepository(Protocol):
    """Users and the digests of their tokens. A user comes with the groups that the same statement found."""

    def add(self, user: User, created: datetime) -> None:
        """Store a new user, who is in no group yet."""

    def by_id(self, user_id: str) -> User | None:
        """Return the user with this identifier."""

    def by_name(self, name: str) -> User | None:
        """Return the user with this name."""

    def by_token(self, digest: str) -> User | None:
        """Return the user whose token has this digest."""

    def add_token(self, user_id: str, digest: str, created: datetime) -> None:
        """Let a token identify a user from now on; harmless when it already does."""

    def all(self) -> list[User]:
        """Return all users, by name."""

    def tokens(self, user_id: str) -> list[StoredToken]:
        """Return a user's tokens, the oldest first."""

    def remove_token(self, digest: str) -> None:
        """Let a token identify nobody any more."""


class GroupRepository(Protocol):
    """Groups and their members."""

    def add(self, group: Group, created: datetime) -> None:
        """Store a new group."""

    def by_name(self, name: str) -> Group | None:
        """Return the group with this name."""

    def all(self) -> list[Group]:
        """Return all groups, by name."""

    def members(self, group_id: str) -> list[str]:
        """Return the names of a group's members, in order."""

    def add_member(self, group_id: str, user_id: str) -> None:
        """Make a user a member; harmless when the user is one already."""

    def remove_member(self, group_id: str, user_id: str) -> bool:
        """End a user's membership. Returns whether there was one."""


class ProviderRepository(Protocol):
    """Providers and the groups that act for them."""

    def add(self, provider: Provider, created: datetime) -> None:
        """Store a new provider, for which nobody acts yet."""

    def by_name(self, name: str) -> Provider | None:
        """Return the provider with this name."""

    def all(self) -> list[Provider]:
        """Return all providers, by name."""

    def add_admins(self, provider_id: str, group_id: str) -> None:
        """Let the members of a group act for a provider; harmless when they already do."""

    def remove_admins(self, provider_id: str, group_id: str) -> bool:
        """Let the members of a group no longer act for a provider. Returns whether they did."""


class FunctionRepository(Protocol):
    """Functions and their versions."""

    def add(self, function: Function) -> None:
        """Store a new function with its first version."""

    def add_version(self, function_id: str, version: FunctionVersion, created: datetime) -> None:
        """Store a new version and make it the current one."""

    def make_current(self, function_id: str, version_id: str, user_id: str, since: datetime) -> None:
        """Let new jobs run a version from now on.

        Args:
            function_id: The function.
            version_id: The version, one of its own.
            user_id: Who wants it.
            since: When.
        """

    def next_number(self, function_id: str) -> int:
        """Return the number of the next version; nobody else gets it before this transaction ends."""

    def get(self, function_id: str) -> Function | None:
        """Return a function, at its current version."""

    def by_title(self, author_id: str, title: str) -> Function | None:
        """Return an author's function without a provider, at its current version."""

    def of_provider(self, provider: str, title: str) -> Function | None:
        """Return the function of the provider with this name, at its current version."""

    def version(self, version_id: str) -> FunctionVersion:
        """Return one version. It must exist: jobs refer to it."""

    def numbered(self, function_id: str, number: int) -> FunctionVersion | None:
        """Return the version of a function with this number."""

    def labelled(self, function_id: str, label: str) -> FunctionVersion | None:
        """Return the newest version of a function with this label of its author."""

    def versions(self, function_id: str) -> list[ListedVersion]:
        """Return all versions of a function, the newest first."""

    def near(self, user: User) -> list[Function]:
        """Return the functions a user wrote and those the user's groups have to do with, by title.

        These are all that the rules of `treadle.domain.access` can be about; the rules decide.
        """

    def titles(self, provider_id: str) -> list[str]:
        """Return the titles of a provider's functions, in order."""

    def grant(self, function_id: str, grant: Grant) -> None:
        """Let the members of a group see or run a function, in place of what they were granted before."""

    def revoke(self, function_id: str, group_id: str) -> bool:
        """Take back what the members of a group were granted. Returns whether there was anything."""

    def disable(self, function_id: str, message: str | None) -> None:
        """Let nobody run a function, and `message` tell why; with None everybody may again."""


class EnvironmentRepository(Protocol):
    """Environments of functions."""

    def get(self, digest: str) -> Environment | None:
        """Return an environment."""

    def by_requirements(self, requirements: tuple[str, ...]) -> Environment | None:
        """Return the newest environment that was solved for exactly these requirements."""

    def put(self, environment: Environment) -> None:
        """Store an environment, or its new status, message and times."""

    def fail(self, digest: str, message: str) -> bool:
        """Note that an environment could not be built. Returns False, and changes nothing, if it is not BUILDING any more."""

    def with_status(self, status: EnvironmentStatus) -> list[Environment]:
        """Return the environments with a status."""

    def last_used(self) -> list[str]:
        """Return the digests of all environments, the least recently used first."""

    def on_engine(self) -> set[str]:
        """Return the digests of the environments of jobs that an engine has."""


class FileRepository(Protocol):
    """Files whose content lies in an object store: by the name of their space and their path, and the objects nothing needs."""

    def get(self, space: str, path: str) -> FileRecord | None:
        """Return what is noted of a file."""

    def some(self, space: str, paths: Sequence[str]) -> list[FileRecord]:
        """Return what is noted of those of some files that are there."""

    def below(self, space: str, folder: str, most: int) -> list[FileRecord]:
        """Return what is noted of the files in a folder and in those below it, in order of their paths, up to `most`.

        An empty `folder` means the whole space.
        """

    def names(self, space: str) -> list[str]:
        """Return the names of the files that lie directly in a space, in order."""

    def clash(self, space: str, paths: Sequence[str]) -> str | None:
        """Return one of some paths that no file can have: a folder has it, or a file has that of one of its folders."""

    def put(self, space: str, records: Sequence[FileRecord], now: datetime) -> None:
        """Note files, in place of those that had their paths; what only those needed is dropped."""

    def remove(self, space: str, paths: Sequence[str], now: datetime) -> int:
        """Forget files; what only those needed is dropped. Returns how many there were."""

    def drop(self, key: str, now: datetime) -> None:
        """Note that no file needs an object, or none does yet."""

    def keep(self, key: str, since: datetime) -> bool:
        """Take back `drop`. Returns whether it was noted, at that time or later."""

    def dropped(self, before: datetime, most: int) -> list[str]:
        """Return up to `most` objects that were dropped before a time, the longest ago first."""

    def forget(self, keys: Sequence[str]) -> None:
        """Forget objects that were dropped and are deleted."""


class Repositories(Protocol):
    """What a transaction works on."""

    @property
    def users(self) -> UserRepository:
        """Users and tokens."""

    @property
    def groups(self) -> GroupRepository:
        """Groups and their members."""

    @property
    def providers(self) -> ProviderRepository:
        """Providers."""

    @property
    def functions(self) -> FunctionRepository:
        """Functions and their versions."""

    @property
    def jobs(self) -> JobRepository:
        """Jobs and their history."""

    @property
    def environments(self) -> EnvironmentRepository:
        """Environments of functions."""

    @property
    def files(self) -> FileRepository:
        """Files whose content lies in an object store."""


class Database(Protocol):
    """Runs transactions."""

    async def write(self, work: Callable[[Repositories], T]) -> T:
        """Run `work` in a transaction and return what it returns, after the commit.

        An exception of `work` rolls everything back and is raised again.

        Raises:
            treadle.domain.errors.StorageError: The database refuses to write.
            treadle.domain.errors.StorageUnavailableError: It does not answer; nothing is stored.
            treadle.domain.errors.OutcomeUnknownError: It went away in the middle of the commit.
        """

    async def read(self, work: Callable[[Repositories], T]) -> T:
        """Run `work`, which only reads, and return what it returns."""

    async def close(self) -> None:
        """Release all connections."""
