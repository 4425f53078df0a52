"""Functions and their versions in the database."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, delete, func, insert, or_, select, update

from treadle.adapters.database.providers import PROVIDER_COLUMNS, provider_of
from treadle.adapters.database.tables import (
    function_access,
    function_versions,
    functions,
    provider_admins,
    providers,
    users,
)
from treadle.domain.functions import Function, FunctionVersion
from treadle.domain.providers import Grant
from treadle.domain.users import User
from treadle.domain.versions import ListedVersion

_VERSION_COLUMNS = [
    function_versions.c[name] for name in FunctionVersion.__dataclass_fields__
]  # in the order of the record's fields
_FUNCTIONS: Select[Any] = (
    select(
        functions.c.id.label("function_id"),
        functions.c.title,
        functions.c.author_id.label("first_author_id"),
        functions.c.created,
        functions.c.disabled_message,
        *PROVIDER_COLUMNS,
        *_VERSION_COLUMNS,
    )
    .join(function_versions, function_versions.c.id == functions.c.current_version_id)
    .outerjoin(providers, providers.c.id == functions.c.provider_id)
)

_CURRENT_BY = users.alias("current_by_user")
_VERSIONS: Select[Any] = (
    select(
        *_VERSION_COLUMNS,
        function_versions.c.created,
        users.c.name.label("author_name"),
        functions.c.current_version_id,
        functions.c.current_since,
        _CURRENT_BY.c.name.label("current_by_name"),
    )
    .join(functions, functions.c.id == function_versions.c.function_id)
    .join(users, users.c.id == function_versions.c.author_id)
    .join(_CURRENT_BY, _CURRENT_BY.c.id == functions.c.current_by)
    .order_by(function_versions.c.number.desc())
)


class DatabaseFunctions:
    """`treadle.ports.repositories.FunctionRepository` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, function: Function) -> None:
        """Store a new function with its first version."""
        self._connection.execute(
            insert(functions).values(
                id=function.id,
                title=function.title,
                author_id=function.author_id,
                provider_id=function.provider.id if function.provider else None,
                disabled_message=function.disabled_message,
                created=function.created,
                current_version_id=function.current.id,
                current_since=function.created,
                current_by=function.author_id,
            )
        )
        self._insert_version(function.id, function.current, function.created)

    def add_version(self, function_id: str, version: FunctionVersion, created: datetime) -> None:
        """Store a new version and make it the current one."""
        self._insert_version(function_id, version, created)
        self.make_current(function_id, version.id, version.author_id, created)

    def make_current(self, function_id: str, version_id: str, user_id: str, since: datetime) -> None:
        """Let new jobs run a version from now on."""
        self._connection.execute(
            update(functions)
            .where(functions.c.id == function_id)
            .values(current_version_id=version_id, current_since=since, current_by=user_id)
        )

    def next_number(self, function_id: str) -> int:
        """Return the number of the next version; nobody else gets it before this transaction ends."""
        self._connection.execute(select(functions.c.id).where(functions.c.id == function_id).with_for_update())
        highest = select(func.max(function_versions.c.number)).where(function_versions.c.function_id == function_id)
        return int(self._connection.execute(highest).scalar_one()) + 1

    def get(self, function_id: str) -> Function | None:
        """Return a function, at its current version."""
        return next(iter(self._found(functions.c.id == function_id)), None)

    def by_title(self, author_id: str, title: str) -> Function | None:
        """Return an author's function, at its current version."""
        own = (functions.c.author_id == author_id, functions.c.title == title, functions.c.provider_id.is_(None))
        return next(iter(self._found(*own)), None)

    def of_provider(self, provider: str, title: str) -> Function | None:
        """Return a provider's function, at its current version."""
        return next(iter(self._found(providers.c.name == provider, functions.c.title == title)), None)

    def version(self, version_id: str) -> FunctionVersion:
        """Return one version. It must exist: jobs refer to it."""
        statement = select(*_VERSION_COLUMNS).where(function_versions.c.id == version_id)
        return _version(self._connection.execute(statement).one())

    def numbered(self, function_id: str, number: int) -> FunctionVersion | None:
        """Return the version of a function with this number."""
        return self._newest(function_id, function_versions.c.number == number)

    def labelled(self, function_id: str, label: str) -> FunctionVersion | None:
        """Return the newest version of a function with this label of its author."""
        return self._newest(function_id, function_versions.c.version == label)

    def versions(self, function_id: str) -> list[ListedVersion]:
        """Return all versions of a function, the newest first."""
        statement = _VERSIONS.where(function_versions.c.function_id == function_id)
        return [_listed(row) for row in self._connection.execute(statement)]

    def near(self, user: User) -> list[Function]:
        """Return the functions a user wrote and those the user's groups have to do with, by title."""
        granted = select(function_access.c.function_id).where(function_access.c.group_id.in_(user.groups))
        administered = select(provider_admins.c.provider_id).where(provider_admins.c.group_id.in_(user.groups))
        return self._found(
            or_(
                functions.c.author_id == user.id,
                functions.c.id.in_(granted),
                functions.c.provider_id.in_(administered),
            )
        )

    def titles(self, provider_id: str) -> list[str]:
        """Return the titles of a provider's functions, in order."""
        statement = select(functions.c.title).where(functions.c.provider_id == provider_id)
        return list(self._connection.execute(statement.order_by(functions.c.title)).scalars())

    def grant(self, function_id: str, grant: Grant) -> None:
        """Let the members of a group see or run a function, in place of what they were granted before."""
        self.revoke(function_id, grant.group_id)
        self._connection.execute(
            insert(function_access).values(
                function_id=function_id, group_id=grant.group_id, may_run=grant.may_run, trial=grant.trial
            )
        )

    def revoke(self, function_id: str, group_id: str) -> bool:
        """Take back what the members of a group were granted. Returns whether there was anything."""
        revoked = delete(function_access).where(
            function_access.c.function_id == function_id, function_access.c.group_id == group_id
        )
        return self._connection.execute(revoked).rowcount == 1

    def disable(self, function_id: str, message: str | None) -> None:
        """Let nobody run a function, and `message` tell why; with None everybody may again."""
        self._connection.execute(
            update(functions).where(functions.c.id == function_id).values(disabled_message=message)
        )

    def _found(self, *conditions: ColumnElement[bool]) -> list[Function]:
        rows = self._connection.execute(_FUNCTIONS.where(*conditions).order_by(functions.c.title)).all()
        grants = self._grants([row.function_id for row in rows if row.provider_id is not None])
        return [_function(row, tuple(grants.get(row.function_id, ()))) for row in rows]

    def _grants(self, function_ids: list[str]) -> dict[str, list[Grant]]:
        grants: dict[str, list[Grant]] = {}
        if function_ids:  # functions without a provider have none
            statement = select(function_access).where(function_access.c.function_id.in_(function_ids))
            for row in self._connection.execute(statement.order_by(function_access.c.group_id)):
                grants.setdefault(row.function_id, []).append(Grant(row.group_id, row.may_run, row.trial))
        return grants

    def _newest(self, function_id: str, condition: ColumnElement[bool]) -> FunctionVersion | None:
        statement = (
            select(*_VERSION_COLUMNS)
            .where(function_versions.c.function_id == function_id, condition)
            .order_by(function_versions.c.number.desc())
            .limit(1)
        )
        row = self._connection.execute(statement).first()
        return _version(row) if row is not None else None

    def _insert_version(self, function_id: str, version: FunctionVersion, created: datetime) -> None:
        fields = {name: getattr(version, name) for name in FunctionVersion.__dataclass_fields__}
        fields["dependencies"] = list(version.dependencies)
        self._connection.execute(insert(function_versions).values(function_id=function_id, created=created, **fields))


def _version(row: Row[Any]) -> FunctionVersion:
    fields = {name: row._mapping[name] for name in FunctionVersion.__dataclass_fields__}
    return FunctionVersion(**{**fields, "dependencies": tuple(fields["dependencies"])})


def _listed(row: Row[Any]) -> ListedVersion:
    is_current = row.id == row.current_version_id
    return ListedVersion(
        _version(row),
        row.created,
        row.author_name,
        row.current_since if is_current else None,
        row.current_by_name if is_current else None,
    )


def _function(row: Row[Any], grants: tuple[Grant, ...]) -> Function:
    return Function(
        row.function_id,
        row.title,
        row.first_author_id,
        row.created,
        _version(row),
        provider_of(row),
        row.disabled_message,
        grants,
    )
