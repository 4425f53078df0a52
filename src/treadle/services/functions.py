"""Finding functions, and whether they are for who asks."""

from collections.abc import Callable

from treadle.domain.access import administers, may_change, may_run, may_see
from treadle.domain.errors import DisabledError, NotFoundError
from treadle.domain.functions import Catalog, Function, FunctionVersion, full_name
from treadle.domain.privacy import function_without_code
from treadle.domain.providers import Provider
from treadle.domain.users import User
from treadle.ports.repositories import Database, Repositories
from treadle.ports.secrets import Signer

Rule = Callable[[User, Function], bool]


class Functions:
    """Use cases about functions that were uploaded. Those who may not change a function get it without its code."""

    def __init__(self, database: Database, signer: Signer) -> None:
        self._database = database
        self._signer = signer

    async def get(self, user: User, title: str, provider: str | None = None) -> Function:
        """Return a function the user may see.

        Raises:
            NotFoundError: There is none with this title, or the user may not see it.
        """
        return as_shown(user, await self._found(user, title, provider, may_see))

    async def runnable(self, user: User, title: str, provider: str | None = None) -> Function:
        """Return a function the user may run now.

        Raises:
            NotFoundError: There is none with this title, or the user may not run it.
            DisabledError: Nobody may run it now.
        """
        function = await self._found(user, title, provider, may_run)
        if function.disabled_message is not None:
            raise DisabledError(function.disabled_message)
        return as_shown(user, function)

    async def open_to(self, user: User, title: str, provider: str | None = None) -> Function:
        """Return a function the user may run when it is not disabled, and may keep files for at any time.

        Raises:
            NotFoundError: There is none with this title, or the user may not run it.
        """
        return as_shown(user, await self._found(user, title, provider, may_run))

    async def changeable(self, user: User, title: str, provider: str | None = None) -> Function:
        """Return a function the user may change.

        Raises:
            NotFoundError: There is no such provider the user acts for, or no function with this title.
        """
        if provider is not None:
            await self.provider(user, provider)
        return await self._found(user, title, provider, may_change)

    async def provider(self, user: User, name: str) -> Provider:
        """Return a provider the user acts for.

        Raises:
            NotFoundError: There is none with this name, or the user does not act for it.
        """
        provider = await self._database.read(lambda repositories: repositories.providers.by_name(name))
        if provider is None or not administers(user, provider):
            raise NotFoundError(f"Provider {name} doesn't exist.")
        return provider

    async def visible(self, user: User, catalog: Catalog = Catalog.ALL, provider: str | None = None) -> list[Function]:
        """Return the functions a user may see, by title.

        Args:
            user: The user.
            catalog: Which part of them.
            provider: Only those of this provider; None for all.
        """
        near = await self._database.read(lambda repositories: repositories.functions.near(user))
        return [as_shown(user, each) for each in near if _in_part(user, each, catalog) and _is_of(each, provider)]

    async def _found(self, user: User, title: str, provider: str | None, rule: Rule) -> Function:
        function = await self._database.read(lambda repositories: find(repositories, user, title, provider))
        if function is None or not rule(user, function):
            raise NotFoundError(f"Qiskit Function {full_name(title, provider)} doesn't exist.")
        return function

    async def with_code(self, user: User, function_id: str) -> Function:
        """Return a function whose code the user may see and change.

        Raises:
            NotFoundError: There is none with this id, or its code is not theirs.
        """
        function = await self._database.read(lambda repositories: repositories.functions.get(function_id))
        if function is None or not may_change(user, function):
            raise NotFoundError(f"Qiskit Function {function_id} doesn't exist.")
        return function

    def unsealed(self, version: FunctionVersion) -> dict[str, str]:
        """Return the environment variables of a version as its programs see them."""
        return {
            name: self._signer.unseal(value) if _is_secret(name) else value for name, value in version.env_vars.items()
        }


def find(repositories: Repositories, user: User, title: str, provider: str | None) -> Function | None:
    """Return the function that a user means by title and provider, whether it is for the user or not."""
    if provider is not None:
        return repositories.functions.of_provider(provider, title)
    return repositories.functions.by_title(user.id, title)


def as_shown(user: User, function: Function) -> Function:
    """Return a function as a user may see it."""
    return function if may_change(user, function) else function_without_code(function)


def _in_part(user: User, function: Function, catalog: Catalog) -> bool:
    if catalog is Catalog.SERVERLESS:
        return function.provider is None and may_see(user, function)
    if catalog is Catalog.CATALOG:
        return function.provider is not None and may_run(user, function)
    return may_see(user, function)


def _is_of(function: Function, provider: str | None) -> bool:
    return provider is None or (function.provider is not None and function.provider.name == provider)


def seal(signer: Signer, env_vars: dict[str, str]) -> dict[str, str]:
    """Return environment variables as they are stored: with the values of secrets sealed."""
    return {name: signer.seal(value) if _is_secret(name) else value for name, value in env_vars.items()}


def comparable(signer: Signer, sealed: dict[str, str]) -> dict[str, str]:
    """Return environment variables with a keyed digest in the place of each secret: it is the same for the same secret."""
    return {name: signer.digest(signer.unseal(value)) if _is_secret(name) else value for name, value in sealed.items()}


def _is_secret(variable: str) -> bool:
    return "token" in variable.lower()
