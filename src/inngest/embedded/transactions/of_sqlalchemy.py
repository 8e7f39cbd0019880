"""Connections and sessions of SQLAlchemy."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Sequence
from typing import Any

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.orm import Session, scoped_session

from inngest.sdk.errors import TransactionError

from . import of_sqlite3
from .connections import commits_alone
from .lent import in_style, sends_at_once


def recognise(found: object) -> SqlAlchemyConnection | None:
    """The connection, if it, or what it makes, is one of SQLAlchemy."""
    if isinstance(found, sqlalchemy.Engine):
        return SqlAlchemyConnection(found.connect())
    return SqlAlchemyConnection(found) if isinstance(found, sqlalchemy.Connection | Session) else None


class SqlAlchemyConnection:
    """See `Opened`."""

    def __init__(self, connection: sqlalchemy.Connection | Session) -> None:
        self.connection = connection
        self._own: sqlalchemy.Connection | None = None  # that of a session, too
        self._begun: object = None  # what was begun
        self._guarded = False

    def begin(self) -> bool:
        if self.connection.in_transaction():
            return False
        if isinstance(self.connection, Session):
            own = self.connection.connection()
        else:
            own = self.connection
            own.begin()
        self._own, self._begun = own, self.connection.get_transaction()
        driver = self.driver
        if isinstance(driver, sqlite3.Connection):
            if not driver.in_transaction:  # the driver would begin with the first write, and wait for nobody then
                if driver.isolation_level is None:
                    raise commits_alone()
                driver.execute("BEGIN IMMEDIATE")
        elif getattr(driver, "autocommit", False):
            raise commits_alone()
        event.listen(own, "commit", _refuse)
        self._guarded = True
        return True

    @property
    def driver(self) -> object:
        assert self._own is not None
        proxied: Any = self._own.connection
        return proxied.driver_connection

    def flush(self) -> None:
        now = self.connection.get_transaction()
        if now is None or now is not self._begun or not now.is_active:
            raise TransactionError(
                "the transaction of a step.transaction was ended by its function, which neither commits nor rolls "
                "back: the step is recorded in the same transaction"
            )
        if isinstance(self.connection, Session):
            self.connection.flush()

    def commit(self) -> None:
        self._free()
        self.connection.commit()

    def rollback(self) -> None:
        self._free()
        self.connection.rollback()

    def close(self) -> None:
        self.connection.close()

    def _free(self) -> None:
        if self._guarded:
            assert self._own is not None
            event.remove(self._own, "commit", _refuse)
            self._guarded = False


def _refuse(_: sqlalchemy.Connection) -> None:
    raise TransactionError(
        "the function of a step.transaction called commit(): it neither commits nor rolls back, for the step is "
        "recorded in the same transaction. Nothing was committed"
    )


def lend(found: object) -> LentSqlAlchemy | LentAsyncSqlAlchemy | None:
    """The connection, or the session, if it is one of SQLAlchemy."""
    if isinstance(found, scoped_session):
        return LentSqlAlchemy(found())
    if isinstance(found, sqlalchemy.Connection | Session):
        return LentSqlAlchemy(found)
    of_async: Any = sys.modules.get("sqlalchemy.ext.asyncio")
    if of_async is None:
        return None
    if isinstance(found, of_async.async_scoped_session):
        scoped: Any = found
        return LentAsyncSqlAlchemy(scoped())
    if isinstance(found, of_async.AsyncConnection | of_async.AsyncSession):
        return LentAsyncSqlAlchemy(found)
    return None


class LentSqlAlchemy:
    """See `Lent`. It is used as its user does, whatever the driver: SQLAlchemy begins the transaction."""

    is_async = False

    def __init__(self, connection: sqlalchemy.Connection | Session) -> None:
        self._connection = connection

    @property
    def _own(self) -> sqlalchemy.Connection:
        return self._connection.connection() if isinstance(self._connection, Session) else self._connection

    def begin(self) -> str:
        own = self._own
        if not own.in_transaction():
            own.begin()
        proxied: Any = own.connection
        if own.dialect.name == "sqlite":
            alone = of_sqlite3.commits_alone(proxied.driver_connection)
        else:
            alone = bool(getattr(proxied.dbapi_connection, "autocommit", False))
        if alone:
            raise sends_at_once()
        return own.dialect.name

    def execute(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        own = self._own
        done = own.exec_driver_sql(*in_style(sql, parameters, own.dialect.paramstyle))
        return list(done.fetchall()) if done.returns_rows else []

    @property
    def user(self) -> str | None:
        proxied: Any = self._own.connection
        found: str | None = getattr(getattr(proxied.driver_connection, "info", None), "user", None)
        return found


class LentAsyncSqlAlchemy:
    """See `Lent`: the same, as far as the libraries of async drivers have it."""

    is_async = True
    user = None

    def __init__(self, connection: Any) -> None:
        self._connection = connection

    def begin(self) -> object:
        return self._connection.run_sync(lambda own: LentSqlAlchemy(own).begin())

    def execute(self, sql: str, parameters: Sequence[object]) -> object:
        return self._connection.run_sync(lambda own: LentSqlAlchemy(own).execute(sql, parameters))
