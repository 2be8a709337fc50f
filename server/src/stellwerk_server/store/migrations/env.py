"""Runs the revisions on the connection that store/migrate.py hands over, all in its one transaction.

Alembic loads this file by itself; it must not open connections or know where the database is.
"""

from __future__ import annotations

from alembic import context

from stellwerk_server.store.schema import metadata

_attributes = context.config.attributes

context.configure(
    connection=_attributes["connection"],
    target_metadata=metadata,
    on_version_apply=_attributes["on_version_apply"],
)
context.run_migrations()
