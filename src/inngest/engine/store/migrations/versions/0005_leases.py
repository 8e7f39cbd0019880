"""Leases of workers. `tables.py` says what each column is for.

A file of its own: each revision has one.
"""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Columns come at the end of their table, null for the rows that are there: none is written."""
    op.add_column("inngest_sessions", sa.Column("beat_at", sa.BigInteger))
    op.add_column("inngest_sessions", sa.Column("lease", sa.Integer))
