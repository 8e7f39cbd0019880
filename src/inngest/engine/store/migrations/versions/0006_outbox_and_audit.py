"""The outbox, the audit, marks of what was erased, and indexes of lists. `tables.py` says what each column is for.

A file of its own: each revision has one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Columns come at the end of their table, null for the rows that are there: none is written."""
    op.add_column("inngest_events", sa.Column("erased_at", sa.BigInteger))
    op.add_column("inngest_runs", sa.Column("erased_at", sa.BigInteger))
    op.create_index("inngest_runs_by_function", "inngest_runs", ["function_id", "id"])
    failed = sa.text("status = 'FAILED'")  # PostgreSQL's dialect takes it, too
    op.create_index("inngest_runs_failed", "inngest_runs", ["id"], sqlite_where=failed)
    op.create_table(
        "inngest_outbox",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("events", sa.Text, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("trouble", sa.Text),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "inngest_audit",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.Text, nullable=False),
        sa.Column("action", sa.Text, nullable=False),
        sa.Column("target", sa.Text),
        sa.Column("detail", sa.Text),
        sqlite_with_rowid=False,
    )
