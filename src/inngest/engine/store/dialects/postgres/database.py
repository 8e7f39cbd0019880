"""PostgreSQL: many writers on many machines."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from typing import Any, cast

import psycopg
from psycopg import RawCursor, conninfo
from psycopg.types.numeric import Int8Dumper

from inngest.engine.errors import StoreError, StoreVersionError
from inngest.engine.store import core
from inngest.engine.store.core import BigInteger, ColumnElement, Table, bindparam, func, literal_column, select
from inngest.engine.store.core import cast as cast_to
from inngest.engine.store.database import Trouble
from inngest.engine.store.locks import Kind, Lock, NotFree
from inngest.engine.store.statement import Connection, S
from inngest.engine.store.texts import Texts

from . import errors
from .words import LANGUAGE, PLACE, BuiltTexts, PostgresLanguage

OLDEST = 130_000
"""The oldest version that is tried."""

PAUSES = (0.0, 0.01, 0.05, 0.2, 0.5, 1.0)
"""Seconds before each further try of a transaction: a server that starts anew takes some."""


_ADVISORY = (Kind.GUARD, Kind.BUDGET)


class _Cursor(RawCursor[tuple[Any, ...]]):
    """Gives no rows for a statement that has none, as SQLite's does; notes whether anything was written."""

    def execute(self, query: Any, params: Any = None, **options: Any) -> Any:
        super().execute(query, params or None, **options)
        if self.rowcount > 0 and not (self.statusmessage or "").startswith("SELECT"):
            cast("PostgresConnection", self.connection).has_written = True
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        return super().fetchone() if self.description else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        return super().fetchall() if self.description else []


class PostgresConnection(psycopg.Connection[tuple[Any, ...]]):
    """A connection of the driver that ends its transactions only when it is told to.

    Attributes:
        has_written: whether a statement has changed anything since this was set to False.
    """

    has_written = False


class PostgresDatabase:
    """The tables of one schema of a PostgreSQL database.

    Attributes:
        shared: others write during a transaction.
        name: the URL without its password.

    Args:
        url: as libpq takes it: `postgresql://user@host/database`.
        schema: where the tables are; it is created if it is not there.
        nap: waits for so many seconds.
    """

    shared: bool = True

    def __init__(self, url: str, *, schema: str = "inngest", nap: Callable[[float], object] = time.sleep) -> None:
        self._url = url
        self._schema = schema
        self._nap = nap
        self._quoted = LANGUAGE.identifier_preparer.quote(schema)
        self._texts = BuiltTexts(self._quoted)
        self.name = _without_password(url)
        self._channel = f"inngest_{hashlib.sha256(schema.encode()).hexdigest()[:16]}"
        self._seed = int.from_bytes(hashlib.sha256(f"inngest {schema}".encode()).digest()[:7])
        self._changed = True

    # -- words

    @property
    def dialect(self) -> PostgresLanguage:
        return LANGUAGE

    @property
    def texts(self) -> Texts:
        return self._texts

    def insert(self, table: Table) -> Any:
        return core.of("sqlalchemy.dialects.postgresql", "insert")(table)

    def listed(self, parameter: str) -> ColumnElement[Any]:
        given = cast_to(bindparam(parameter), core.of("sqlalchemy", "JSON"))
        value: ColumnElement[Any] = func.json_array_elements_text(given).table_valued("value").c.value
        return value

    def inserted(self, table: Table) -> ColumnElement[int]:
        return literal_column(PLACE, BigInteger)  # no other table has a column of this name

    def any_of(self, column: ColumnElement[Any], parameter: str) -> ColumnElement[bool]:
        given = cast_to(bindparam(parameter), core.of("sqlalchemy", "JSON"))
        elements = func.array(select(func.json_array_elements_text(given)).scalar_subquery())
        return column == func.any(elements)

    def locking(self, select: S, *, skip: bool) -> S:
        return select.with_for_update(key_share=True, skip_locked=skip)

    def is_of_row(self, error: Exception) -> bool:
        return not isinstance(error, psycopg.Error)  # after an error of the server the transaction is over

    # -- transactions

    def lock(self, connection: Connection, locks: Sequence[Lock], *, late: bool = False) -> None:
        """One statement for each kind: guards and budgets are advisory locks, the others are locks of rows."""
        for kind in Kind:
            of_kind = [lock for lock in locks if lock.kind is kind]
            if not of_kind:
                continue
            if kind in _ADVISORY:
                self._lock_names(connection, of_kind, late=late)
            else:
                self._lock_rows(connection, kind, of_kind, late=late)

    def _lock_names(self, connection: Connection, locks: Sequence[Lock], *, late: bool) -> None:
        names = [f"{lock.kind.name} {lock.key}" for lock in locks]
        rows = connection.execute(
            self._late_guards if late else self._guards, [names, [lock.exclusive for lock in locks]]
        ).fetchall()
        if late and not all(row[0] for row in rows):
            raise NotFree(locks)

    def _lock_rows(self, connection: Connection, kind: Kind, locks: Sequence[Lock], *, late: bool) -> None:
        for exclusive in (False, True):
            keys = [lock.key for lock in locks if lock.exclusive is exclusive]
            if not keys:
                continue
            sql = self._rows[kind, exclusive] + (" NOWAIT" if late else "")
            try:
                connection.execute(sql, [keys])
            except psycopg.errors.LockNotAvailable:
                if not late:
                    raise
                raise NotFree(locks) from None

    @cached_property
    def _rows(self) -> Mapping[tuple[Kind, bool], str]:
        def locking(table: str, strength: str) -> str:
            return f"SELECT 1 FROM {self.named(table)} WHERE id = ANY($1::text[]) ORDER BY id FOR {strength}"

        return {
            (Kind.SESSION, False): locking("inngest_sessions", "KEY SHARE"),
            (Kind.SESSION, True): locking("inngest_sessions", "UPDATE"),
            (Kind.RUN, False): locking("inngest_runs", "NO KEY UPDATE"),
            (Kind.RUN, True): locking("inngest_runs", "NO KEY UPDATE"),
        }

    @cached_property
    def _guards(self) -> str:
        return self._locking_guards("pg_advisory_xact_lock")

    @cached_property
    def _late_guards(self) -> str:
        return self._locking_guards("pg_try_advisory_xact_lock")

    def _locking_guards(self, lock: str) -> str:
        """All take them in the order of their numbers."""
        given = "unnest($1::text[], $2::bool[]) AS given (name, exclusive)"
        numbers = f"SELECT hashtextextended(name, {self._seed}) AS number, exclusive FROM {given} ORDER BY 1 OFFSET 0"
        return f"SELECT CASE WHEN exclusive THEN {lock}(number) ELSE {lock}_shared(number) END FROM ({numbers}) AS n"

    def hold_schema(self, connection: Connection) -> None:
        self.lock(connection, [Lock(Kind.GUARD, "schema")])
        found = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = $1", [self._schema]).fetchone()
        if found is None:
            connection.execute(f"CREATE SCHEMA {self._quoted}")

    def named(self, table: str) -> str:
        return f"{self._quoted}.{table}"

    def connect(self) -> Connection:
        connection = self._open()
        try:
            if connection.info.server_version < OLDEST:
                raise StoreVersionError(
                    f"{self.name} is PostgreSQL {connection.info.server_version // 10_000}: at least 13 is needed"
                )
            connection.execute(f"LISTEN {self._channel}")
        except psycopg.Error as error:
            connection.close()
            raise self.explain(error) from error
        except StoreError:
            connection.close()
            raise
        self._changed = True  # what happened before it listened is not known
        return connection

    def _open(self) -> PostgresConnection:
        try:
            connection = PostgresConnection.connect(
                self._url,
                autocommit=True,
                cursor_factory=_Cursor,
                application_name="inngest",
                keepalives_idle=10,
                keepalives_interval=3,
                keepalives_count=3,
                tcp_user_timeout=15_000,
            )
        except psycopg.Error as error:
            raise self.explain(error) from error
        connection.adapters.register_dumper(int, Int8Dumper)  # else a statement is prepared for each size of number
        return connection

    def begin(self, connection: Connection) -> None:
        cast("PostgresConnection", connection).has_written = False
        connection.execute("BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE")

    def alone(self, connection: Connection, sql: str, parameters: Sequence[object], *, patient: bool = True) -> int:
        changed: int = connection.execute(sql, parameters).rowcount
        return changed

    def begin_reading(self, connection: Connection) -> None:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")

    def commit(self, connection: Connection) -> None:
        connection.execute("COMMIT")
        if cast("PostgresConnection", connection).has_written:
            connection.execute("SELECT pg_notify($1, '')", [self._channel])

    def look_at_files(self) -> None:
        """They are the server's."""

    def has_written(self, connection: Connection) -> bool:
        return cast("PostgresConnection", connection).has_written

    def rollback(self, connection: Connection) -> None:
        held = cast("PostgresConnection", connection)
        if held.closed or held.broken:
            raise psycopg.OperationalError("the connection is lost")
        if held.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            held.execute("ROLLBACK")

    def trouble(self, error: Exception) -> Trouble:
        return errors.trouble_of(error)

    def explain(self, error: Exception) -> StoreError:
        return errors.explain(self.name, error)

    def give_as_bytes(self, connection: Connection, error: Exception) -> bool:
        return False  # the server takes no text that is none

    def changed_by_others(self, connection: Connection) -> bool:
        held = cast("PostgresConnection", connection)
        own = held.info.backend_pid
        for notification in held.notifies(timeout=0):
            if notification.pid != own:
                self._changed = True
        changed, self._changed = self._changed, False
        return changed

    def tidy(self, connection: Connection) -> None:
        """The server does it."""

    def connect_reader(self) -> Connection:
        return self._open()

    def tables(self, connection: Connection) -> set[str]:
        found = connection.execute(
            "SELECT tablename::text FROM pg_tables WHERE schemaname = $1", [self._schema]
        ).fetchall()
        return {name for (name,) in found}


def _without_password(url: str) -> str:
    """A URL as it may be shown."""
    parts = conninfo.conninfo_to_dict(url)
    host = parts.get("host") or parts.get("hostaddr") or "localhost"
    port = f":{parts['port']}" if parts.get("port") else ""
    user = f"{parts['user']}@" if parts.get("user") else ""
    return f"postgresql://{user}{host}{port}/{parts.get('dbname') or ''}"
