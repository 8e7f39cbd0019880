"""Where transactions get their connections: what `Engine(transactions=…)` was given, or the engine's own database."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

from inngest.embedded.errors import EngineConfigError
from inngest.engine.owned_run import OwnedRun
from inngest.engine.store.database import Database
from inngest.runtime.ports import Clock, Recorder, Threads, Transactions, Within

from . import connections
from .connections import Opened
from .thread import Surroundings, TransactionThread

Given: TypeAlias = object
"""An engine of SQLAlchemy, a connection of Django, or a callable that gives a connection."""

WAIT = 5.0
"""Seconds for which a connection of our own to an SQLite file waits for who writes."""


def check(given: Given) -> None:
    """See that an argument can give connections.

    Raises:
        EngineConfigError: it cannot.
    """
    if given is None or callable(given) or _is_shared(given):
        return
    raise EngineConfigError(
        "transactions: expected an Engine of SQLAlchemy, a connection of Django, or a callable that gives a "
        f"connection, got {given!r:.200}"
    )


def _is_shared(given: Given) -> bool:
    """Whether it gives each thread a connection of its own."""
    sqlalchemy, django = sys.modules.get("sqlalchemy"), sys.modules.get("django.utils.connection")
    return (sqlalchemy is not None and isinstance(given, sqlalchemy.Engine)) or (
        django is not None and isinstance(given, django.ConnectionProxy)
    )


class ConnectionMaker:
    """Makes the transactions of an engine.

    Args:
        given: gives connections; None: they are made from the URL.
        url: of the engine's database.
        database: the engine's.
        file: of it; None where a server keeps it.
        threads: where transactions are.
        clock: when a warning is due.
        lease: of the engine, in ms.
    """

    def __init__(
        self, given: Given, url: str, database: Database, file: Path | None, threads: Threads, clock: Clock, lease: int
    ) -> None:
        own = _of_url(url) if file is None else _of_file(str(file))
        self._around = Surroundings(database, file, own if given is None else _of(given), threads, clock, lease)

    def of(self, recorder: Recorder) -> Transactions | None:
        """The transactions of an invocation; None if its recorder has none."""
        return _RunTransactions(self._around, recorder) if isinstance(recorder, OwnedRun) else None


class _RunTransactions:
    def __init__(self, around: Surroundings, run: OwnedRun) -> None:
        self._around = around
        self._run = run

    async def begin(self, step_id: str) -> Within | None:
        return TransactionThread(self._around, self._run, step_id) if await self._run.hold_back() else None


def _of(given: Given) -> Callable[[], Opened]:
    if callable(given) and not _is_shared(given):
        make: Callable[[], object] = given
        return lambda: connections.opened(make())
    return lambda: connections.opened(given)


def _of_file(path: str) -> Callable[[], Opened]:
    def connect() -> Opened:
        return connections.opened(sqlite3.connect(path, timeout=WAIT, isolation_level=None))

    return connect


def _of_url(url: str) -> Callable[[], Opened]:
    def connect() -> Opened:
        import psycopg  # noqa: PLC0415 - of PostgreSQL only

        from inngest.engine.store.dialects.postgres import urls  # noqa: PLC0415

        read = urls.read(url)
        connection = psycopg.connect(read.conninfo)
        if read.modes.is_serializable:
            connection.isolation_level = psycopg.IsolationLevel.SERIALIZABLE
        return connections.opened(connection)

    return connect
