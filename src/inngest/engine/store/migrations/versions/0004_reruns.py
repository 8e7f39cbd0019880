"""Reruns, metadata, cancellations. `tables.py` says what each column is for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Columns come at the end of their table, null for the rows that are there: none is written."""
    op.add_column("inngest_runs", sa.Column("origin_id", sa.Text))
    op.add_column("inngest_runs", sa.Column("origin_step", sa.Text))
    op.create_index(
        "inngest_runs_by_origin",
        "inngest_runs",
        ["origin_id"],
        sqlite_where=sa.column("origin_id").is_not(None),
    )
    _metadata()
    _cancellations()


def _metadata() -> None:
    op.create_table(
        "inngest_metadata",
        sa.Column("run_id", sa.Text, primary_key=True),
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("hash", sa.Text),
        sa.Column("attempt", sa.Integer),
        sa.Column("kind", sa.Text, nullable=False),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("op", sa.Text, nullable=False),
        sa.Column("value", sa.Text, nullable=False),
        sa.Column("size", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def _cancellations() -> None:
    op.create_table(
        "inngest_cancellations",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("app_id", sa.Text, nullable=False),
        sa.Column("function_id", sa.Text, nullable=False),
        sa.Column("started_after", sa.BigInteger),
        sa.Column("started_before", sa.BigInteger, nullable=False),
        sa.Column("expression", sa.Text),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("deleted_at", sa.BigInteger),
        sqlite_with_rowid=False,
    )
    op.create_index("inngest_cancellations_by_function", "inngest_cancellations", ["function_id", "started_before"])
