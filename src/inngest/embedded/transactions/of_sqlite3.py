"""Connections of sqlite3."""

from __future__ import annotations

import sqlite3


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
