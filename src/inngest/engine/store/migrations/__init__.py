"""Migrations of the schema, with Alembic's operations. Imported only when the stored revision differs."""

from __future__ import annotations

from inngest.engine.store.statement import Connection


def upgrade(connection: Connection, revision: str) -> None:
    """Bring the schema from `revision` to the newest, in the transaction that is open on the connection."""
    raise NotImplementedError(revision)
