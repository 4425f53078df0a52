"""Providers, groups and access to functions; environments; who uploaded a version; what a job was asked to run with."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NO_PROVIDER = sa.text("provider_id IS NULL")


def upgrade() -> None:
    """Make the new tables, then bring the old ones to their new form."""
    _make_groups()
    _make_providers()
    _change_functions()
    _make_function_access()
    _make_environments()
    _change_versions()
    _change_jobs()
    _make_job_counts()
    _make_runtime_jobs()


def _make_groups() -> None:
    op.create_table(
        "groups",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("created", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_groups"),
        sa.UniqueConstraint("name", name="uq_groups_name"),
    )
    op.create_table(
        "group_members",
        sa.Column("group_id", sa.String(36), nullable=False),
        sa.Column("user_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("group_id", "user_id", name="pk_group_members"),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_group_members_group_id"),
        sa.ForeignKeyConstraint(["user_id"], ["users.id"], name="fk_group_members_user_id"),
    )
    op.create_index("ix_group_members_user_id", "group_members", ["user_id"])


def _make_providers() -> None:
    op.create_table(
        "providers",
        sa.Column("id", sa.String(36), nullable=False),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("registry", sa.String(255), comment="images of its functions must come from here"),
        sa.Column("created", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_providers"),
        sa.UniqueConstraint("name", name="uq_providers_name"),
    )
    op.create_table(
        "provider_admins",
        sa.Column("provider_id", sa.String(36), nullable=False),
        sa.Column("group_id", sa.String(36), nullable=False),
        sa.PrimaryKeyConstraint("provider_id", "group_id", name="pk_provider_admins"),
        sa.ForeignKeyConstraint(["provider_id"], ["providers.id"], name="fk_provider_admins_provider_id"),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_provider_admins_group_id"),
        comment="groups whose members upload a provider's functions and see their jobs",
    )


def _change_functions() -> None:
    with op.batch_alter_table("functions") as table:
        table.drop_constraint("uq_functions_author_id_title", type_="unique")
        table.add_column(sa.Column("provider_id", sa.String(36)))
        table.add_column(sa.Column("disabled_message", sa.Text, comment="why it cannot be run now; null when it can"))
        table.add_column(sa.Column("current_since", _TIME))
        table.add_column(sa.Column("current_by", sa.String(36), comment="who uploaded or rolled back to it"))
        table.create_foreign_key("fk_functions_provider_id", "providers", ["provider_id"], ["id"])
    op.execute(
        "UPDATE functions SET current_by = author_id, current_since ="
        " (SELECT created FROM function_versions WHERE function_versions.id = functions.current_version_id)"
    )
    with op.batch_alter_table("functions") as table:
        table.alter_column("current_since", existing_type=_TIME, nullable=False)
        table.alter_column("current_by", existing_type=sa.String(36), nullable=False)
        table.create_foreign_key("fk_functions_current_by", "users", ["current_by"], ["id"])
    op.create_index(
        "uq_functions_author_id_title",
        "functions",
        ["author_id", "title"],
        unique=True,
        sqlite_where=_NO_PROVIDER,
        postgresql_where=_NO_PROVIDER,
    )
    op.create_index("uq_functions_provider_id_title", "functions", ["provider_id", "title"], unique=True)


def _make_function_access() -> None:
    op.create_table(
        "function_access",
        sa.Column("function_id", sa.String(36), nullable=False),
        sa.Column("group_id", sa.String(36), nullable=False),
        sa.Column("may_run", sa.Boolean, nullable=False, comment="members may only see the function otherwise"),
        sa.Column("trial", sa.Boolean, nullable=False, comment="their jobs are trials"),
        sa.PrimaryKeyConstraint("function_id", "group_id", name="pk_function_access"),
        sa.ForeignKeyConstraint(["function_id"], ["functions.id"], name="fk_function_access_function_id"),
        sa.ForeignKeyConstraint(["group_id"], ["groups.id"], name="fk_function_access_group_id"),
        comment="groups whose members see a provider's function",
    )
    op.create_index("ix_function_access_group_id", "function_access", ["group_id"])


def _make_environments() -> None:
    op.create_table(
        "environments",
        sa.Column("digest", sa.String(64), nullable=False, comment="of lock, Python and platform"),
        sa.Column("requirements", sa.JSON, nullable=False, comment="what was asked for"),
        sa.Column("lock", sa.Text, nullable=False, comment="hashed requirements, all that it takes to build it again"),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("message", sa.Text, comment="why it could not be built"),
        sa.Column("created", _TIME, nullable=False),
        sa.Column("used", _TIME, nullable=False, comment="when a job was last started in it"),
        sa.PrimaryKeyConstraint("digest", name="pk_environments"),
    )


def _change_versions() -> None:
    with op.batch_alter_table("function_versions") as table:
        table.add_column(sa.Column("author_id", sa.String(36), comment="who uploaded it"))
        table.add_column(sa.Column("environment_digest", sa.String(64), comment="null: the platform's own"))
        table.add_column(sa.Column("documentation_url", sa.Text))
        table.add_column(
            sa.Column("sizes", sa.JSON, nullable=False, server_default="{}", comment="compute profiles by label")
        )
        table.add_column(sa.Column("default_size", sa.String(255)))
        table.add_column(
            sa.Column(
                "digest",
                sa.String(64),
                comment="SHA-256 of all that the upload fixed; null: stored before there were any",
            )
        )
    op.execute(
        "UPDATE function_versions SET author_id ="
        " (SELECT author_id FROM functions WHERE functions.id = function_versions.function_id)"
    )
    with op.batch_alter_table("function_versions") as table:
        table.alter_column("author_id", existing_type=sa.String(36), nullable=False)
        table.alter_column("sizes", existing_type=sa.JSON, server_default=None)
        table.create_foreign_key("fk_function_versions_author_id", "users", ["author_id"], ["id"])
        table.create_foreign_key(
            "fk_function_versions_environment_digest", "environments", ["environment_digest"], ["digest"]
        )


def _change_jobs() -> None:
    with op.batch_alter_table("jobs") as table:
        table.add_column(sa.Column("compute_profile", sa.String(255)))
        table.add_column(sa.Column("function_size", sa.String(255)))
        table.add_column(
            sa.Column(
                "business_model",
                sa.String(20),
                nullable=False,
                server_default="SUBSIDIZED",
                comment="SUBSIDIZED or TRIAL",
            )
        )
        table.add_column(
            sa.Column(
                "config",
                sa.JSON,
                nullable=False,
                server_default="{}",
                comment="workers the user asked for, for engines that scale",
            )
        )
    with op.batch_alter_table("jobs") as table:
        table.alter_column("business_model", existing_type=sa.String(20), server_default=None)
        table.alter_column("config", existing_type=sa.JSON, server_default=None)
    op.drop_index("ix_jobs_author_id_created", "jobs")
    for columns in (
        ["author_id", "created", "id", "function_id"],
        ["author_id", "status", "created", "id"],
        ["author_id", "function_id", "created", "id", "status"],
        ["function_id", "created", "id", "status"],
    ):
        op.create_index(f"ix_jobs_{'_'.join(columns)}", "jobs", columns)


def _make_job_counts() -> None:
    op.create_table(
        "job_counts",
        sa.Column("author_id", sa.String(36), nullable=False),
        sa.Column("function_id", sa.String(36), nullable=False),
        sa.Column("status", sa.String(10), nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("author_id", "function_id", "status", name="pk_job_counts"),
        sa.ForeignKeyConstraint(["author_id"], ["users.id"], name="fk_job_counts_author_id"),
        sa.ForeignKeyConstraint(["function_id"], ["functions.id"], name="fk_job_counts_function_id"),
        comment="how many jobs there are, kept by every change of a job's status",
    )
    op.create_index("ix_job_counts_function_id", "job_counts", ["function_id"])
    op.execute(
        "INSERT INTO job_counts (author_id, function_id, status, count)"
        " SELECT author_id, function_id, status, count(*) FROM jobs GROUP BY author_id, function_id, status"
    )


def _make_runtime_jobs() -> None:
    op.create_table(
        "runtime_jobs",
        sa.Column("job_id", sa.String(36), nullable=False),
        sa.Column("runtime_job", sa.String(255), nullable=False, comment="id of a job on a quantum computer"),
        sa.Column("runtime_session", sa.String(255)),
        sa.Column("created", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("job_id", "runtime_job", name="pk_runtime_jobs"),
        sa.ForeignKeyConstraint(["job_id"], ["jobs.id"], name="fk_runtime_jobs_job_id"),
    )
