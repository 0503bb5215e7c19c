"""Alembic's environment: uses the connection it is handed; see ``registry.storage.schema``."""

from __future__ import annotations

from alembic import context

from registry.storage.tables import metadata

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    render_as_batch=True,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
