"""The kinds of databases on which stories are told, and where each story has its own.

A file of its own: stages and fixtures share it.
"""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Generator
from pathlib import Path

from tests import postgres

KINDS = ("postgres", "sqlite")

ON_BOTH = frozenset({"test_at_most_once", "test_concurrency", "test_race", "test_steps_together"})
"""Files whose stories are told on each kind; all others are told on SQLite."""

_kind = "sqlite"
_schemas: set[str] = set()


@contextlib.contextmanager
def used(kind: str) -> Generator[None]:
    """Stories are told on databases of this kind, which do not outlive the block."""
    global _kind  # noqa: PLW0603 - a test runs alone
    before, _kind = _kind, kind
    try:
        yield
    finally:
        _kind = before
        for schema in sorted(_schemas):
            postgres.server().execute(f"DROP SCHEMA IF EXISTS {schema} CASCADE")
        _schemas.clear()


def url_in(folder: Path) -> str:
    """The URL of the database that belongs to a folder."""
    if _kind == "sqlite":
        return f"sqlite:///{folder}/inngest.db"
    schema = "s" + hashlib.sha256(str(folder).encode()).hexdigest()[:32]
    _schemas.add(schema)
    return postgres.server().url(schema=schema)
