"""Runs go on or end, whatever happens around them. Each table or column says in `tables.py` what it is for."""

from __future__ import annotations

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """One function for each concern; they do not depend on each other's order."""
