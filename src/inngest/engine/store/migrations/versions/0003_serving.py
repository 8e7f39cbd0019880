"""Functions behind HTTP: their apps, and the calls of their runs. `tables.py` says what each column is for."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Columns come at the end of their tables, with a constant for the rows that are there: none is written."""
    op.add_column("inngest_functions", sa.Column("uuid", sa.Text))
    op.add_column("inngest_functions", sa.Column("transport", sa.Text, nullable=False, server_default="local"))
    op.add_column("inngest_functions", sa.Column("url", sa.Text))
    op.add_column("inngest_functions", sa.Column("archived_at", sa.BigInteger))
    op.add_column("inngest_events", sa.Column("extra", sa.Text))
    op.add_column("inngest_runs", sa.Column("generation", sa.Integer, nullable=False, server_default="0"))
    op.add_column("inngest_runs", sa.Column("request_version", sa.Integer, nullable=False, server_default="-1"))
    op.add_column("inngest_runs", sa.Column("owed", sa.Integer, nullable=False, server_default="1"))
    op.add_column("inngest_runs", sa.Column("discover_at", sa.BigInteger))
    op.add_column("inngest_runs", sa.Column("touched", sa.Integer, nullable=False, server_default="0"))
    op.add_column("inngest_steps", sa.Column("mode", sa.Text))
    op.add_column("inngest_steps", sa.Column("op", sa.Text))
    op.execute("ALTER TABLE inngest_jobs RENAME COLUMN alone TO queue_class")
    _apps()


def _apps() -> None:
    op.create_table(
        "inngest_apps",
        sa.Column("name", sa.Text, primary_key=True),
        sa.Column("uuid", sa.Text, nullable=False),
        sa.Column("url", sa.Text, nullable=False),
        sa.Column("method", sa.Text, nullable=False),
        sa.Column("sdk", sa.Text, nullable=False),
        sa.Column("version", sa.Text, nullable=False),
        sa.Column("framework", sa.Text, nullable=False),
        sa.Column("platform", sa.Text, nullable=False),
        sa.Column("checksum", sa.Text, nullable=False),
        sa.Column("created_at", sa.BigInteger, nullable=False),
        sa.Column("synced_at", sa.BigInteger),
        sa.Column("error", sa.Text),
        sa.Column("archived_at", sa.BigInteger),
        sqlite_with_rowid=False,
    )
