"""L: a fleet on PostgreSQL at its default durability, beside DBOS on the same server."""

from __future__ import annotations
