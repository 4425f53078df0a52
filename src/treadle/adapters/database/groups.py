"""Groups and their members in the database."""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from treadle.adapters.database.tables import group_members, groups, users
from treadle.domain.users import Group

_GROUPS = select(groups.c.id, groups.c.name)


class DatabaseGroups:
    """`treadle.ports.repositories.GroupRepository` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, group: Group, created: datetime) -> None:
        """Store a new group."""
        self._connection.execute(insert(groups).values(id=group.id, name=group.name, created=created))

    def by_name(self, name: str) -> Group | None:
        """Return the group with this name."""
        row = self._connection.execute(_GROUPS.where(groups.c.name == name)).first()
        return Group(*row) if row is not None else None

    def all(self) -> list[Group]:
        """Return all groups, by name."""
        return [Group(*row) for row in self._connection.execute(_GROUPS.order_by(groups.c.name))]

    def members(self, group_id: str) -> list[str]:
        """Return the names of a group's members, in order."""
        statement = (
            select(users.c.name)
            .join(group_members, group_members.c.user_id == users.c.id)
            .where(group_members.c.group_id == group_id)
            .order_by(users.c.name)
        )
        return list(self._connection.execute(statement).scalars())

    def add_member(self, group_id: str, user_id: str) -> None:
        """Make a user a member; harmless when the user is one already."""
        self.remove_member(group_id, user_id)
        self._connection.execute(insert(group_members).values(group_id=group_id, user_id=user_id))

    def remove_member(self, group_id: str, user_id: str) -> bool:
        """End a user's membership. Returns whether there was one."""
        removed = delete(group_members).where(group_members.c.group_id == group_id, group_members.c.user_id == user_id)
        return self._connection.execute(removed).rowcount == 1
