"""Where users, groups, providers, functions and jobs are kept.

All methods work inside one transaction, which `Database.write` or `Database.read` opens and ends. They are synchronous: an
adapter decides whether a transaction runs in the event loop (SQLite: microseconds) or in a thread.
"""

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from treadle.domain.environments import Environment, EnvironmentStatus
from treadle.domain.files import FileRecord
from treadle.domain.functions import Function, FunctionVersion
from treadle.domain.jobs import EventRecord, Job, JobFilter, Placement, RuntimeJob, StoredEvent
from treadle.domain.lifecycle import JobState
from treadle.domain.providers import Grant, Provider
from treadle.domain.scheduling import ALL_PROFILES, ProfileChoice, QueuedJob
from treadle.domain.tokens import StoredToken
from treadle.domain.users import Group, User
from treadle.domain.versions import ListedVersion

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


class JobRepository(Protocol):
    """Jobs and their history."""

    def add(self, job: Job) -> None:
        """Store a new job."""

    def get(self, job_id: str) -> Job | None:
        """Return a job."""

    def change(
        self,
        job_id: str,
        before: JobState,
        after: JobState,
        *,
        lease_until: datetime | None = None,
        cause: object = None,
        placement: Placement | None = None,
    ) -> bool:
        """Move a job from one state to the next.

        Args:
            job_id: The job.
            before: The state it must be in; the guard against a change in between.
            after: The state it gets.
            lease_until: When the attempt counts as silent unless a heartbeat comes; None for states without a lease.
            cause: Why it failed, in JSON form.
            placement: Where the new attempt is; None for the place it has, of which a queued job has none.

        Returns:
            False when it was no longer in the state `before`; nothing is changed then.
        """

    def renew_lease(self, job_id: str, attempt: int, until: datetime) -> None:
        """Put off the time from which the attempt counts as silent."""

    def hold(
        self,
        job_id: str,
        attempt: int,
        holder: str | None,
        placement: Placement,
        until: datetime,
        *,
        lapsed: datetime | None = None,
    ) -> bool:
        """Let a dispatcher hold an attempt that is on an engine, for the first time or on.

        Args:
            job_id: The job.
            attempt: The attempt it must be in.
            holder: The dispatcher that must hold it before; None for nobody.
            placement: Where it is from now on.
            until: When its lease runs out.
            lapsed: Time before which its lease must have run out, if it must.

        Returns:
            False when it is no longer so; nothing is changed then.
        """

    def add_event(self, job_id: str, record: EventRecord, created: datetime) -> None:
        """Append a row to a job's history."""

    def events(self, job_id: str, after: int = 0) -> list[StoredEvent]:
        """Return the history after row number `after`, oldest first."""

    def put_runtime_job(self, job_id: str, runtime_job: RuntimeJob, created: datetime) -> None:
        """Note a job on a quantum computer; one that is noted already gets its session anew."""

    def runtime_jobs(self, job_id: str) -> list[RuntimeJob]:
        """Return what a job has started on quantum computers, the oldest first."""

    def page(self, author_id: str | None, job_filter: JobFilter) -> tuple[int, list[Job]]:
        """Return how many jobs match, and one page of them, newest first.

        Args:
            author_id: Whose jobs; None for everybody's.
            job_filter: Which of them.
        """

    def count_active(self, author_id: str) -> int:
        """Return how many jobs of a user are not yet in a terminal state."""

    def next_of_each_user(
        self, profiles: ProfileChoice = ALL_PROFILES, awaited: Collection[str] = ()
    ) -> list[QueuedJob]:
        """Return of each user the job that has waited longest and whose environment is not being built, the oldest first.

        What that takes does not depend on how long the queue is, where jobs with all profiles count.

        Args:
            profiles: With which compute profiles.
            awaited: Digests of environments that are built again where these jobs would run; they wait for those too.
        """

    def queued(
        self,
        author_ids: Iterable[str],
        per_author: int,
        profiles: ProfileChoice = ALL_PROFILES,
        awaited: Collection[str] = (),
    ) -> list[QueuedJob]:
        """Return waiting jobs of these users whose environment is not being built, the oldest first.

        Args:
            author_ids: Whose jobs.
            per_author: How many of each at most.
            profiles: With which compute profiles.
            awaited: Digests of environments that are built again where these jobs would run; they wait for those too.
        """

    def on_engine(self) -> list[Job]:
        """Return the jobs an engine has."""

    def active_by_author(self) -> Counter[str]:
        """Return how many jobs each user has on an engine."""

    def count_placed(self, placement: Placement) -> int:
        """Return how many jobs a dispatcher has on one of its engines."""

    def stopping(self, dispatcher: str) -> list[Job]:
        """Return the jobs of a dispatcher that are to be stopped."""

    def silent(self, now: datetime) -> Sequence[Job]:
        """Return the jobs on an engine whose lease ran out before `now`."""


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
