"""What a contender says to SQLite: a look from below, through the driver, that needs nothing of its inside.

Used in processes of their own, whose times are not compared: watching costs time.
"""

from __future__ import annotations

import functools
import sqlite3
import time
import weakref
from collections import Counter
from typing import Any

PRAGMAS = ("journal_mode", "synchronous", "wal_autocheckpoint", "page_size", "busy_timeout", "foreign_keys")


class Watched(sqlite3.Connection):
    """A connection that counts its statements, and times the transactions begun and ended with `execute`."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._began = self._asked = self._committed = 0.0
        self.set_trace_callback(_count)
        _connections.add(self)

    def execute(self, sql: str, *parameters: Any) -> sqlite3.Cursor:
        if sql.startswith("BEGIN"):
            self._asked = time.perf_counter()
            cursor = super().execute(sql, *parameters)
            self._began = time.perf_counter()
            return cursor
        if sql != "COMMIT":
            return super().execute(sql, *parameters)
        asked = time.perf_counter()
        cursor = super().execute(sql, *parameters)
        done = time.perf_counter()
        if self._committed:
            _add("between", self._asked - self._committed)
        _add("begin", self._began - self._asked)
        _add("statements", asked - self._began)
        _add("commit", done - asked)
        self._committed = done
        _counts["timed transactions"] += 1
        return cursor


_connections: weakref.WeakSet[Watched] = weakref.WeakSet()
_statements: Counter[str] = Counter()
_counts: Counter[str] = Counter()
_seconds: dict[str, float] = {}


def watch() -> None:
    """Watch every connection that this process opens from now on."""
    connect: Any = functools.partial(sqlite3.connect, factory=Watched)
    sqlite3.connect = sqlite3.dbapi2.connect = connect


def reset() -> None:
    """Forget what was seen."""
    _statements.clear()
    _counts.clear()
    _seconds.clear()
    for connection in list(_connections):
        connection._committed = 0.0


def seen() -> dict[str, Any]:
    """Statements by first word, without PRAGMAs, and the seconds of transactions by part."""
    pragmas = _statements.pop("PRAGMA", 0)
    return {"statements": dict(_statements), "pragmas": pragmas, "seconds": dict(_seconds), **_counts}


def settings() -> list[dict[str, object]]:
    """The settings that are in force on the connections that are open, each set of them once."""
    found: list[dict[str, object]] = []
    for connection in list(_connections):
        connection.set_trace_callback(None)
        try:
            values = {name: connection.execute(f"PRAGMA {name}").fetchone()[0] for name in PRAGMAS}
        except sqlite3.ProgrammingError:  # closed
            continue
        if values not in found:
            found.append(values)
    return found


def _count(sql: str) -> None:
    if not sql.startswith("--"):  # the body of a trigger
        _statements[sql.split(None, 1)[0].upper()] += 1


def _add(part: str, seconds: float) -> None:
    _seconds[part] = _seconds.get(part, 0.0) + seconds
