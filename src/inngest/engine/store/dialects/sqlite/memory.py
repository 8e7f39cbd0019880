"""SQLite in memory: the database of one engine of one process, which is gone with it."""

from __future__ import annotations

import functools
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar, cast

from inngest.engine.domain.explaining import LATEST
from inngest.engine.store import schema
from inngest.engine.store.database import Size
from inngest.engine.store.statement import Connection

from .database import SqliteDatabase

R = TypeVar("R")

NAME = ":memory:"

_UPCOMING = """
SELECT min(at) FROM (
  SELECT min(due_at) AS at FROM inngest_jobs WHERE queue_class <> 2 AND due_at > :now
  UNION ALL SELECT min(due_at) FROM inngest_timers WHERE kind <> 'cron' AND due_at > :now
  UNION ALL SELECT min(due_at) FROM inngest_requests WHERE due_at > :now
  UNION ALL SELECT min(ready_at) FROM inngest_lanes WHERE ready_at > :now)
"""
"""A class of 2 is that of runs on hold, which are only replayed. Nothing else reads this: no statement of the store."""


class _Shared(sqlite3.Connection):
    """The one connection, which all have: whoever closes it has only done with it."""

    def close(self) -> None:
        """It stays open."""

    def end(self) -> None:
        """Close it, and lose all that is in it."""
        super().close()


class MemoryDatabase(SqliteDatabase):
    """See the module. All is read and written by one thread at a time, and no transaction is under way meanwhile.

    Args:
        image: what is in it, as `image` gives it; None: the schema.
    """

    def __init__(self, image: bytes | None = None) -> None:
        super().__init__(Path(NAME))
        self.path, self.name = Path(NAME), NAME
        self._connection = _opened(_schema() if image is None else image)

    def image(self) -> bytes:
        """All that is committed."""
        return self._connection.serialize()

    def end(self) -> None:
        """Nothing is read or written any more. Idempotent."""
        self._connection.end()

    def upcoming(self, now: int) -> int | None:
        """When something is due next (unix ms) that is later than `now`, but ticks of crons and looks at runs on hold;
        None: nothing is.
        """
        (found,) = self._connection.execute(_UPCOMING, {"now": now}).fetchone()
        return None if found is None or found >= LATEST else cast("int", found)

    def connect(self) -> Connection:
        """The one connection."""
        return self._connection

    def connect_reader(self) -> Connection:
        """The one connection."""
        return self._connection

    def begin(self, connection: Connection) -> None:
        """See `Database`."""
        connection.execute("BEGIN")
        self._changes = self._connection.total_changes

    def alone(self, connection: Connection, sql: str, parameters: Sequence[object], *, patient: bool = True) -> int:
        """See `Database`."""
        return connection.execute(sql, parameters).rowcount

    def commit(self, connection: Connection) -> None:
        """See `Database`."""
        connection.execute("COMMIT")

    def look_at_files(self) -> None:
        """There are none."""

    def look(self, read: Callable[[Connection], R], *, bytes_too: bool = False) -> R:
        """See `Database`."""
        return read(self._connection)

    def changed_by_others(self, connection: Connection) -> bool:
        """Nobody has: there are no others."""
        return False  # there are none

    def size(self, connection: Connection) -> Size:
        """See `Database`."""
        return Size(len(self.image()), 0, 0)

    def tidy(self, connection: Connection) -> None:
        """Nothing is kept beside it."""


@functools.cache
def _schema() -> bytes:
    """A database with its schema and nothing in it: to make it takes longer than most tests."""
    database = MemoryDatabase(b"")
    schema.prepare(database, database.connect())
    image = database.image()
    database.end()
    return image


def _opened(image: bytes) -> _Shared:
    connection = _Shared(NAME, isolation_level=None, check_same_thread=False, cached_statements=256)
    if image:
        connection.deserialize(image)
    connection.execute("PRAGMA journal_mode=MEMORY")
    connection.execute("PRAGMA synchronous=OFF")
    connection.execute("PRAGMA temp_store=MEMORY")
    return connection
