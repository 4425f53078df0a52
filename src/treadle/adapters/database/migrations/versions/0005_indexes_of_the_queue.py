"""Indexes for what each round of a dispatcher asks: who has jobs in a status, and which versions wait for an environment."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

_SOME = sa.text("count > 0")


def upgrade() -> None:
    """Make the indexes; on PostgreSQL beside whatever is written meanwhile, which takes no transaction and some patience."""
    with op.get_context().autocommit_block():
        _be_patient("0")
        _make("job_counts", ["status", "author_id"], _SOME)
        _make("function_versions", ["environment_digest"])
        _be_patient("2s")


def _make(table: str, columns: list[str], some: sa.TextClause | None = None) -> None:
    name = f"ix_{table}_{'_'.join(columns)}"
    op.drop_index(name, table, if_exists=True, postgresql_concurrently=True)  # what an upgrade that broke off has left
    op.create_index(name, table, columns, postgresql_concurrently=True, postgresql_where=some, sqlite_where=some)


def _be_patient(seconds: str) -> None:
    if op.get_context().dialect.name == "postgresql":
        op.execute(f"SET lock_timeout = '{seconds}'")
