"""Providers and their functions, for the operator: who acts for whom, who sees and runs what, what is disabled."""

from collections.abc import Callable
from dataclasses import dataclass

from treadle.domain.errors import InvalidError, NotFoundError
from treadle.domain.functions import Function, full_name
from treadle.domain.ids import new_id
from treadle.domain.providers import Grant, Provider, check_provider_name
from treadle.ports.clock import Clock
from treadle.ports.repositories import Database, Repositories
from treadle.services.accounts import the_group, the_user


@dataclass(frozen=True, slots=True)
class Organisation:
    """A provider as the operator sees it.

    Attributes:
        name: Name.
        registry: Where the images of its functions must come from, None for anywhere.
        admin_groups: Names of the groups whose members act for it, in order.
        functions: Titles of its functions, in order.
    """

    name: str
    registry: str | None
    admin_groups: list[str]
    functions: list[str]


@dataclass(frozen=True, slots=True)
class NamedGrant:
    """What a function is to a group.

    Attributes:
        group: Name of the group.
        may_run: Whether its members may run it; they only see it otherwise.
        trial: Whether their jobs are trials.
    """

    group: str
    may_run: bool
    trial: bool


@dataclass(frozen=True, slots=True)
class FunctionName:
    """Which function the operator means.

    Attributes:
        title: Its title.
        provider: Its provider, None for a function of its author alone.
        author: Name of its author, which tells functions without a provider apart.
    """

    title: str
    provider: str | None
    author: str


class Publishing:
    """Use cases about providers and access to functions."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    async def add_provider(self, name: str, registry: str | None) -> None:
        """Make a provider.

        Raises:
            InvalidError: There is one with this name already, or it cannot be a name.
        """
        check_provider_name(name)

        def work(repositories: Repositories) -> None:
            if repositories.providers.by_name(name) is not None:
                raise InvalidError(f"There is a provider {name} already.")
            repositories.providers.add(Provider(new_id(), name, registry), self._clock.now())

        await self._database.write(work)

    async def organisations(self) -> list[Organisation]:
        """Return all providers, by name."""

        def work(repositories: Repositories) -> list[Organisation]:
            names = {group.id: group.name for group in repositories.groups.all()}
            return [
                Organisation(
                    provider.name,
                    provider.registry,
                    sorted(names[group] for group in provider.admin_groups),
                    repositories.functions.titles(provider.id),
                )
                for provider in repositories.providers.all()
            ]

        return await self._database.read(work)

    async def add_admins(self, provider: str, group: str) -> None:
        """Let the members of a group act for a provider.

        Raises:
            NotFoundError: There is no such provider or group.
        """
        await self._database.write(
            lambda repositories: repositories.providers.add_admins(
                _the_provider(repositories, provider).id, the_group(repositories, group).id
            )
        )

    async def remove_admins(self, provider: str, group: str) -> None:
        """Let the members of a group no longer act for a provider.

        Raises:
            NotFoundError: There is no such provider or group, or its members do not act for it.
        """

        def work(repositories: Repositories) -> None:
            provider_id, group_id = _the_provider(repositories, provider).id, the_group(repositories, group).id
            if not repositories.providers.remove_admins(provider_id, group_id):
                raise NotFoundError(f"The group {group} does not act for the provider {provider}.")

        await self._database.write(work)

    async def share(self, name: FunctionName, group: str, *, may_run: bool, trial: bool) -> None:
        """Let the members of a group see or run a provider's function, in place of what they were granted before.

        Raises:
            NotFoundError: There is no such function or group.
            InvalidError: The function has no provider.
        """

        def work(repositories: Repositories) -> None:
            function = _the_published_function(repositories, name)
            grant = Grant(the_group(repositories, group).id, may_run, trial)
            repositories.functions.grant(function.id, grant)

        await self._database.write(work)

    async def unshare(self, name: FunctionName, group: str) -> None:
        """Take back what the members of a group were granted.

        Raises:
            NotFoundError: There is no such function or group, or nothing was granted.
            InvalidError: The function has no provider.
        """

        def work(repositories: Repositories) -> None:
            function = _the_published_function(repositories, name)
            if not repositories.functions.revoke(function.id, the_group(repositories, group).id):
                raise NotFoundError(f"{full_name(name.title, name.provider)} is not shared with the group {group}.")

        await self._database.write(work)

    async def grants(self, name: FunctionName) -> list[NamedGrant]:
        """Return with which groups a provider's function is shared, by name.

        Raises:
            NotFoundError: There is no such function.
            InvalidError: The function has no provider.
        """

        def work(repositories: Repositories) -> list[NamedGrant]:
            names = {group.id: group.name for group in repositories.groups.all()}
            grants = _the_published_function(repositories, name).grants
            return [NamedGrant(names[grant.group_id], grant.may_run, grant.trial) for grant in grants]

        return sorted(await self._database.read(work), key=lambda grant: grant.group)

    async def disable(self, name: FunctionName, message: str) -> None:
        """Let nobody run a function, and `message` tell why. Jobs that are there go on.

        Raises:
            NotFoundError: There is no such function.
            InvalidError: The message says nothing.
        """
        if not message.strip():
            raise InvalidError("The message is empty: say what those are told who run the function.")
        await self._database.write(_disabling(name, message))

    async def enable(self, name: FunctionName) -> None:
        """Let those run a function again who may.

        Raises:
            NotFoundError: There is no such function.
        """
        await self._database.write(_disabling(name, None))


def _disabling(name: FunctionName, message: str | None) -> Callable[[Repositories], None]:
    return lambda repositories: repositories.functions.disable(_the_function(repositories, name).id, message)


def _the_provider(repositories: Repositories, name: str) -> Provider:
    provider = repositories.providers.by_name(name)
    if provider is None:
        raise NotFoundError(f"There is no provider {name}.", hint="`treadle provider list` shows which there are.")
    return provider


def _the_function(repositories: Repositories, name: FunctionName) -> Function:
    if name.provider is not None:
        function = repositories.functions.of_provider(_the_provider(repositories, name.provider).name, name.title)
    else:
        function = repositories.functions.by_title(the_user(repositories, name.author).id, name.title)
    if function is None:
        whose = "" if name.provider else f" of {name.author}"
        raise NotFoundError(
            f"There is no function {full_name(name.title, name.provider)}{whose}.",
            hint="`treadle provider list` shows the functions of providers.",
        )
    return function


def _the_published_function(repositories: Repositories, name: FunctionName) -> Function:
    if name.provider is None:
        raise InvalidError(
            f"The function {name.title} has no provider, so it is its author's alone.",
            hint="Name it as PROVIDER/TITLE; an admin of the provider uploads it under that name.",
        )
    return _the_function(repositories, name)
