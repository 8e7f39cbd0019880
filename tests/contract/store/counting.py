"""A database that counts what the writer does."""

from __future__ import annotations

import sqlite3
from collections.abc import Awaitable
from pathlib import Path

from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.statement import Connection


class Counting(SqliteDatabase):
    """A file.

    Attributes:
        steps: of SQLite's machine so far, for the writer's statements.
        rows: that each transaction has written.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, durable=False)
        self.steps = 0
        self.rows: list[int] = []
        self._before = 0

    def connect(self) -> Connection:
        connection = super().connect()
        assert isinstance(connection, sqlite3.Connection)
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

    def _count(self) -> int:
        self.steps += 1
        return 0

    async def of(self, work: Awaitable[object]) -> int:
        """How many steps something takes."""
        before = self.steps
        await work
        return self.steps - before
