"""PostgreSQL: many writers on many machines."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Sequence
from functools import cached_property
from typing import Any, TypeVar, cast

import psycopg
from psycopg import RawCursor
from psycopg.types.numeric import Int8Dumper

from inngest.engine.errors import StoreBusyError, StoreError, StoreVersionError
from inngest.engine.store import core
from inngest.engine.store.core import BigInteger, ColumnElement, Table, bindparam, func, literal_column, select
from inngest.engine.store.core import cast as cast_to
from inngest.engine.store.database import Size, Trouble
from inngest.engine.store.locks import Kind, Lock
from inngest.engine.store.statement import Connection, S
from inngest.engine.store.texts import Texts

from . import errors, standbys, urls
from .cutting import Connections
from .leases import IS_OVER, Leases
from .locking import Locking
from .modes import USUAL, Guards, Wake
from .wakes import PostgresWakes
from .words import LANGUAGE, PLACE, BuiltTexts, PostgresLanguage, language_of

R = TypeVar("R")

OLDEST = 130_000
"""The oldest version that is tried."""

PAUSES = (0.0, 0.01, 0.05, 0.2, 0.5, 1.0)
"""Seconds before each further try of a transaction: a server that starts anew takes some."""

CONFLICT_PAUSES = (0.0, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1)
"""The same, where another transaction was in the way, which is over by now."""


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
        dbname: its name on its server; None if the URL does not say it.
        leases: of the workers of this process; a worker that others may take for dead writes nothing.
        wakes: tells other workers what was written, and hears what they wrote.
        modes: how writers are kept apart, and the like.

    Args:
        url: see `urls.read`.
        lease: milliseconds after which a worker that is not heard is dead: no transaction waits, or rests, for longer
            than a third of that.
        nap: waits for so many seconds.

    Raises:
        ValueError: the URL is none.
    """

    shared: bool = True

    def __init__(self, url: str, *, lease: int = 15_000, nap: Callable[[float], object] = time.sleep) -> None:
        read = urls.read(url)
        self._conninfo, self._schema, self.modes, self.name, self.dbname, self._names_several = read
        self._nap = nap
        self._quoted = LANGUAGE.identifier_preparer.quote(self._schema)
        self._texts = BuiltTexts(self._quoted, self.modes.tables)
        self._locking = Locking(self.named, _number(f"inngest {self._schema}"), self.modes.guards)
        self._has_told = False  # how its server commits
        self._lease = lease
        self._limits = _limits(lease // 3)
        self._connections = Connections(self.name)
        self.leases = Leases(self._open, self.named("inngest_sessions"), lease, lambda: not self.wakes.hears)
        self._channel = f"inngest_{hashlib.sha256(self._schema.encode()).hexdigest()[:16]}"
        ends = _number(f"inngest ends {self._schema}")
        self.wakes = PostgresWakes(
            self.name,
            self._open,
            self._channel,
            ends,
            lambda: self.leases.session,
            self.explain,
            listens=self.modes.wake is Wake.LISTEN,
        )

    # -- words

    @property
    def dialect(self) -> PostgresLanguage:
        return language_of(self.modes.tables)

    def beat(self) -> int | None:
        return self.leases.beat()

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
        self._locking.take(connection, locks, late=late)

    def hold_schema(self, connection: Connection) -> None:
        # A large table takes its time, and others wait for it.
        cast("PostgresConnection", connection).execute(_NO_LIMITS, prepare=False)
        self._hold_schema(connection)
        found = connection.execute("SELECT 1 FROM pg_namespace WHERE nspname = $1", [self._schema]).fetchone()
        if found is None:
            connection.execute(f"CREATE SCHEMA {self._quoted}")
        # Migrations name tables without their schema.
        connection.execute(f"SET LOCAL search_path TO {self._quoted}")

    def _hold_schema(self, connection: Connection) -> None:
        """Without advisory locks, the row of the revision is held; before there is one, the catalogue refuses all who
        create a table but the first, and they try again.
        """
        if self.modes.guards is Guards.ADVISORY:
            self.lock(connection, [Lock(Kind.GUARD, "schema")])
        elif _META in self.tables(connection):
            connection.execute(f"SELECT value FROM {self.named(_META)} WHERE key = 'revision' FOR UPDATE")

    def agree(self, connection: Connection, *, new: bool) -> None:
        meta, apart = self.named(_META), self.modes.apart
        if new and apart != USUAL.apart:
            connection.execute(f"INSERT INTO {meta} (key, value) VALUES ('apart', '{apart}')")
        row = connection.execute(f"SELECT value FROM {meta} WHERE key = 'apart'").fetchone()
        stored = USUAL.apart if row is None else str(row[0])
        if stored != apart:
            raise StoreError(
                f"{self.name} was created with {stored}, and this URL has {apart}: all who write to a database are "
                f"kept apart in the same way. Have {stored} in the URL; or, while no engine runs, change it: "
                f"INSERT INTO {meta} (key, value) VALUES ('apart', '{apart}') "
                "ON CONFLICT (key) DO UPDATE SET value = excluded.value"
            )
        if self.modes.guards is Guards.ROWS:
            self._locking.complete(connection, self.tables(connection))

    def declares_dead(self, connection: Connection, session_id: str) -> bool:
        found = connection.execute(self._is_over, [session_id]).fetchone()
        return found is None or bool(found[0])

    @cached_property
    def _is_over(self) -> str:
        return f"SELECT COALESCE({IS_OVER}, true) FROM {self.named('inngest_sessions')} WHERE id = $1"

    def look_at_lives(self, connection: Connection) -> None:
        self.leases.look(cast("PostgresConnection", connection))

    @property
    def waking(self) -> str | None:
        if self.modes.wake is Wake.POLL:
            return None
        return f"SELECT pg_notify('{self._channel}', '')"  # for everyone: who takes is not known

    def pause(self, tries: int, error: Exception) -> None:
        pauses = CONFLICT_PAUSES if errors.is_conflict(error) else PAUSES
        self._nap(pauses[min(tries, len(pauses)) - 1])

    def named(self, table: str) -> str:
        return f"{self._quoted}.{table}"

    def connect(self) -> Connection:
        connection = self._open()
        try:
            if connection.info.server_version < OLDEST:
                raise StoreVersionError(
                    f"{self.name} is PostgreSQL {connection.info.server_version // 10_000}: at least 13 is needed"
                )
            if self.wakes.hears:  # else it may be a pooler's
                own = self._limits.format(local="")  # of what is a transaction of its own
                level = f"SET SESSION CHARACTERISTICS AS TRANSACTION ISOLATION LEVEL {self.isolation}"
                connection.execute(f"{own}; {level}".encode(), prepare=False)
            self.leases.measure(connection)
            if not self._has_told:
                standbys.tell(connection, self.name, named=self._names_several)
                self._has_told = True
        except psycopg.Error as error:
            connection.close()
            raise self.explain(error) from error
        except StoreError:
            connection.close()
            raise
        return cast("Connection", connection)

    def _open(self) -> PostgresConnection:
        threshold = 5 if self.wakes.hears else None  # until it is known that the server keeps what was prepared
        try:
            connection = self._connections.open(
                lambda: PostgresConnection.connect(
                    self._conninfo, autocommit=True, cursor_factory=_Cursor, prepare_threshold=threshold
                )
            )
        except psycopg.Error as error:
            raise errors.not_connected(self.name, error) from error
        connection.adapters.register_dumper(int, Int8Dumper)  # else a statement is prepared for each size of number
        return connection

    def begin(self, connection: Connection) -> None:
        self._see_that_it_lives()
        held = cast("PostgresConnection", connection)
        held.has_written = False
        held.execute(
            self._beginning.encode(), prepare=False
        )  # several statements cannot be prepared, and take one round trip

    @cached_property
    def _beginning(self) -> str:
        return f"BEGIN ISOLATION LEVEL {self.isolation} READ WRITE; {self._limits.format(local='LOCAL ')}"

    @property
    def isolation(self) -> str:
        """The isolation of transactions that write, in SQL."""
        return self.modes.isolation.value.replace("-", " ").upper()

    def _see_that_it_lives(self) -> None:
        """Others may have taken over what this worker has: it writes nothing until it knows.

        Raises:
            StoreBusyError: it was not heard for as long as its lease is, or nearly.
        """
        if not self.leases.is_heard():
            raise StoreBusyError(
                f"{self.name} has not heard this worker for nearly its lease of {self._lease / 1000:g} s: "
                "it writes nothing until it is heard again"
            )

    def alone(self, connection: Connection, sql: str, parameters: Sequence[object], *, patient: bool = True) -> int:
        self._see_that_it_lives()
        if self.wakes.hears or not self.modes.is_serializable:
            return connection.execute(sql, parameters).rowcount
        # Of a connection that a pooler may have lent, only what is said in the transaction counts.
        try:
            self.begin(connection)
            changed = connection.execute(sql, parameters).rowcount
            connection.execute("COMMIT")
        except BaseException:
            if not self.is_lost(connection):
                self.rollback(connection)
            raise
        return changed

    def begin_reading(self, connection: Connection) -> None:
        cast("PostgresConnection", connection).execute(_READING, prepare=False)

    def commit(self, connection: Connection) -> None:
        connection.execute("COMMIT")

    def look_at_files(self) -> None:
        """They are the server's."""

    def has_written(self, connection: Connection) -> bool:
        return cast("PostgresConnection", connection).has_written

    def rollback(self, connection: Connection) -> None:
        held = cast("PostgresConnection", connection)
        if self.is_lost(connection):
            raise psycopg.OperationalError("the connection is lost")
        if held.info.transaction_status != psycopg.pq.TransactionStatus.IDLE:
            held.execute("ROLLBACK")

    def is_lost(self, connection: Connection) -> bool:
        held = cast("PostgresConnection", connection)
        return held.closed or held.broken

    def cut(self) -> bool:
        self.leases.leave()
        self.wakes.leave()
        self._connections.cut()
        return True

    def trouble(self, error: Exception) -> Trouble:
        if self.modes.guards is not Guards.ADVISORY and errors.is_of_catalogue(error):
            return Trouble.RETRY  # another process creates the schema
        return errors.trouble_of(error)

    def explain(self, error: Exception) -> StoreError:
        return errors.explain(self.name, error, self._schema)

    def give_as_bytes(self, connection: Connection, error: Exception) -> bool:
        return False  # the server takes no text that is none

    def changed_by_others(self, connection: Connection) -> bool:
        return False  # they tell it

    def tidy(self, connection: Connection) -> None:
        """The server does it."""

    def connect_reader(self) -> Connection:
        return cast("Connection", self._open())

    def look(self, read: Callable[[Connection], R]) -> R:
        """Read from one moment, on a connection of its own. Raises StoreError."""
        connection = self._open()
        connection.prepare_threshold = None  # it may be a pooler's
        try:
            reading = cast("Connection", connection)
            self.begin_reading(reading)
            return read(reading)
        except psycopg.Error as error:
            raise self.explain(error) from error
        finally:
            connection.close()

    def size(self, connection: Connection) -> Size:
        asked = (
            "SELECT COALESCE(sum(pg_total_relation_size(c.oid)), 0)::bigint FROM pg_class c "
            "JOIN pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relkind = 'r'"
        )
        row = connection.execute(asked, [self._schema]).fetchone()
        assert row is not None
        return Size(row[0], 0, 0)

    def tables(self, connection: Connection) -> set[str]:
        found = connection.execute(
            "SELECT tablename::text FROM pg_tables WHERE schemaname = $1", [self._schema]
        ).fetchall()
        return {name for (name,) in found}


def _number(name: str) -> int:
    """Of a name: the number of a lock, or where those of locks begin."""
    return int.from_bytes(hashlib.sha256(name.encode()).digest()[:7])


def _limits(ms: int) -> str:
    """How long what a transaction does may take, and how long it may rest: as statements, `{local}` left open.

    A process that was stopped in the middle of a transaction would hold its locks for ever.
    """
    names = ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
    return "; ".join(f"SET {{local}}{name} = {ms}" for name in names)


_META = "inngest_meta"
_NO_LIMITS = (
    "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0; "
    "SET LOCAL idle_in_transaction_session_timeout = 60000"  # who is stopped keeps others from starting
)
_READING = (
    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL statement_timeout = 30000; "
    "SET LOCAL idle_in_transaction_session_timeout = 30000"
)
