"""Guards of the driver's connection while a handler uses it: the right database, one transaction, and no COMMIT.

All libraries end at one of two drivers, so that the statements of the store run on each as they are.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Protocol, cast

from inngest.engine.records import Owner
from inngest.engine.store import within
from inngest.engine.store.database import Database
from inngest.sdk.errors import TransactionError

ENDED = (
    "the function of a step.transaction ended its transaction: it neither commits nor rolls back, for the step is "
    "recorded in the same transaction. What it has committed stays, and the step is not recorded"
)
REFUSED = (
    "the function of a step.transaction called commit() or rollback(): it does neither, for the step is recorded in "
    "the same transaction. Nothing was committed"
)


class Guard(Protocol):
    """Watches over a driver's connection in one transaction."""

    def see(self, owner: Owner) -> None:
        """See that it is a transaction on the engine's database, in which a run has this owner.

        Raises:
            TransactionError: it is not.
        """
        ...

    def watch(self) -> None:
        """The handler begins: have it refused, as far as the driver can, that it ends the transaction."""
        ...

    def check(self) -> None:
        """The handler has returned.

        Raises:
            TransactionError: it is not in the same transaction any more.
        """
        ...

    def release(self) -> None:
        """Refuse nothing any more."""
        ...

    def hurry(self, ms: int) -> None:
        """From now on the transaction holds the run: it rests for so long at most, and is over then."""
        ...

    def execute(self, statement: within.Executed) -> int:
        """Execute a statement; how many rows it changed."""
        ...

    @property
    def is_open(self) -> bool:
        """Whether a transaction is open."""
        ...


def guard_of(driver: object, database: Database, file: Path | None) -> Guard:
    """The guard of a driver's connection.

    Raises:
        TransactionError: it is of a driver that is not known here, or not of the kind of the engine's database.
    """
    if file is not None and isinstance(driver, sqlite3.Connection):
        return SqliteGuard(driver, database, file)
    psycopg: Any = sys.modules.get("psycopg")
    if file is None and psycopg is not None and isinstance(driver, psycopg.Connection):
        from .postgres_guard import PostgresGuard  # noqa: PLC0415 - it needs the driver

        return PostgresGuard(cast("Any", driver), database)
    wanted = "the driver psycopg" if file is None else "sqlite3"
    raise TransactionError(
        f"transactions: the connection is one of {type(driver).__module__}, and the engine's database {database.name} "
        f"needs one of {wanted}"
    )


def elsewhere(found: str, database: Database) -> TransactionError:
    """The error of a connection of another database."""
    return TransactionError(
        f"transactions: the connection is of {found}, and the engine's database is {database.name}: what commits "
        "together must be in one database (or the run was taken from this worker just now)"
    )


class SqliteGuard:
    """See `Guard`. SQLite itself refuses what ends the transaction."""

    def __init__(self, connection: sqlite3.Connection, database: Database, file: Path) -> None:
        self._connection = connection
        self._database = database
        self._file = file
        self._denied = False

    def see(self, owner: Owner) -> None:
        found = next(row[2] for row in self._connection.execute("PRAGMA database_list") if row[1] == "main")
        if not found or not is_same(found, self._file):
            raise elsewhere(found or "a database in memory", self._database)
        self._connection.execute(within.lock_file(self._database))  # some libraries begin without it
        sql, parameters = within.owns(self._database, owner)
        if self._connection.execute(sql, parameters).fetchone() is None:
            raise elsewhere(found, self._database)

    def watch(self) -> None:
        def authorise(action: int, *_: object) -> int:
            if action != sqlite3.SQLITE_TRANSACTION:
                return sqlite3.SQLITE_OK
            self._denied = True
            return sqlite3.SQLITE_DENY

        self._connection.set_authorizer(authorise)

    def check(self) -> None:
        self.release()
        if self._denied:
            raise TransactionError(REFUSED)
        if not self.is_open:
            raise TransactionError(ENDED)

    def release(self) -> None:
        with contextlib.suppress(sqlite3.ProgrammingError):  # it is closed
            self._connection.set_authorizer(None)

    def hurry(self, ms: int) -> None:
        """A file is locked by its process, and free when that is gone."""

    def execute(self, statement: within.Executed) -> int:
        changed: int = self._connection.execute(*statement).rowcount
        return changed

    @property
    def is_open(self) -> bool:
        try:
            return self._connection.in_transaction
        except sqlite3.ProgrammingError:  # it is closed
            return False


def is_same(found: str, file: Path) -> bool:
    """Whether a connection's file is the engine's."""
    try:
        return os.path.samefile(found, file)
    except OSError:
        return False


def is_in_the_way(error: BaseException) -> bool:
    """Whether an error says that others were in the way, and a new transaction may succeed."""
    return any(
        getattr(one, "sqlstate", None) in ("40001", "40P01")
        or getattr(one, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
        for one in causes(error)
    )


def is_settled(error: BaseException) -> bool:
    """Whether the database has said of a COMMIT that it did not happen."""
    states = [str(state) for one in causes(error) if (state := getattr(one, "sqlstate", None))]
    return any(state[:2] in ("22", "23", "25", "40", "42", "P0") for state in states)


def causes(error: BaseException) -> Iterator[BaseException]:
    """An error, and those of the driver in it, where a library has one of its own around it."""
    seen: list[BaseException] = []
    left: list[object] = [error]
    while left:
        one = left.pop()
        if isinstance(one, BaseException) and one not in seen:
            seen.append(one)
            yield one
            left += [getattr(one, "orig", None), one.__cause__]
