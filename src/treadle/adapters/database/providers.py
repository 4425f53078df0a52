"""Providers in the database."""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Select, delete, func, insert, select

from treadle.adapters.database.tables import provider_admins, providers
from treadle.domain.providers import Provider

_ADMIN_GROUPS = (
    select(func.aggregate_strings(provider_admins.c.group_id, ","))
    .where(provider_admins.c.provider_id == providers.c.id)
    .correlate(providers)
    .scalar_subquery()
)
PROVIDER_COLUMNS = (
    providers.c.id.label("provider_id"),
    providers.c.name.label("provider_name"),
    providers.c.registry.label("provider_registry"),
    _ADMIN_GROUPS.label("provider_admin_groups"),
)
_PROVIDERS: Select[Any] = select(*PROVIDER_COLUMNS)


class DatabaseProviders:
    """`treadle.ports.repositories.ProviderRepository` on a connection."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, provider: Provider, created: datetime) -> None:
        """Store a new provider."""
        self._connection.execute(
            insert(providers).values(id=provider.id, name=provider.name, registry=provider.registry, created=created)
        )

    def by_name(self, name: str) -> Provider | None:
        """Return the provider with this name."""
        row = self._connection.execute(_PROVIDERS.where(providers.c.name == name)).first()
        return provider_of(row) if row is not None else None

    def all(self) -> list[Provider]:
        """Return all providers, by name."""
        rows = self._connection.execute(_PROVIDERS.order_by(providers.c.name))
        return [provider for row in rows if (provider := provider_of(row))]

    def add_admins(self, provider_id: str, group_id: str) -> None:
        """Let the members of a group act for a provider; harmless when they already do."""
        self.remove_admins(provider_id, group_id)
        self._connection.execute(insert(provider_admins).values(provider_id=provider_id, group_id=group_id))

    def remove_admins(self, provider_id: str, group_id: str) -> bool:
        """Let the members of a group no longer act for a provider. Returns whether they did."""
        removed = delete(provider_admins).where(
            provider_admins.c.provider_id == provider_id, provider_admins.c.group_id == group_id
        )
        return self._connection.execute(removed).rowcount == 1


def provider_of(row: Row[Any]) -> Provider | None:
    """Return the provider in a row that has `PROVIDER_COLUMNS`, None if it holds none."""
    if row.provider_id is None:
        return None
    admin_groups = frozenset(row.provider_admin_groups.split(",") if row.provider_admin_groups else ())
    return Provider(row.provider_id, row.provider_name, row.provider_registry, admin_groups)
