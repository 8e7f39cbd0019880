"""What the tests of trouble share: the engine's complaints as signals, and a disk that is full when a test wants."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import cast

import inngest
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.statement import Connection

LARGE = "x" * 200_000
"""What needs pages of its own."""


class Complaints(logging.Handler):
    """What the engine complains of; tests wait for a complaint, and not for time."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self.told: list[str] = []
        self._more = threading.Condition()
        logging.getLogger("inngest").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        with self._more:
            self.told.append(record.getMessage())
            self._more.notify_all()

    def wait(self, words: str) -> str:
        """The first complaint with these words."""

        def found() -> list[str]:
            return [one for one in self.told if words in one]

        with self._more:
            assert self._more.wait_for(found, timeout=60), (words, self.told)
            return found()[0]

    async def come(self, words: str) -> str:
        """The same, while the loop goes on."""
        return await asyncio.to_thread(self.wait, words)


class Disk:
    """The space that engines have, as SQLite sees it: `PRAGMA max_page_count` of each of their connections.

    Args:
        replace: replaces an attribute, for as long as the test lasts.
    """

    def __init__(self, replace: Callable[[object, str, object], None]) -> None:
        self._connections: list[sqlite3.Connection] = []
        self._pages = 2**30
        connect = SqliteDatabase.connect

        def connected(database: SqliteDatabase) -> Connection:
            connection = connect(database)
            self._connections.append(cast("sqlite3.Connection", connection))
            self._apply()
            return connection

        replace(SqliteDatabase, "connect", connected)

    def is_full(self) -> None:
        """From now on no database may grow."""
        self._pages = 1  # SQLite takes the pages that there are
        self._apply()

    def has_space(self) -> None:
        """Somebody has made space."""
        self._pages = 2**30
        self._apply()

    def _apply(self) -> None:
        for connection in list(self._connections):
            try:
                connection.execute(f"PRAGMA max_page_count={self._pages}")
            except sqlite3.ProgrammingError:  # it is closed
                self._connections.remove(connection)


class Shop:
    """A function with a step that waits until it is let through, and gives something large."""

    def __init__(self) -> None:
        self.entered = threading.Event()
        self.open = threading.Event()
        self.packed = 0
        self.client = inngest.Inngest(app_id="shop")
        create = self.client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="order"))
        self.order: inngest.Function[object] = create(self._order)

    async def _order(self, ctx: inngest.Context) -> object:
        await ctx.step.run("first", lambda: None)
        packed = await ctx.step.run("pack", asyncio.to_thread, self._pack)
        return len(packed)

    def _pack(self) -> str:
        self.packed += 1
        self.entered.set()
        assert self.open.wait(60)
        return LARGE

    async def is_entered(self) -> None:
        """The step has begun."""
        assert await asyncio.to_thread(self.entered.wait, 60)


def integrity(path: Path) -> str:
    """What SQLite finds when it looks through a file."""
    connection = sqlite3.connect(path)
    try:
        return str(connection.execute("PRAGMA integrity_check").fetchone()[0])
    finally:
        connection.close()
