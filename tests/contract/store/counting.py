"""A database that counts what the writer does."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable
from pathlib import Path

from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.statement import Connection


class Counting(SqliteDatabase):
    """A file.

    Args:
        path: where it is.
        weighs: the write-ahead log is kept as it grows, so that it tells how much each transaction writes.

    Attributes:
        steps: of SQLite's machine so far, for the writer's statements.
        rows: that each transaction has written.
        bytes: that each has written into the log; none if it does not weigh them.
        characters: of all texts that the writer has read so far.
    """

    def __init__(self, path: Path, *, weighs: bool = False) -> None:
        super().__init__(path, durable=False)
        self.steps = 0
        self.rows: list[int] = []
        self.bytes: list[int] = []
        self.characters = 0
        self._weighs = weighs
        self._before = self._length = 0

    def connect(self) -> Connection:
        connection = super().connect()
        assert isinstance(connection, sqlite3.Connection)
        connection.row_factory = self._read
        if self._weighs:
            connection.execute("PRAGMA wal_autocheckpoint=0")
        else:
            connection.set_progress_handler(self._count, 1)
        return connection

    def begin(self, connection: Connection) -> None:
        super().begin(connection)
        assert isinstance(connection, sqlite3.Connection)
        self._before = connection.total_changes

    def commit(self, connection: Connection) -> None:
        super().commit(connection)
        assert isinstance(connection, sqlite3.Connection)
        self.rows.append(connection.total_changes - self._before)
        if self._weighs:
            before, self._length = self._length, self.path.with_name(f"{self.path.name}-wal").stat().st_size
            self.bytes.append(self._length - before)

    def _read(self, _: sqlite3.Cursor, row: tuple[object, ...]) -> tuple[object, ...]:
        self.characters += sum(len(value) for value in row if isinstance(value, str))
        return row

    def _count(self) -> int:
        self.steps += 1
        return 0

    async def of(self, work: Awaitable[object]) -> int:
        """How many steps something takes."""
        before = self.steps
        await work
        return self.steps - before
