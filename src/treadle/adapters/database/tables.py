"""The tables, the same for every database. Migrations make them; a test holds the two together."""

from datetime import UTC, datetime

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
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
    text,
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
        """Give a time its zone on its way out; it may come with that of the database's session."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


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

groups = Table(
    "groups",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("created", UtcDateTime, nullable=False),
)

group_members = Table(
    "group_members",
    metadata,
    Column("group_id", String(36), ForeignKey("groups.id"), primary_key=True),
    Column("user_id", String(36), ForeignKey("users.id"), primary_key=True),
    Index(None, "user_id"),
)

providers = Table(
    "providers",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("name", String(255), nullable=False, unique=True),
    Column("registry", String(255), comment="images of its functions must come from here"),
    Column("created", UtcDateTime, nullable=False),
)

provider_admins = Table(
    "provider_admins",
    metadata,
    Column("provider_id", String(36), ForeignKey("providers.id"), primary_key=True),
    Column("group_id", String(36), ForeignKey("groups.id"), primary_key=True),
    comment="groups whose members upload a provider's functions and see their jobs",
)

functions = Table(
    "functions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("author_id", String(36), ForeignKey("users.id"), nullable=False),
    Column("provider_id", String(36), ForeignKey("providers.id")),
    Column("title", String(255), nullable=False),
    Column("current_version_id", String(36), nullable=False, comment="the version that new jobs run"),
    Column("current_since", UtcDateTime, nullable=False),
    Column(
        "current_by", String(36), ForeignKey("users.id"), nullable=False, comment="who uploaded or rolled back to it"
    ),
    Column("disabled_message", Text, comment="why it cannot be run now; null when it can"),
    Column("created", UtcDateTime, nullable=False),
    Index(
        "uq_functions_author_id_title",
        "author_id",
        "title",
        unique=True,
        sqlite_where=text("provider_id IS NULL"),
        postgresql_where=text("provider_id IS NULL"),
    ),
    Index("uq_functions_provider_id_title", "provider_id", "title", unique=True),
)

function_access = Table(
    "function_access",
    metadata,
    Column("function_id", String(36), ForeignKey("functions.id"), primary_key=True),
    Column("group_id", String(36), ForeignKey("groups.id"), primary_key=True),
    Column("may_run", Boolean, nullable=False, comment="members may only see the function otherwise"),
    Column("trial", Boolean, nullable=False, comment="their jobs are trials"),
    Index(None, "group_id"),
    comment="groups whose members see a provider's function",
)

environments = Table(
    "environments",
    metadata,
    Column("digest", String(64), primary_key=True, comment="of lock, Python and platform"),
    Column("requirements", JSON, nullable=False, comment="what was asked for"),
    Column("lock", Text, nullable=False, comment="hashed requirements, all that it takes to build it again"),
    Column("status", String(10), nullable=False),
    Column("message", Text, comment="why it could not be built"),
    Column("created", UtcDateTime, nullable=False),
    Column("used", UtcDateTime, nullable=False, comment="when a job was last started in it"),
)

function_versions = Table(
    "function_versions",
    metadata,
    Column("id", String(36), primary_key=True),
    Column("function_id", String(36), ForeignKey("functions.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("author_id", String(36), ForeignKey("users.id"), nullable=False, comment="who uploaded it"),
    Column("entrypoint", String(255), nullable=False),
    Column("artifact_digest", String(64), comment="SHA-256 of the artifact, its key in the object store"),
    Column("environment_digest", String(64), ForeignKey("environments.digest"), comment="null: the platform's own"),
    Column("dependencies", JSON, nullable=False),
    Column("env_vars", JSON, nullable=False, comment="values of names that contain 'token' are sealed"),
    Column("description", Text),
    Column("documentation_url", Text),
    Column("version", String(255), comment="the author's own label"),
    Column("type", String(20), nullable=False),
    Column("runner", String(255), nullable=False),
    Column("arguments_schema", Text, nullable=False),
    Column("sizes", JSON, nullable=False, comment="compute profiles by label"),
    Column("default_size", String(255)),
    Column("digest", String(64), comment="SHA-256 of all that the upload fixed; null: stored before there were any"),
    Column("created", UtcDateTime, nullable=False),
    UniqueConstraint("function_id", "number"),
    Index(None, "environment_digest"),
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
    Column("compute_profile", String(255)),
    Column("function_size", String(255)),
    Column("business_model", String(20), nullable=False, comment="SUBSIDIZED or TRIAL"),
    Column("config", JSON, nullable=False, comment="workers the user asked for, for engines that scale"),
    Column("created", UtcDateTime, nullable=False),
    Column("engine", String(255), comment="that has it, or had it at last"),
    Column("dispatcher", String(36), comment="that holds it, or held it at last"),
    Index(None, "author_id", "created", "id", "function_id"),
    Index(None, "author_id", "status", "created", "id"),
    Index(None, "author_id", "function_id", "created", "id", "status"),
    Index(None, "function_id", "created", "id", "status"),
    Index(None, "status", "author_id", "created"),
)

job_counts = Table(
    "job_counts",
    metadata,
    Column("author_id", String(36), ForeignKey("users.id"), primary_key=True),
    Column("function_id", String(36), ForeignKey("functions.id"), primary_key=True),
    Column("status", String(10), primary_key=True),
    Column("count", Integer, nullable=False),
    Index(None, "function_id"),
    Index(None, "status", "author_id", sqlite_where=text("count > 0"), postgresql_where=text("count > 0")),
    comment="how many jobs there are, kept by every change of a job's status",
)

runtime_jobs = Table(
    "runtime_jobs",
    metadata,
    Column("job_id", String(36), ForeignKey("jobs.id"), primary_key=True),
    Column("runtime_job", String(255), primary_key=True, comment="id of a job on a quantum computer"),
    Column("runtime_session", String(255)),
    Column("created", UtcDateTime, nullable=False),
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

stored_files = Table(
    "stored_files",
    metadata,
    Column("space", String(600), primary_key=True),
    Column(
        "path",
        String(1024).with_variant(String(1024, collation="C"), "postgresql"),
        primary_key=True,
        comment="in the order of its bytes",
    ),
    Column("size", BigInteger, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("modified", UtcDateTime, nullable=False),
    Column("object", String(64), nullable=False, comment="key in the object store; never written again"),
    Column("start", BigInteger, nullable=False, comment="where its content begins in the object"),
    Index(None, "object"),
)

dropped_objects = Table(
    "dropped_objects",
    metadata,
    Column("object", String(64), primary_key=True),
    Column("dropped", UtcDateTime, nullable=False),
    Index(None, "dropped"),
    comment="objects of files that no file needs, or none does yet; they are deleted a day later",
)
