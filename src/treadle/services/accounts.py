"""Users, their tokens and their groups, for the operator of the platform."""

from dataclasses import dataclass

from treadle.domain.errors import InvalidError, NotFoundError
from treadle.domain.ids import new_id
from treadle.domain.tokens import StoredToken, new_token
from treadle.domain.users import Group, User, check_name
from treadle.ports.clock import Clock
from treadle.ports.repositories import Database, Repositories
from treadle.ports.secrets import Signer


@dataclass(frozen=True, slots=True)
class Account:
    """A user as the operator sees it.

    Attributes:
        name: Name.
        groups: Names of the user's groups, in order.
        tokens: The user's tokens, the oldest first.
    """

    name: str
    groups: list[str]
    tokens: list[StoredToken]


@dataclass(frozen=True, slots=True)
class Membership:
    """A group with its members.

    Attributes:
        name: Name of the group.
        members: Names of its members, in order.
    """

    name: str
    members: list[str]


class Accounts:
    """Use cases about users and groups."""

    def __init__(self, database: Database, signer: Signer, clock: Clock) -> None:
        self._database = database
        self._signer = signer
        self._clock = clock

    async def add_user(self, name: str) -> str:
        """Make a user. Returns the user's first token, which is nowhere else to be read.

        Raises:
            InvalidError: There is one with this name already, or it cannot be a name.
        """
        check_name("user", name)

        def work(repositories: Repositories) -> str:
            if repositories.users.by_name(name) is not None:
                raise InvalidError(
                    f"There is a user {name} already.", hint=f"`treadle user token {name}` gives another token."
                )
            user = User(new_id(), name)
            repositories.users.add(user, self._clock.now())
            return self._add_token(repositories, user)

        return await self._database.write(work)

    async def add_token(self, name: str) -> str:
        """Give a user one more token. Returns it; it is nowhere else to be read.

        Raises:
            NotFoundError: There is no such user.
        """
        return await self._database.write(
            lambda repositories: self._add_token(repositories, the_user(repositories, name))
        )

    async def all(self) -> list[Account]:
        """Return all users, by name."""

        def work(repositories: Repositories) -> list[Account]:
            names = {group.id: group.name for group in repositories.groups.all()}
            return [
                Account(user.name, sorted(names[group] for group in user.groups), repositories.users.tokens(user.id))
                for user in repositories.users.all()
            ]

        return await self._database.read(work)

    async def tokens(self, name: str) -> list[StoredToken]:
        """Return a user's tokens, the oldest first.

        Raises:
            NotFoundError: There is no such user.
        """
        return await self._database.read(
            lambda repositories: repositories.users.tokens(the_user(repositories, name).id)
        )

    async def revoke(self, name: str, token_id: str | None) -> int:
        """Let a token of a user, or all of them, identify nobody any more. Returns how many there were.

        Args:
            name: The user.
            token_id: Which token; None for all.

        Raises:
            NotFoundError: There is no such user, or the user has no such token.
        """

        def work(repositories: Repositories) -> int:
            tokens = repositories.users.tokens(the_user(repositories, name).id)
            revoked = [token for token in tokens if token_id in (None, token.id)]
            if token_id is not None and not revoked:
                raise NotFoundError(
                    f"The user {name} has no token {token_id}.", hint="`treadle user tokens` shows which there are."
                )
            for token in revoked:
                repositories.users.remove_token(token.digest)
            return len(revoked)

        return await self._database.write(work)

    async def add_group(self, name: str) -> None:
        """Make a group.

        Raises:
            InvalidError: There is one with this name already, or it cannot be a name.
        """
        check_name("group", name)

        def work(repositories: Repositories) -> None:
            if repositories.groups.by_name(name) is not None:
                raise InvalidError(f"There is a group {name} already.")
            repositories.groups.add(Group(new_id(), name), self._clock.now())

        await self._database.write(work)

    async def memberships(self) -> list[Membership]:
        """Return all groups, by name."""
        return await self._database.read(
            lambda repositories: [
                Membership(group.name, repositories.groups.members(group.id)) for group in repositories.groups.all()
            ]
        )

    async def add_members(self, group: str, names: list[str]) -> None:
        """Make users members of a group: all of them, or none when one is not known.

        Raises:
            NotFoundError: There is no such group or user.
        """

        def work(repositories: Repositories) -> None:
            group_id = the_group(repositories, group).id
            for name in names:
                repositories.groups.add_member(group_id, the_user(repositories, name).id)

        await self._database.write(work)

    async def remove_members(self, group: str, names: list[str]) -> None:
        """End memberships: all of them, or none when there is one that is not.

        Raises:
            NotFoundError: There is no such group or user, or the user is no member.
        """

        def work(repositories: Repositories) -> None:
            group_id = the_group(repositories, group).id
            for name in names:
                if not repositories.groups.remove_member(group_id, the_user(repositories, name).id):
                    raise NotFoundError(f"The user {name} is no member of the group {group}.")

        await self._database.write(work)

    def _add_token(self, repositories: Repositories, user: User) -> str:
        token = new_token()
        repositories.users.add_token(user.id, self._signer.digest(token), self._clock.now())
        return token


def the_user(repositories: Repositories, name: str) -> User:
    """Return the user with this name.

    Raises:
        NotFoundError: There is none.
    """
    user = repositories.users.by_name(name)
    if user is None:
        raise NotFoundError(f"There is no user {name}.", hint="`treadle user list` shows which there are.")
    return user


def the_group(repositories: Repositories, name: str) -> Group:
    """Return the group with this name.

    Raises:
        NotFoundError: There is none.
    """
    group = repositories.groups.by_name(name)
    if group is None:
        raise NotFoundError(f"There is no group {name}.", hint="`treadle group list` shows which there are.")
    return group
