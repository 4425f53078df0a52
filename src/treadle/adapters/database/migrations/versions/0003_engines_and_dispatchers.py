"""Which engine and which dispatcher has a job. Both are unknown of jobs that were started before."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the columns; they may be empty, so that programs of the release before go on writing jobs."""
    op.add_column("jobs", sa.Column("engine", sa.String(255), comment="that has it, or had it at last"))
    op.add_column("jobs", sa.Column("dispatcher", sa.String(36), comment="that holds it, or held it at last"))
