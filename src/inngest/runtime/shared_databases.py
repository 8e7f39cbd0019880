"""Databases that workers of several machines share: how their URLs begin, and the leases of their workers.

A file of its own: the command line knows it without loading the engine, which knows it too.
"""

from __future__ import annotations

from typing import Final

SCHEMES: Final = ("postgresql://", "postgres://", "postgresql+psycopg://")
"""What the URL of a PostgreSQL database begins with."""

LEASE: Final = 15_000
"""Milliseconds after which a worker that is not heard is dead, where workers are heard."""

SHORTEST_LEASE: Final = 2_000
LONGEST_LEASE: Final = 300_000
"""Milliseconds, at least and at most."""


def is_shared(url: str) -> bool:
    """Whether a text is the URL of a database that workers of several machines share."""
    return url.startswith(SCHEMES)
