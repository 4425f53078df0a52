"""Functions and their versions in the database."""

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Row, Select, func, insert, select, update

from treadle.adapters.database.tables import function_versions, functions, providers, users
from treadle.domain.functions import Function, FunctionVersion
from treadle.domain.providers import Provider
from treadle.domain.versions import ListedVersion

PROVIDER_COLUMNS = (
    providers.c.id.label("provider_id"),
    providers.c.name.label("provider_name"),
    providers.c.registry.label("provider_registry"),
)
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
        row = self._connection.execute(_FUNCTIONS.where(functions.c.id == function_id)).first()
        return _function(row) if row is not None else None

    def by_title(self, author_id: str, title: str) -> Function | None:
        """Return an author's function, at its current version."""
        statement = _FUNCTIONS.where(
            functions.c.author_id == author_id, functions.c.title == title, functions.c.provider_id.is_(None)
        )
        row = self._connection.execute(statement).first()
        return _function(row) if row is not None else None

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

    def of_author(self, author_id: str) -> list[Function]:
        """Return an author's functions, by title."""
        statement = _FUNCTIONS.where(functions.c.author_id == author_id).order_by(functions.c.title)
        return [_function(row) for row in self._connection.execute(statement)]

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


def _function(row: Row[Any]) -> Function:
    return Function(
        row.function_id,
        row.title,
        row.first_author_id,
        row.created,
        _version(row),
        provider_of(row),
        row.disabled_message,
    )


def provider_of(row: Row[Any]) -> Provider | None:
    """Return the provider in a row that has `PROVIDER_COLUMNS`."""
    return Provider(row.provider_id, row.provider_name, row.provider_registry) if row.provider_id else None
