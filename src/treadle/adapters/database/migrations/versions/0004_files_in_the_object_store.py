"""Names of files whose content lies in the object store, and objects that no file needs."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_PATH = sa.String(1024).with_variant(sa.String(1024, collation="C"), "postgresql")


def upgrade() -> None:
    """Make the two tables; nothing else changes."""
    op.create_table(
        "stored_files",
        sa.Column("space", sa.String(600), nullable=False),
        sa.Column("path", _PATH, nullable=False, comment="in the order of its bytes"),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("modified", _TIME, nullable=False),
        sa.Column("object", sa.String(64), nullable=False, comment="key in the object store; never written again"),
        sa.Column("start", sa.BigInteger(), nullable=False, comment="where its content begins in the object"),
        sa.PrimaryKeyConstraint("space", "path", name="pk_stored_files"),
    )
    op.create_index("ix_stored_files_object", "stored_files", ["object"])
    op.create_table(
        "dropped_objects",
        sa.Column("object", sa.String(64), nullable=False),
        sa.Column("dropped", _TIME, nullable=False),
        sa.PrimaryKeyConstraint("object", name="pk_dropped_objects"),
        comment="objects of files that no file needs, or none does yet; they are deleted a day later",
    )
    op.create_index("ix_dropped_objects_dropped", "dropped_objects", ["dropped"])
