"""The differences between databases, a folder for each; and which of them a URL names.

A folder of its own: each database that joins has one in it.
"""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

from inngest.engine.store.database import Database
from inngest.runtime.ports import Liveness

from .sqlite import SqliteDatabase
from .sqlite.locks import FileLocks

SCHEME = "sqlite:///"


class Found(NamedTuple):
    """A database, and what shows which of its workers live."""

    database: Database
    liveness: Liveness


def database_of(url: str, *, durable: bool = True) -> Found:
    """The database that a URL names. Nothing is opened yet.

    Args:
        url: such as `sqlite:////var/lib/inngest.db`.
        durable: whether a commit survives a power cut, or only a crash of the process.

    Raises:
        ValueError: no dialect has its scheme.
    """
    if not url.startswith(SCHEME):
        raise ValueError(f"{url!r} names no database that is known here: it begins with {SCHEME}")
    path = Path(url.removeprefix(SCHEME))
    return Found(SqliteDatabase(path, durable=durable), FileLocks.beside(path))
