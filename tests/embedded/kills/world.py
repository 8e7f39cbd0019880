"""The world of a worker of a fleet: its clocks, and what happens to its transactions. It is entered in its process."""

from __future__ import annotations

import contextlib
import logging
import threading
import time
from typing import NamedTuple

import psycopg
import pytest

from inngest.engine.store.dialects.postgres import PostgresDatabase
from inngest.engine.store.dialects.postgres.leases import Leases
from inngest.engine.store.statement import Connection
from inngest.runtime import clock

from .fleet_account import REBORN
from .ledger import Pen

LOST, UNANSWERED, RESTS = "a COMMIT is lost", "the answer to a COMMIT is lost", "a transaction rests"
"""What happens to a transaction of a worker."""


class World(NamedTuple):
    """What is odd in the world of a worker.

    Attributes:
        began: since when time goes faster (unix ns, by the server's clock).
        speed: so many seconds of the engines pass in one.
        skew: seconds by which the clock of its machine is wrong.
        lease: of the worker, in milliseconds of the server.
    """

    began: int
    speed: int
    skew: int
    lease: int

    def enter(self, pen: Pen) -> Mishaps:
        """Have this process be in it, before engines start; what may happen to their transactions.

        Args:
            pen: takes what they log, too.
        """
        patch, seconds, nanoseconds, real = pytest.MonkeyPatch(), time.time, time.time_ns, Leases.wall_ns
        if self.skew:
            patch.setattr(time, "time", lambda: seconds() + self.skew)
            patch.setattr(time, "time_ns", lambda: nanoseconds() + self.skew * 1_000_000_000)
        patch.setattr(Leases, "wall_ns", lambda leases: self.began + (real(leases) - self.began) * self.speed)
        patch.setattr(clock, "LONGEST_SLEEP", 0.02)  # timers see that time goes faster
        Logged(pen)
        return Mishaps(pen)


class Mishaps:
    """What happens to one transaction, when it is asked for.

    Args:
        pen: tells when it has happened.
    """

    def __init__(self, pen: Pen) -> None:
        self._pen = pen
        self._next: str | None = None
        self._lock = threading.Lock()
        self._commit = PostgresDatabase.commit

        def commit(database: PostgresDatabase, connection: Connection) -> None:
            self._meet(database, connection)

        pytest.MonkeyPatch().setattr(PostgresDatabase, "commit", commit)

    def ask_for(self, what: str) -> None:
        """Have this happen to the next transaction that writes something."""
        with self._lock:
            self._next = what

    def _meet(self, database: PostgresDatabase, connection: Connection) -> None:
        what = None
        if database.has_written(connection):
            with self._lock:
                what, self._next = self._next, None
        if what is None:
            self._commit(database, connection)
            return
        assert isinstance(connection, psycopg.Connection)
        if what == UNANSWERED:
            self._commit(database, connection)
        elif what == RESTS:
            self._until_cut_off(connection)
        if what != RESTS:
            connection.close()
        self._pen.write("mishap", step=what)
        self._commit(database, connection)  # fails

    def _until_cut_off(self, connection: psycopg.Connection[object]) -> None:
        """Rest until the server has had enough of it."""
        with psycopg.connect(connection.info.dsn, autocommit=True) as other:
            asked = "SELECT 1 FROM pg_stat_activity WHERE pid = %s"
            while other.execute(asked, [connection.info.backend_pid]).fetchone() is not None:
                time.sleep(0.01)


class Logged(logging.Handler):
    """Tells the ledger what the engine logs, and begins a new life of the worker when it is told to begin anew.

    Args:
        pen: the worker's.
    """

    def __init__(self, pen: Pen) -> None:
        super().__init__(logging.WARNING)
        self._pen = pen
        logging.getLogger("inngest").addHandler(self)

    def emit(self, record: logging.LogRecord) -> None:
        said = record.getMessage()
        with contextlib.suppress(OSError):  # the ledger is closed: all is over
            if "was declared dead by another one" in said:
                self._pen.process += REBORN
                self._pen.write("anew")
            self._pen.write("logged", value=f"{record.levelname} {said}"[:1_000])
