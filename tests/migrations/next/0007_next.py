"""A revision that might follow: what the tests migrate to."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    op.add_column("inngest_runs", sa.Column("priority", sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "inngest_shops",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("functions", sa.Integer, nullable=False),
    )
    op.create_index("inngest_runs_by_priority", "inngest_runs", ["priority", "id"])
    with op.batch_alter_table("inngest_events") as batch:  # SQLite copies the table for it
        batch.add_column(sa.Column("source", sa.Text, nullable=False, server_default="unknown"))
        batch.alter_column("key", nullable=True)
    counted = op.get_bind().execute(sa.text("SELECT app_id, count(*) FROM inngest_functions GROUP BY app_id")).all()
    for app_id, count in counted:
        op.get_bind().execute(
            sa.text("INSERT INTO inngest_shops (id, functions) VALUES (:id, :functions)"),
            {"id": app_id, "functions": count},
        )
