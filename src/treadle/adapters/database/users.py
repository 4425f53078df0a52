"""Users and tokens in the database."""

from datetime import datetime

from sqlalchemy import Connection, Row, bindparam, insert, select

from treadle.adapters.database.tables import tokens, users
from treadle.domain.users import User

_BY_TOKEN = (
    select(users.c.id, users.c.name)
    .join(tokens, tokens.c.user_id == users.c.id)
    .where(tokens.c.digest == bindparam("digest"))
)


class DatabaseUsers:
    """`treadle.ports.repositories.UserRepository` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, user: User, created: datetime) -> None:
        """Store a new user."""
        self._connection.execute(insert(users).values(id=user.id, name=user.name, created=created))

    def by_name(self, name: str) -> User | None:
        """Return the user with this name."""
        statement = select(users.c.id, users.c.name).where(users.c.name == name)
        return _user(self._connection.execute(statement).first())

    def by_token(self, digest: str) -> User | None:
        """Return the user whose token has this digest."""
        return _user(self._connection.execute(_BY_TOKEN, {"digest": digest}).first())

    def add_token(self, user_id: str, digest: str, created: datetime) -> None:
        """Let a token identify a user from now on; harmless when it already does."""
        if self.by_token(digest) is None:
            self._connection.execute(insert(tokens).values(digest=digest, user_id=user_id, created=created))


def _user(row: Row[str, str] | None) -> User | None:
    return User(*row) if row is not None else None
