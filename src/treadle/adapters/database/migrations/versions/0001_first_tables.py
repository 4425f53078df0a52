"""First tables: users, tokens, functions, function versions, jobs, job events."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Make the tables."""
    time = sa.DateTime(timezone=True)
    op.create_table(
        "users",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("created", time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_users"),
        sa.UniqueConstraint("name", name="uq_users_name"),
    )
    op.create_table(
        "tokens",
        sa.Column("digest", sa.String(64), nullable=False, comment="keyed digest; the token itself is not stored"),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.Column("created", time, nullable=False),
        sa.PrimaryKeyConstraint("digest", name="pk_tokens"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_tokens_user_id"),
    )
    op.create_table(
        "functions",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("author_id", sa.String(36), nullable=False),
        sa.Column("title", sa.String(255), nullable=False),
        sa.Column("current_version_id", sa.String(36), nullable=False, comment="the version that new jobs run"),
        sa.Column("created", time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_functions"),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name="fk_functions_author_id"),
        sa.UniqueConstraint("author_id", "title", name="uq_functions_author_id_title"),
    )
    op.create_table(
        "function_versions",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("function_id", sa.String(36), nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("entrypoint", sa.String(255), nullable=False),
        sa.Column("artifact_digest", sa.String(64), comment="SHA-256 of the artifact, its key in the object store"),
        sa.Column("dependencies", sa.JSON, nullable=False),
        sa.Column("env_vars", sa.JSON, nullable=False, comment="values of names that contain 'token' are sealed"),
        sa.Column("description", sa.Text),
        sa.Column("version", sa.String(255), comment="the author's own label"),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("runner", sa.String(255), nullable=False),
        sa.Column("arguments_schema", sa.Text, nullable=False),
        sa.Column("created", time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_function_versions"),
        sa.ForeignKeyConstraint(["function_id"], ["functions.id"], name="fk_function_versions_function_id"),
        sa.UniqueConstraint("function_id", "number", name="uq_function_versions_function_id_number"),
    )
    op.create_table(
        "jobs",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("author_id", sa.String(36), nullable=False),
        sa.Column("function_id", sa.String(36), nullable=False),
        sa.Column("version_id", sa.String(36), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("sub_status", sa.String(20)),
        sa.Column("attempt", sa.Integer, nullable=False, comment="the fence: reports of other attempts are refused"),
        sa.Column("lease_until", time, comment="the attempt counts as silent from then on"),
        sa.Column("cause", sa.JSON, comment="why it failed"),
        sa.Column("created", time, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_jobs"),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name="fk_jobs_author_id"),
        sa.ForeignKeyConstraint(["function_id"], ["functions.id"], name="fk_jobs_function_id"),
        sa.ForeignKeyConstraint(["version_id"], ["function_versions.id"], name="fk_jobs_version_id"),
    )
    op.create_index("ix_jobs_author_id_created", "jobs", ["author_id", "created"])
    op.create_index("ix_jobs_status_author_id_created", "jobs", ["status", "author_id", "created"])
    op.create_table(
        "job_events",
        sa.Column("number", sa.Integer, autoincrement=True, nullable=False),
        sa.Column("job_id", sa.String(36), nullable=False),
        sa.Column("type", sa.String(20), nullable=False),
        sa.Column("origin", sa.String(20), nullable=False),
        sa.Column("context", sa.String(20), nullable=False),
        sa.Column("data", sa.JSON, nullable=False),
        sa.Column("created", time, nullable=False),
        sa.PrimaryKeyConstraint("number", name="pk_job_events"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_job_events_job_id"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_job_events_job_id_number", "job_events", ["job_id", "number"])
