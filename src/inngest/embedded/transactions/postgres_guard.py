"""The guard of connections of psycopg, by whatever library they are used."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.rows import tuple_row

from inngest.engine.records import Owner
from inngest.engine.store import within
from inngest.engine.store.database import Database
from inngest.engine.store.dialects.postgres import PostgresDatabase
from inngest.sdk.errors import TransactionError

from .guards import ENDED, elsewhere


class PostgresGuard:
    """See `Guard`. Libraries refuse what ends the transaction; a COMMIT that is executed as text is found by its
    number.
    """

    def __init__(self, connection: psycopg.Connection[Any], database: Database) -> None:
        self._connection = connection
        self._database = database
        self._number: object = None

    def see(self, owner: Owner) -> None:
        found = self._connection.info.dbname
        self._see_isolation()
        try:
            sql, parameters = within.owns(self._database, owner)
            owned = self._rows(sql, parameters)
        except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
            raise elsewhere(f"the database {found!r}, which has no such tables", self._database) from None
        except psycopg.errors.InsufficientPrivilege as error:
            raise self._forbidden(error) from error
        if not owned:
            raise elsewhere(f"the database {found!r}", self._database)
        self._number = self._current()

    def _see_isolation(self) -> None:
        """Where nothing else keeps writers apart, one that is not serializable breaks promises of others."""
        if not (isinstance(self._database, PostgresDatabase) and self._database.modes.is_serializable):
            return
        ((level,),) = self._rows("SELECT current_setting('transaction_isolation')", ())
        if level != "serializable":
            raise TransactionError(
                f"transactions: the connection's transaction is {level}, and those on {self._database.name} are "
                "serializable, as its URL says: give a connection whose transactions are, such as one of "
                'create_engine(…, isolation_level="SERIALIZABLE")'
            )

    def watch(self) -> None:
        """The library refuses it."""

    def check(self) -> None:
        status = self._connection.info.transaction_status.name
        if status == "INERROR":
            raise TransactionError(
                "the function of a step.transaction caught an error of the database, after which the transaction only "
                "rolls back: have the statement that may fail in a savepoint of its own. Nothing was committed"
            )
        if status != "INTRANS" or self._current() != self._number:
            raise TransactionError(ENDED)

    def release(self) -> None:
        """It refuses nothing."""

    def hurry(self, ms: int) -> None:
        self._rows("SELECT set_config('idle_in_transaction_session_timeout', $1, true)", (str(ms),))

    def execute(self, statement: within.Executed) -> int:
        try:
            return psycopg.RawCursor(self._connection).execute(statement[0].encode(), statement[1]).rowcount
        except psycopg.errors.InsufficientPrivilege as error:
            raise self._forbidden(error) from error

    @property
    def is_open(self) -> bool:
        return self._connection.info.transaction_status.name != "IDLE"

    def _current(self) -> object:
        """The number of the transaction: another COMMIT, another number."""
        return self._rows("SELECT pg_current_xact_id()::text", ())[0]

    def _rows(self, sql: str, parameters: Sequence[object]) -> list[tuple[Any, ...]]:
        cursor = psycopg.RawCursor(self._connection, row_factory=tuple_row)
        return cursor.execute(sql.encode(), parameters or None).fetchall()

    def _forbidden(self, error: Exception) -> TransactionError:
        runs, steps = self._database.named("inngest_runs"), self._database.named("inngest_steps")
        schema, user = runs.rpartition(".")[0], self._connection.info.user
        said = str(error).strip().split("\n", 1)[0]
        return TransactionError(
            f"transactions: the connection's user lacks a right ({said}): GRANT USAGE ON SCHEMA {schema} TO {user}; "
            f"GRANT SELECT, UPDATE ON {runs} TO {user}; GRANT SELECT, INSERT, UPDATE ON {steps} TO {user}"
        )
