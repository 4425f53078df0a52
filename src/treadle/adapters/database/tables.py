"""The tables, the same for every database. Migrations make them; a test holds the two together."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
    UniqueConstraint,
)

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """A time with its zone; kept as UTC where the database knows no zones."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Turn a time into UTC on its way in."""
        return value.astimezone(UTC) if value is not None else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Give a time its zone on its way out."""
        return value.replace(tzinfo=UTC) if value is not None and value.tzinfo is None else value


users = Table(
    "users",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("created", UtcDateTime, nullable=False),
)

tokens = Table(
    "tokens",
    metadata,
    Column("digest", String(64), primary_key=True, comment="keyed digest; the token itself is not stored"),
    Column("user_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("created", UtcDateTime, nullable=False),
)

functions = Table(
    "functions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("author_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("title", String(255), nullable=False),
    Column("current_version_id", String(36), nullable=False, comment="the version that new jobs run"),
    Column("created", UtcDateTime, nullable=False),
    UniqueConstraint("author_id", "title"),
)

function_versions = Table(
    "function_versions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("function_id", String(36), ForeignKey("functions.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("entrypoint", String(255), nullable=False),
    Column("artifact_digest", String(64), comment="SHA-256 of the artifact, its key in the object store"),
    Column("dependencies", JSON, nullable=False),
    Column("env_vars", JSON, nullable=False, comment="values of names that contain 'token' are sealed"),
    Column("description", Text),
    Column("version", String(255), comment="the author's own label"),
    Column("type", String(20), nullable=False),
    Column("runner", String(255), nullable=False),
    Column("arguments_schema", Text, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    UniqueConstraint("function_id", "number"),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("author_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("function_id", String(36), ForeignKey("functions.id"), nullable=False),
    Column("version_id", String(36), ForeignKey("function_versions.id"), nullable=False),
    Column("status", String(10), nullable=False),
    Column("sub_status", String(20)),
    Column("attempt", Integer, nullable=False, comment="the fence: reports of other attempts are refused"),
    Column("lease_until", UtcDateTime, comment="the attempt counts as silent from then on"),
    Column("cause", JSON, comment="why it failed"),
    Column("created", UtcDateTime, nullable=False),
    Index(None, "author_id", "created"),
    Index(None, "status", "author_id", "created"),
)

job_events = Table(
    "job_events",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("job_id", String(36), ForeignKey("jobs.id"), nullable=False),
    Column("type", String(20), nullable=False),
    Column("origin", String(20), nullable=False),
    Column("context", String(20), nullable=False),
    Column("data", JSON, nullable=False),
    Column("created", UtcDateTime, nullable=False),
    Index(None, "job_id", "number"),
    sqlite_autoincrement=True,
)
