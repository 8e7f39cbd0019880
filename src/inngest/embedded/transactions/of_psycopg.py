"""Connections of psycopg."""

from __future__ import annotations

from typing import Any

import psycopg
from psycopg.pq import TransactionStatus

from .connections import RolledBackError, commits_alone


def recognise(found: object) -> PsycopgConnection | None:
    """The connection, if it is one of psycopg."""
    return PsycopgConnection(found) if isinstance(found, psycopg.Connection) else None


class PsycopgConnection:
    """See `Opened`. A block of psycopg refuses `commit()` and `rollback()` in it."""

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self.connection = connection
        self._block = connection.transaction()

    def begin(self) -> bool:
        if self.connection.info.transaction_status is not TransactionStatus.IDLE:
            return False
        if self.connection.autocommit:
            raise commits_alone()
        self._block.__enter__()
        return True

    @property
    def driver(self) -> object:
        return self.connection

    def flush(self) -> None:
        """Everything is written."""

    def commit(self) -> None:
        self._block.__exit__(None, None, None)

    def rollback(self) -> None:
        if self.connection.info.transaction_status is not TransactionStatus.IDLE:
            self._block.__exit__(RolledBackError, RolledBackError(), None)

    def close(self) -> None:
        self.connection.close()
