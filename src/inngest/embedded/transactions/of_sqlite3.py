"""Connections of sqlite3."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any

from .lent import sends_at_once


def recognise(found: object) -> Sqlite3Connection | None:
    """The connection, if it is one of sqlite3."""
    return Sqlite3Connection(found) if isinstance(found, sqlite3.Connection) else None


class Sqlite3Connection:
    """See `Opened`. Whether it is in autocommit is no matter: BEGIN ends that."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.connection = connection

    def begin(self) -> bool:
        if self.connection.in_transaction:
            return False
        self.connection.execute("BEGIN IMMEDIATE")
        return True

    @property
    def driver(self) -> object:
        return self.connection

    def flush(self) -> None:
        """Everything is written."""

    def commit(self) -> None:
        self.connection.execute("COMMIT")

    def rollback(self) -> None:
        if self.connection.in_transaction:
            self.connection.execute("ROLLBACK")

    def close(self) -> None:
        self.connection.close()


def lend(found: object) -> LentSqlite3 | None:
    """The connection, if it is one of sqlite3."""
    return LentSqlite3(found) if isinstance(found, sqlite3.Connection) else None


def commits_alone(connection: Any) -> bool:
    """Whether each statement is a transaction of its own, on a connection of sqlite3 or one that is like it."""
    if connection.in_transaction:
        return False
    mode = getattr(connection, "autocommit", None)  # of Python 3.12; before, and by default, isolation_level says it
    return mode is True or (mode is not False and connection.isolation_level is None)


class LentSqlite3:
    """See `Lent`. The driver begins a transaction with the first statement that writes, as it does for its user."""

    is_async = False
    user = None

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def begin(self) -> str:
        if commits_alone(self._connection):
            raise sends_at_once()
        return "sqlite"

    def execute(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        cursor = self._connection.cursor()
        cursor.row_factory = None
        return cursor.execute(sql, parameters).fetchall()
