"""Finding functions."""

from treadle.domain.errors import NotFoundError
from treadle.domain.functions import Function, FunctionVersion, full_name
from treadle.domain.users import User
from treadle.ports.repositories import Database
from treadle.ports.secrets import Signer


class Functions:
    """Use cases about functions that were uploaded."""

    def __init__(self, database: Database, signer: Signer) -> None:
        self._database = database
        self._signer = signer

    async def get(self, user: User, title: str, provider: str | None = None) -> Function:
        """Return a function the user may see.

        Raises:
            NotFoundError: There is none with this title, or it belongs to somebody else.
        """
        function = None
        if provider is None:
            function = await self._database.read(lambda repositories: repositories.functions.by_title(user.id, title))
        if function is None:
            raise NotFoundError(f"Qiskit Function {full_name(title, provider)} doesn't exist.")
        return function

    async def visible(self, user: User) -> list[Function]:
        """Return the functions a user may see."""
        return await self._database.read(lambda repositories: repositories.functions.of_author(user.id))

    async def with_code(self, user: User, function_id: str) -> Function:
        """Return a function whose code the user may see and change.

        Raises:
            NotFoundError: There is none with this id, or its code is not theirs.
        """
        function = await self._database.read(lambda repositories: repositories.functions.get(function_id))
        if function is None or function.author_id != user.id:
            raise NotFoundError(f"Qiskit Function {function_id} doesn't exist.")
        return function

    def unsealed(self, version: FunctionVersion) -> dict[str, str]:
        """Return the environment variables of a version as its programs see them."""
        return {
            name: self._signer.unseal(value) if _is_secret(name) else value for name, value in version.env_vars.items()
        }


def seal(signer: Signer, env_vars: dict[str, str]) -> dict[str, str]:
    """Return environment variables as they are stored: with the values of secrets sealed."""
    return {name: signer.seal(value) if _is_secret(name) else value for name, value in env_vars.items()}


def comparable(signer: Signer, sealed: dict[str, str]) -> dict[str, str]:
    """Return environment variables with a keyed digest in the place of each secret: it is the same for the same secret."""
    return {name: signer.digest(signer.unseal(value)) if _is_secret(name) else value for name, value in sealed.items()}


def _is_secret(variable: str) -> bool:
    return "token" in variable.lower()
