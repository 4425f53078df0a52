"""Alembic's entry point: runs migrations on the connection that `treadle.adapters.database.schema` hands over."""

from alembic import context

from treadle.adapters.database.tables import metadata

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=metadata, render_as_batch=True, transaction_per_migration=True)
with context.begin_transaction():
    context.run_migrations()
