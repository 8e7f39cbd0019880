"""Connections and sessions of SQLAlchemy."""

from __future__ import annotations

import sqlite3
from typing import Any

import sqlalchemy
from sqlalchemy import event
from sqlalchemy.orm import Session

from inngest.sdk.errors import TransactionError

from .connections import commits_alone


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
