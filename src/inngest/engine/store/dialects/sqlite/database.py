"""SQLite: one file, WAL, several processes of one machine."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, TypeVar, cast

from inngest.engine.errors import StoreError, StoreReadOnlyError, StoreVersionError
from inngest.engine.store import core
from inngest.engine.store.core import (
    ColumnElement,
    Dialect,
    Integer,
    Table,
    bindparam,
    func,
    literal_column,
    select,
)
from inngest.engine.store.database import Size, Trouble, Wakes
from inngest.engine.store.locks import Lock
from inngest.engine.store.statement import Connection, S
from inngest.engine.store.texts import Texts

from . import errors
from .files import Files

R = TypeVar("R")

PATIENCE = 5.0
"""Seconds that one try waits for another process's transaction."""

_NAP, _FIRST_NAPS, _LONG_NAP = 0.0005, 1_000, 0.005
"""How long (s) to wait between two looks at whether another process has finished, and how often before the looks
become rarer. SQLite's own waiting ends in naps of 100 ms, and the gaps of a busy process are shorter than that:
beside one, a transaction then takes seconds instead of milliseconds (docs/decisions/0010)."""

WAL_PAGES = 4_000
"""Pages in the WAL from which on a commit checkpoints; below, it is done when nothing waits."""

OLDEST = (3, 35, 0)
"""RETURNING came with this version."""


def _dialect() -> Dialect:
    dialect: Dialect = core.built(core.of("sqlalchemy.dialects.sqlite", "dialect")(paramstyle="qmark"))
    return dialect


TEXTS = Texts(Path(__file__).with_name("statements.json"), _dialect)


class SqliteDatabase:
    """A file.

    Attributes:
        shared: no others write during a transaction, since it has the file (BEGIN IMMEDIATE).

    Args:
        path: where it is; its folder must exist.
        durable: whether a commit survives a power cut (synchronous=FULL), or only a crash of the process.
        patience: seconds that one try waits for another process's transaction.
        nap: waits for so many seconds.
    """

    shared: bool = False
    dbname: str | None = None
    wakes: Wakes | None = None

    def __init__(
        self,
        path: Path,
        *,
        durable: bool = True,
        patience: float = PATIENCE,
        nap: Callable[[float], object] = time.sleep,
    ) -> None:
        if sqlite3.sqlite_version_info < OLDEST:
            raise StoreVersionError(
                f"SQLite {sqlite3.sqlite_version} is too old: at least {'.'.join(map(str, OLDEST))} is needed"
            )
        self._files = Files(path)
        self.path = self._files.path
        self.name = str(self.path)
        self._synchronous = "FULL" if durable else "NORMAL"
        self._patience = patience
        self._nap = nap
        self._seen_version: int | None = None
        self._changes = 0  # of the connection, when its transaction began

    # -- words

    @property
    def dialect(self) -> Dialect:
        return _dialect()

    def beat(self) -> None:
        return None  # nobody has a lease

    @property
    def texts(self) -> Texts:
        return TEXTS

    def insert(self, table: Table) -> Any:
        return core.of("sqlalchemy.dialects.sqlite", "insert")(table)

    def listed(self, parameter: str) -> ColumnElement[Any]:
        value: ColumnElement[Any] = func.json_each(bindparam(parameter)).table_valued("value").c.value
        return value

    def inserted(self, table: Table) -> ColumnElement[int]:
        return literal_column(table.name + ".rowid", Integer)

    def any_of(self, column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
        return column.in_(select(self.listed(parameter)))

    def locking(self, select: S, *, skip: bool) -> S:
        return select  # a transaction that writes has the file for itself

    def is_of_row(self, error: Exception) -> bool:
        return self.trouble(error) in (Trouble.DATA, Trouble.SQL)

    # -- transactions

    def lock(self, connection: Connection, locks: Sequence[Lock], *, late: bool = False) -> None:
        """The transaction has the file."""

    def hold_schema(self, connection: Connection) -> None:
        """The transaction has the file."""

    def agree(self, connection: Connection, *, new: bool) -> None:
        """One writes at a time."""

    def named(self, table: str) -> str:
        return table

    def connect(self) -> Connection:
        if forbidden := errors.forbidden_file(self.path):  # SQLite would open it all the same, to read
            raise StoreReadOnlyError(forbidden)
        connection: sqlite3.Connection | None = None
        try:
            connection = sqlite3.connect(
                self.path, timeout=0, isolation_level=None, check_same_thread=False, cached_statements=256
            )
            mode = self._execute_patiently(connection, "PRAGMA journal_mode=WAL").fetchone()
            connection.execute(f"PRAGMA synchronous={self._synchronous}")
            connection.execute(f"PRAGMA wal_autocheckpoint={WAL_PAGES}")
            connection.execute("PRAGMA temp_store=MEMORY")
            self._execute_patiently(connection, "SELECT 1 FROM sqlite_master LIMIT 1").fetchall()  # it opens the WAL
        except sqlite3.Error as error:
            if connection is not None:
                connection.close()
            raise self.explain(error) from error
        if mode != ("wal",):
            connection.close()
            raise StoreError(f"SQLite has no WAL for {self.path}, it gives {mode}: put the database on a local disk")
        self._files.opened()
        self._seen_version = None  # each connection counts for itself
        return connection

    def begin(self, connection: Connection) -> None:
        self._files.check()
        self._execute_patiently(connection, "BEGIN IMMEDIATE")
        self._changes = cast("sqlite3.Connection", connection).total_changes

    def alone(self, connection: Connection, sql: str, parameters: Sequence[object], *, patient: bool = True) -> int:
        if patient:  # else it is tried again patiently, if the files are gone by the second look
            self._files.check()
            cursor = self._execute_patiently(connection, sql, parameters)
        else:
            cursor = connection.execute(sql, parameters)
        self._files.check()  # SQLite has committed: there are no rows to fetch
        changed: int = cursor.rowcount
        return changed

    def begin_reading(self, connection: Connection) -> None:
        connection.execute("BEGIN")

    def commit(self, connection: Connection) -> None:
        connection.execute("COMMIT")
        self._files.check()  # it may have been into a file that nobody finds again

    def look_at_files(self) -> None:
        self._files.look()

    def has_written(self, connection: Connection) -> bool:
        return cast("sqlite3.Connection", connection).total_changes != self._changes

    def rollback(self, connection: Connection) -> None:
        if cast("sqlite3.Connection", connection).in_transaction:
            connection.execute("ROLLBACK")

    def is_lost(self, connection: Connection) -> bool:
        return False  # it is a file

    def cut(self) -> bool:
        return False  # whatever is done to a file comes to its end

    def trouble(self, error: Exception) -> Trouble:
        return errors.trouble_of(error)

    def explain(self, error: Exception) -> StoreError:
        return errors.explain(self.path, error)

    def give_as_bytes(self, connection: Connection, error: Exception) -> bool:
        if not errors.is_no_text(error):
            return False
        cast("sqlite3.Connection", connection).text_factory = _text_or_bytes
        return True

    def changed_by_others(self, connection: Connection) -> bool:
        try:
            row = connection.execute("PRAGMA data_version").fetchone()
        except sqlite3.Error as error:
            if self.trouble(error) is Trouble.RETRY:
                return False  # another process recovers the file: the next look tells
            raise self.explain(error) from error
        assert row is not None
        seen, self._seen_version = self._seen_version, row[0]
        return bool(seen != row[0])  # also the first time: nobody knows what happened before

    def declares_dead(self, connection: Connection, session_id: str) -> bool:
        return True  # its lock was free

    def look_at_lives(self, connection: Connection) -> None:
        """Locks tell it."""

    @property
    def waking(self) -> str | None:
        return None

    def size(self, connection: Connection) -> Size:
        free, page = (_pragma(connection, name) for name in ("freelist_count", "page_size"))
        return Size(self.path.stat().st_size, _length(self.path.with_name(f"{self.path.name}-wal")), free * page)

    def pause(self, tries: int, error: Exception) -> None:
        """Each try waits for other processes."""

    def tidy(self, connection: Connection) -> None:
        connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()

    def connect_reader(self) -> Connection:
        if not self.path.exists():
            raise StoreError(f"{self.path} does not exist")
        try:
            connection = sqlite3.connect(
                f"{self.path.as_uri()}?mode=ro",
                uri=True,
                timeout=PATIENCE,
                isolation_level=None,
                check_same_thread=False,
            )
            connection.execute("PRAGMA query_only=ON")
        except sqlite3.Error as error:
            raise self.explain(error) from error
        return connection

    def look(self, read: Callable[[Connection], R], *, bytes_too: bool = False) -> R:
        """Read from one moment of the file, for a process that has nothing else to do with it.

        It writes nothing, not even beside the file: where no worker has the file open there is no WAL, and SQLite
        would create one to read, or refuse where it may not. A worker that begins meanwhile creates one; then it is
        read again.
        """
        self._see_that_it_may_be_read()
        wal = self.path.with_name(f"{self.path.name}-wal")
        alone = not wal.exists()
        try:
            connection = self._open_to_look("immutable=1" if alone else "mode=ro")
            if bytes_too:
                connection.text_factory = _text_or_bytes
            try:
                connection.execute("BEGIN")
                result = read(connection)
            finally:
                connection.close()
        except sqlite3.Error as error:
            again = alone and wal.exists()
            if again or (not bytes_too and errors.is_no_text(error)):
                return self.look(read, bytes_too=bytes_too or not again)
            raise self.explain(error) from error
        return self.look(read, bytes_too=bytes_too) if alone and wal.exists() else result

    def _see_that_it_may_be_read(self) -> None:
        if why := errors.unreadable(self.path):
            raise StoreError(f"{self.path} cannot be read: {why}")

    def _open_to_look(self, how: str) -> sqlite3.Connection:
        return sqlite3.connect(f"{self.path.as_uri()}?{how}", uri=True, timeout=PATIENCE, isolation_level=None)

    def tables(self, connection: Connection) -> set[str]:
        return {row[0] for row in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall()}

    def _execute_patiently(self, connection: Connection, sql: str, parameters: Sequence[object] = ()) -> Any:
        """Execute what another process may be in the way of."""
        naps, waited = 0, 0.0
        while True:
            try:
                return connection.execute(sql, parameters)
            except sqlite3.OperationalError as error:
                if self.trouble(error) is not Trouble.RETRY or waited >= self._patience:
                    raise
            nap = _NAP if naps < _FIRST_NAPS else _LONG_NAP
            naps, waited = naps + 1, waited + nap
            self._nap(nap)


def _text_or_bytes(value: bytes) -> str | bytes:
    """A text; what is no UTF-8, as it is. It is slower than the driver's own way, so that it is the second."""
    try:
        return value.decode()
    except UnicodeDecodeError:
        return value


def _pragma(connection: Connection, name: str) -> int:
    row = connection.execute(f"PRAGMA {name}").fetchone()
    assert row is not None
    return int(row[0])


def _length(path: Path) -> int:
    try:
        return path.stat().st_size
    except FileNotFoundError:
        return 0
