"""A database whose commits fail when a test wants: before they have happened, or after."""

from __future__ import annotations

import enum
import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path

from inngest.engine.ports import Store
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.sql import SqlStore
from inngest.engine.store.statement import Connection
from tests.contract.store.stores import POLICY, CountedIds, InlineExecutor

CODES = {
    "database or disk is full": sqlite3.SQLITE_FULL,
    "disk I/O error": sqlite3.SQLITE_IOERR,
    "database is locked": sqlite3.SQLITE_BUSY,
}


def error(words: str) -> sqlite3.OperationalError:
    """An error of SQLite, by its words."""
    made = sqlite3.OperationalError(words)
    made.sqlite_errorcode = CODES[words]
    return made


class Fails(enum.Enum):
    """How a commit fails."""

    NOT_STORED = "before it has happened"
    UNANSWERED = "after it has happened"


class Failing(SqliteDatabase):
    """A file.

    Args:
        path: where it is.

    Attributes:
        plan: how the next commits fail, each with its error; None for one that succeeds.
        closed: so many transactions more cannot begin.
        closes: what `closed` is after a commit that failed.
    """

    def __init__(self, path: Path) -> None:
        super().__init__(path, durable=False, nap=lambda _: None)
        self.plan: list[tuple[Fails, Exception] | None] = []
        self.closed = 0
        self.closes = 0

    def begin(self, connection: Connection) -> None:
        if self.closed > 0:
            self.closed -= 1
            raise error("disk I/O error")
        super().begin(connection)

    def commit(self, connection: Connection) -> None:
        how, why = (self.plan.pop(0) if self.plan else None) or (None, None)
        if how is Fails.NOT_STORED and why is not None:
            raise why
        super().commit(connection)
        if why is not None:
            self.closed = self.closes
            raise why

    def alone(self, connection: Connection, sql: str, parameters: Sequence[object], *, patient: bool = True) -> int:
        self.begin(connection)
        assert isinstance(connection, sqlite3.Connection)
        changed = connection.execute(sql, parameters).rowcount
        self.commit(connection)
        return changed


class Slow(InlineExecutor):
    """Answers come when a test lets them."""

    def __init__(self) -> None:
        self.replies: list[Callable[[], None]] | None = None  # None: they come at once

    def reply(self, callback: Callable[[], None]) -> None:
        """Call back, or later."""
        if self.replies is None:
            callback()
        else:
            self.replies.append(callback)

    def let_come(self) -> None:
        """All answers come."""
        held, self.replies = self.replies or [], None
        for callback in held:
            callback()


class FailingPlace:
    """A file, with its database in the hands of the test."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self.path = folder / "failing.db"
        self.database = Failing(self.path)
        self.executor = Slow()
        self._ids = CountedIds()

    def store(self) -> Store:
        """The store whose commits fail."""
        return SqlStore(self.database, self.executor, self._ids, POLICY)

    def contents(self) -> dict[str, list[tuple[object, ...]]]:
        """All rows that are stored, but for the numbers of batches."""
        connection = sqlite3.connect(self.path)
        try:
            names = [row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
            return {
                name: connection.execute(f"SELECT * FROM {name}").fetchall()
                for name in sorted(names)
                if name != "inngest_writers"
            }
        finally:
            connection.close()
