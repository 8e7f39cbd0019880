"""Locks as PostgreSQL takes them: rows of sessions and runs, and guards and budgets in one of three forms (`modes`)."""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Collection, Sequence
from functools import cached_property

import psycopg

from inngest.engine.errors import StoreCorruptError
from inngest.engine.store.locks import THROTTLE, Kind, Lock, NotFree
from inngest.engine.store.statement import Connection, Cursor

from .modes import Guards

ROWS = 1_024
"""Rows of the table of guards. Names that share one wait for each other, and that is all that they do."""

GUARDS = "inngest_guards"
"""The table of guards. It is there only where guards are rows, since nothing else knows it."""

_NAMED = (Kind.GUARD, Kind.BUDGET)
_ROWS = {
    (Kind.SESSION, False): ("inngest_sessions", "KEY SHARE"),
    (Kind.SESSION, True): ("inngest_sessions", "UPDATE"),
    (Kind.RUN, False): ("inngest_runs", "NO KEY UPDATE"),
    (Kind.RUN, True): ("inngest_runs", "NO KEY UPDATE"),
}


def row_of(lock: Lock) -> int:
    """The row of the table of guards that stands for a lock. Budgets have the second half: they come after runs."""
    half = ROWS // 2
    number = zlib.crc32(lock.key.encode()) % half
    return number + half if lock.kind is Kind.BUDGET else number


def creating(table: str) -> str:
    """The statement that creates the table of guards, by its name."""
    return f"CREATE TABLE {table} (n INTEGER PRIMARY KEY)"


class Locking:
    """Takes the locks of transactions.

    Args:
        named: gives a table as it is named in a statement.
        seed: of advisory locks: engines of other schemas do not meet them.
        guards: how names are held.
    """

    def __init__(self, named: Callable[[str], str], seed: int, guards: Guards) -> None:
        self._named = named
        self._seed = seed
        self._take_names = {
            Guards.ADVISORY: self._take_advisory,
            Guards.ROWS: self._take_rows_of_guards,
            Guards.NONE: self._take_counts,
        }[guards]

    def take(self, connection: Connection, locks: Sequence[Lock], *, late: bool) -> None:
        """Take locks in this order until the transaction ends. Waits for nobody if they are late.

        Raises:
            NotFree: others hold a late one.
        """
        for kind in Kind:
            of_kind = [lock for lock in locks if lock.kind is kind]
            if not of_kind:
                continue
            if kind in _NAMED:
                self._take_names(connection, of_kind, late)
            else:
                self._take_rows(connection, kind, of_kind, late)

    def complete(self, connection: Connection, tables: Collection[str]) -> None:
        """Have the table of guards, with all of its rows. The schema is held; `tables` are in it."""
        if GUARDS not in tables:
            connection.execute(creating(self._guards_table))
        row = connection.execute(f"SELECT count(*) FROM {self._guards_table}").fetchone()
        if row is None or row[0] != ROWS:
            connection.execute(
                f"INSERT INTO {self._guards_table} (n) SELECT n FROM generate_series(0, {ROWS - 1}) AS n "
                "ON CONFLICT DO NOTHING"
            )

    # -- rows of what is locked

    def _take_rows(self, connection: Connection, kind: Kind, locks: Sequence[Lock], late: bool) -> None:
        for exclusive in (False, True):
            keys = [lock.key for lock in locks if lock.exclusive is exclusive]
            if keys:
                table, strength = _ROWS[kind, exclusive]
                self._locked(connection, _locking(self._named(table), "id", "text", strength), keys, locks, late)

    def _take_counts(self, connection: Connection, locks: Sequence[Lock], late: bool) -> None:
        """Nothing is held by name. Rows that are counted in are, so that who writes several waits for no other in a
        circle; what is not there yet is the database's to judge.
        """
        keys = [lock.key for lock in locks if lock.kind is Kind.BUDGET]
        throttles = [key.removeprefix(THROTTLE) for key in keys if key.startswith(THROTTLE)]
        if keys:
            sql = _locking(self._named("inngest_budgets"), "budget", "text", "NO KEY UPDATE")
            self._locked(connection, sql, keys, locks, late)
        if throttles:
            sql = _locking(self._named("inngest_throttles"), "id", "text", "NO KEY UPDATE")
            self._locked(connection, sql, throttles, locks, late)

    # -- rows of a table of guards

    @cached_property
    def _guards_table(self) -> str:
        return self._named(GUARDS)

    def _take_rows_of_guards(self, connection: Connection, locks: Sequence[Lock], late: bool) -> None:
        """All take them by their numbers: neighbours that are held in the same way by one statement."""
        exclusive: dict[int, bool] = {}
        for lock in locks:
            number = row_of(lock)
            exclusive[number] = exclusive.get(number, False) or lock.exclusive
        for alone, group in itertools.groupby(sorted(exclusive), key=exclusive.__getitem__):
            numbers = list(group)
            sql = _locking(self._guards_table, "n", "int", "UPDATE" if alone else "SHARE")
            found = self._locked(connection, sql, numbers, locks, late).fetchall()
            if len(found) < len(numbers):
                raise StoreCorruptError(
                    f"{self._guards_table} has lost rows, which writers lock: start an engine anew, it fills the table"
                )

    def _locked(
        self, connection: Connection, sql: str, keys: Sequence[object], locks: Sequence[Lock], late: bool
    ) -> Cursor:
        try:
            return connection.execute(f"{sql} NOWAIT" if late else sql, [keys])
        except psycopg.errors.LockNotAvailable:
            if not late:
                raise
            raise NotFree(locks) from None

    # -- advisory locks

    def _take_advisory(self, connection: Connection, locks: Sequence[Lock], late: bool) -> None:
        names = [f"{lock.kind.name} {lock.key}" for lock in locks]
        sql = self._late_guards if late else self._guards
        rows = connection.execute(sql, [names, [lock.exclusive for lock in locks]]).fetchall()
        if late and not all(row[0] for row in rows):
            raise NotFree(locks)

    @cached_property
    def _guards(self) -> str:
        return self._locking_names("pg_advisory_xact_lock")

    @cached_property
    def _late_guards(self) -> str:
        return self._locking_names("pg_try_advisory_xact_lock")

    def _locking_names(self, lock: str) -> str:
        """All take them in the order of their numbers."""
        given = "unnest($1::text[], $2::bool[]) AS given (name, exclusive)"
        numbers = f"SELECT hashtextextended(name, {self._seed}) AS number, exclusive FROM {given} ORDER BY 1 OFFSET 0"
        return f"SELECT CASE WHEN exclusive THEN {lock}(number) ELSE {lock}_shared(number) END FROM ({numbers}) AS n"


def _locking(table: str, key: str, kind: str, strength: str) -> str:
    return f"SELECT 1 FROM {table} WHERE {key} = ANY($1::{kind}[]) ORDER BY {key} FOR {strength}"
