"""The real SQLite database of a process, at whose commits a world can end the process, and which tells what changed."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Protocol

from inngest.engine.errors import StoreError
from inngest.engine.store import tables
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.dialects.sqlite.files import Files
from inngest.engine.store.statement import Connection

from .history import KEYS, TABLES, Written, written


class Boundary(Protocol):
    """What a world does at the boundaries of a process's transactions."""

    def begin(self) -> None:
        """A transaction begins. May raise that the database is busy."""
        ...

    def commit(self, commit: Callable[[], None], writings: Callable[[], list[Written]]) -> None:
        """A transaction is to be committed. May end the process, before or after."""
        ...

    def look(self, changed: bool) -> bool:
        """What a look at what others wrote is told."""
        ...

    def is_away(self) -> bool:
        """Whether the files are not where they were."""
        ...


class SimFiles(Files):
    """The files of a database in a world, which says where they are."""

    def __init__(self, path: Path, boundary: Boundary) -> None:
        super().__init__(path)
        self._boundary = boundary

    def check(self) -> None:
        self.look()

    def look(self) -> None:
        if self._boundary.is_away():
            raise StoreError("the files were moved away")


class SimDatabase(SqliteDatabase):
    """See the module.

    Args:
        path: the file; on tmpfs, or commits take their time.
        boundary: the world's hold on the process.
    """

    def __init__(self, path: Path, boundary: Boundary) -> None:
        super().__init__(path)
        self._files = SimFiles(path, boundary)
        self._synchronous = "OFF"
        self._boundary = boundary
        self._connections: list[sqlite3.Connection] = []

    def connect(self) -> Connection:
        connection = super().connect()
        assert isinstance(connection, sqlite3.Connection)
        if self._connections:  # the first one makes the schema, and is closed
            watch(connection)
        self._connections.append(connection)
        return connection

    def connect_reader(self) -> Connection:
        connection = super().connect_reader()
        assert isinstance(connection, sqlite3.Connection)
        self._connections.append(connection)
        return connection

    def begin(self, connection: Connection) -> None:
        self._boundary.begin()
        super().begin(connection)

    def commit(self, connection: Connection) -> None:
        self._boundary.commit(lambda: super(SimDatabase, self).commit(connection), lambda: _written(connection))

    def alone(self, connection: Connection, sql: str, parameters: Sequence[object], *, patient: bool = True) -> int:
        self.begin(connection)
        assert isinstance(connection, sqlite3.Connection)
        try:
            changed = connection.execute(sql, parameters).rowcount
            self.commit(connection)
        except Exception:  # SQLite undoes a statement that it begins and commits by itself
            self.rollback(connection)
            raise
        return changed

    def changed_by_others(self, connection: Connection) -> bool:
        return self._boundary.look(super().changed_by_others(connection))

    def abandon(self) -> None:
        """The process is gone: what it had not committed is undone."""
        for connection in self._connections:
            connection.close()
        self._connections.clear()


def busy() -> sqlite3.OperationalError:
    """What SQLite raises while another process holds the database."""
    error = sqlite3.OperationalError("database is locked")
    error.sqlite_errorcode = sqlite3.SQLITE_BUSY
    return error


def full() -> sqlite3.OperationalError:
    """What SQLite raises when no space is left."""
    error = sqlite3.OperationalError("database or disk is full")
    error.sqlite_errorcode = sqlite3.SQLITE_FULL
    return error


def unanswered() -> sqlite3.OperationalError:
    """What a commit raises that has happened."""
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR
    return error


def _journal() -> Iterator[str]:
    yield "CREATE TABLE sim_journal (tbl TEXT, gone INTEGER, row TEXT)"
    for name, columns in COLUMNS.items():
        new = "json_array(" + ",".join(f"NEW.{column}" for column in columns) + ")"
        key = "json_array(" + ",".join(f"OLD.{column}" for column in KEYS.get(name, ("id",))) + ")"
        for verb, values in (("INSERT", f"0,{new}"), ("UPDATE", f"0,{new}"), ("DELETE", f"1,{key}")):
            yield (
                f"CREATE TRIGGER sim_{name}_{verb} AFTER {verb} ON inngest_{name} "
                f"BEGIN INSERT INTO sim_journal VALUES('{name}',{values}); END"
            )


COLUMNS = {name: [column.name for column in tables.metadata.tables[f"inngest_{name}"].columns] for name in TABLES}
_JOURNAL = ";".join(("BEGIN", *_journal(), "COMMIT"))


def watch(connection: sqlite3.Connection) -> None:
    """Have all that is written into a database noted in it until its commit. The engine's statements stay as they are.

    Triggers of the file, not of a connection: to make them takes as long as ten steps, to read them as long as one.
    """
    if connection.execute("SELECT name FROM sqlite_master WHERE name = 'sim_journal'").fetchone() is None:
        connection.executescript(_JOURNAL)


def _written(connection: Connection) -> list[Written]:
    """What the transaction that is to be committed has written."""
    try:
        rows = connection.execute("SELECT tbl, gone, row FROM sim_journal ORDER BY rowid").fetchall()
    except sqlite3.OperationalError:  # the connection that makes the schema has no journal
        return []
    if rows:
        connection.execute("DELETE FROM sim_journal")
    return [
        Written(table, tuple(values), None) if gone else written(table, dict(zip(COLUMNS[table], values, strict=True)))
        for table, gone, text in rows
        for values in (json.loads(text),)
    ]
