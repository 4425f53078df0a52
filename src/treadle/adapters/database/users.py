"""Users and tokens in the database."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, bindparam, delete, insert, select

from treadle.adapters.database.tables import group_members, tokens, users
from treadle.domain.tokens import StoredToken
from treadle.domain.users import User

# With the groups in the same statement: nobody is ever seen without them, and a request asks once.
_USERS: Select[Any] = select(users.c.id, users.c.name, group_members.c.group_id).outerjoin(
    group_members, group_members.c.user_id == users.c.id
)
_BY_TOKEN = _USERS.join(tokens, tokens.c.user_id == users.c.id).where(tokens.c.digest == bindparam("digest"))


class DatabaseUsers:
    """`treadle.ports.repositories.UserRepository` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, user: User, created: datetime) -> None:
        """Store a new user, who is in no group yet."""
        self._connection.execute(insert(users).values(id=user.id, name=user.name, created=created))

    def by_id(self, user_id: str) -> User | None:
        """Return the user with this identifier."""
        return _user(self._connection.execute(_USERS.where(users.c.id == user_id)).all())

    def by_name(self, name: str) -> User | None:
        """Return the user with this name."""
        return _user(self._connection.execute(_USERS.where(users.c.name == name)).all())

    def by_token(self, digest: str) -> User | None:
        """Return the user whose token has this digest."""
        return _user(self._connection.execute(_BY_TOKEN, {"digest": digest}).all())

    def all(self) -> list[User]:
        """Return all users, by name."""
        rows: dict[str, list[Row[Any]]] = {}
        for row in self._connection.execute(_USERS.order_by(users.c.name)):
            rows.setdefault(row.id, []).append(row)
        return [user for each in rows.values() if (user := _user(each))]

    def add_token(self, user_id: str, digest: str, created: datetime) -> None:
        """Let a token identify a user from now on; harmless when it already does."""
        if self.by_token(digest) is None:
            self._connection.execute(insert(tokens).values(digest=digest, user_id=user_id, created=created))

    def tokens(self, user_id: str) -> list[StoredToken]:
        """Return a user's tokens, the oldest first."""
        statement = select(tokens.c.digest, tokens.c.created).where(tokens.c.user_id == user_id)
        return [StoredToken(*row) for row in self._connection.execute(statement.order_by(tokens.c.created))]

    def remove_token(self, digest: str) -> None:
        """Let a token identify nobody any more."""
        self._connection.execute(delete(tokens).where(tokens.c.digest == digest))


def _user(rows: Sequence[Row[Any]]) -> User | None:
    """Return the user that rows tell of, one for each group."""
    if not rows:
        return None
    return User(rows[0].id, rows[0].name, frozenset(row.group_id for row in rows if row.group_id is not None))
