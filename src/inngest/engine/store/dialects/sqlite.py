"""SQLite: one file, WAL, several processes of one machine."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Table, bindparam, func, select
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.dialects.sqlite import insert
from sqlalchemy.sql.elements import ColumnElement

from inngest.engine.ports import (
    StoreBusyError,
    StoreCorruptError,
    StoreError,
    StoreFullError,
    StoreReadOnlyError,
    StoreVersionError,
)
from inngest.engine.store.database import Trouble
from inngest.engine.store.statement import Connection, S

R = TypeVar("R")

PATIENCE = 5.0
"""Seconds that one try waits for another process's transaction."""

WAL_PAGES = 4_000
"""Pages in the WAL from which on a commit checkpoints; below, it is done when nothing waits."""

OLDEST = (3, 35, 0)
"""RETURNING came with this version."""

_RETRY = {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}
_KINDS: dict[int, tuple[type[StoreError], str]] = {
    sqlite3.SQLITE_FULL: (StoreFullError, "there is no space left for {path}: free some, nothing was lost"),
    sqlite3.SQLITE_READONLY: (
        StoreReadOnlyError,
        "{path} may not be written by this user: give it write permission for the file and its folder",
    ),
    sqlite3.SQLITE_PERM: (StoreReadOnlyError, "{path} may not be written by this user"),
    sqlite3.SQLITE_CANTOPEN: (
        StoreReadOnlyError,
        "{path} cannot be opened: its folder must exist, and this user must be allowed to write there",
    ),
    sqlite3.SQLITE_NOTADB: (StoreCorruptError, "{path} is not an SQLite database: name another file"),
    sqlite3.SQLITE_CORRUPT: (
        StoreCorruptError,
        "{path} is damaged: keep a copy, and try `sqlite3 {path} .recover` or a backup",
    ),
    sqlite3.SQLITE_IOERR: (StoreError, "{path} cannot be read or written: {error}"),
}


class SqliteDatabase:
    """A file.

    Args:
        path: where it is; its folder must exist.
        durable: whether a commit survives a power cut (synchronous=FULL), or only a crash of the process.
    """

    def __init__(self, path: Path, *, durable: bool = True) -> None:
        if sqlite3.sqlite_version_info < OLDEST:
            raise StoreVersionError(
                f"SQLite {sqlite3.sqlite_version} is too old: at least {'.'.join(map(str, OLDEST))} is needed"
            )
        self.path = path
        self.dialect = sqlite_dialect(paramstyle="qmark")
        self._synchronous = "FULL" if durable else "NORMAL"
        self._seen_version: int | None = None

    # -- words

    def insert(self, table: Table) -> Any:
        return insert(table)

    def any_of(self, column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
        values = func.json_each(bindparam(parameter)).table_valued("value")
        return column.in_(select(values.c.value))

    def locking(self, select: S, *, skip: bool) -> S:
        return select  # a transaction that writes has the file for itself

    # -- transactions

    def connect(self) -> Connection:
        try:
            connection = sqlite3.connect(
                self.path, timeout=PATIENCE, isolation_level=None, check_same_thread=False, cached_statements=256
            )
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
            connection.execute(f"PRAGMA synchronous={self._synchronous}")
            connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
            connection.execute("PRAGMA temp_store=MEMORY")
        except sqlite3.Error as error:
            raise self.explain(error) from error
        return connection

    def begin(self, connection: Connection) -> None:
        connection.execute("BEGIN IMMEDIATE")

    def commit(self, connection: Connection) -> None:
        connection.execute("COMMIT")

    def rollback(self, connection: Connection) -> None:
        assert isinstance(connection, sqlite3.Connection)
        if connection.in_transaction:
            connection.execute("ROLLBACK")

    def trouble(self, error: Exception) -> Trouble:
        if not isinstance(error, sqlite3.DatabaseError):
            return Trouble.DATA
        code = _code(error)
        if code in _RETRY:
            return Trouble.RETRY
        return Trouble.FATAL if code in _KINDS else Trouble.DATA

    def explain(self, error: Exception) -> StoreError:
        kind, text = _KINDS.get(_code(error), (StoreError, "{path}: {error}"))
        if _code(error) in _RETRY:
            kind, text = StoreBusyError, "{path} stayed locked by another process; nothing was written"
        return kind(text.format(path=self.path, error=error))

    def changed_by_others(self, connection: Connection) -> bool:
        row = connection.execute("PRAGMA data_version").fetchone()
        assert row is not None
        seen, self._seen_version = self._seen_version, row[0]
        return seen is not None and seen != row[0]

    def tidy(self, connection: Connection) -> None:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def connect_reader(self) -> Connection:
        if not self.path.exists():
            raise StoreReadOnlyError(f"{self.path} does not exist")
        try:
            connection = sqlite3.connect(
                f"{self.path.absolute().as_uri()}?mode=ro",
                uri=True,
                timeout=PATIENCE,
                isolation_level=None,
                check_same_thread=False,
            )
            connection.execute("PRAGMA query_only=ON")
        except sqlite3.Error as error:
            raise self.explain(error) from error
        return connection

    def look(self, read: Callable[[Connection], R]) -> R:
        """Read from one moment of the file, for a process that has nothing else to do with it.

        It writes nothing, not even beside the file: where no worker has the file open there is no WAL, and SQLite
        would create one to read, or refuse where it may not. A worker that begins meanwhile creates one; then it is
        read again.
        """
        wal = self.path.with_name(f"{self.path.name}-wal")
        alone = not wal.exists()
        try:
            connection = self._open_to_look("immutable=1" if alone else "mode=ro")
            try:
                connection.execute("BEGIN")
                result = read(connection)
            finally:
                connection.close()
        except sqlite3.Error as error:
            if alone and wal.exists():
                return self.look(read)
            raise self.explain(error) from error
        return self.look(read) if alone and wal.exists() else result

    def _open_to_look(self, how: str) -> sqlite3.Connection:
        try:
            with self.path.open("rb"):
                pass
        except OSError as error:
            raise StoreError(f"{self.path} cannot be read: {error.strerror}") from error
        return sqlite3.connect(
            f"{self.path.absolute().as_uri()}?{how}", uri=True, timeout=PATIENCE, isolation_level=None
        )

    def tables(self, connection: Connection) -> set[str]:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()}


def _code(error: Exception) -> int:
    """The primary result code; 0 if it is not SQLite's."""
    code = getattr(error, "sqlite_errorcode", None)
    return code & 0xFF if isinstance(code, int) else 0
