"""Connections of psycopg."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from psycopg.pq import PipelineStatus, TransactionStatus
from psycopg.rows import tuple_row

from .connections import RolledBackError, commits_alone
from .lent import sends_at_once


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


def lend(found: object) -> LentPsycopg | LentAsyncPsycopg | None:
    """The connection, if it is one of psycopg."""
    if isinstance(found, psycopg.AsyncConnection):
        return LentAsyncPsycopg(found)
    return LentPsycopg(found) if isinstance(found, psycopg.Connection) else None


def _begun(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> str:
    """The driver begins a transaction with the next statement, unless it is told not to."""
    if connection.autocommit and connection.info.transaction_status is TransactionStatus.IDLE:
        raise sends_at_once()
    return "postgresql"


def _waits(connection: psycopg.Connection[Any] | psycopg.AsyncConnection[Any]) -> bool:
    """Whether its user has it in a pipeline, in which statements have no results until it is synced."""
    return connection.pgconn.pipeline_status is not PipelineStatus.OFF


class LentPsycopg:
    """See `Lent`."""

    is_async = False

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection

    def begin(self) -> str:
        return _begun(self._connection)

    def execute(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        cursor = psycopg.RawCursor(self._connection, row_factory=tuple_row)
        cursor.execute(sql.encode(), parameters or None)
        if _waits(self._connection):
            with self._connection.pipeline() as pipeline:
                pipeline.sync()
        return cursor.fetchall() if cursor.description else []

    @property
    def user(self) -> str | None:
        return self._connection.info.user


class LentAsyncPsycopg:
    """See `Lent`."""

    is_async = True

    def __init__(self, connection: psycopg.AsyncConnection[Any]) -> None:
        self._connection = connection

    def begin(self) -> str:
        return _begun(self._connection)

    async def execute(self, sql: str, parameters: Sequence[object]) -> list[Any]:
        cursor = psycopg.AsyncRawCursor(self._connection, row_factory=tuple_row)
        await cursor.execute(sql.encode(), parameters or None)
        if _waits(self._connection):
            async with self._connection.pipeline() as pipeline:
                await pipeline.sync()
        return await cursor.fetchall() if cursor.description else []

    @property
    def user(self) -> str | None:
        return self._connection.info.user
