"""Liveness across machines: each worker tells the database that it lives, and has a lease from then on.

Time is the server's: a worker compares nothing with its own wall clock (decision 0087). A thread of its own tells it,
on a connection of its own, so that neither a busy loop nor a transaction that waits keeps it from that.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable
from typing import Any

import psycopg

from inngest.runtime.careful import CarefulLogger
from inngest.runtime.clock import wall_clock_ns

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

BEATS = 5
"""How often in a lease a worker tells that it lives."""

MARGIN = 10
"""A worker stops one part in so many before its lease is over: its clock may be that much slower than the server's."""

SAMPLES = 8
"""Measurements of the server's clock of which the one with the quickest answer counts."""

FIRST = 0.05
"""Seconds between tries while the worker's row is not there yet."""

NOW = "floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint"
"""Unix ms by the server's clock."""

IS_OVER = f"(beat_at + lease < {NOW} OR beat_at > {NOW} + lease OR ended IS NOT NULL)"
"""Whether a worker is dead. A beat that is to come is one by the clock of another server, whose place this one has
taken, or of before the clock was set: who lives has been heard since (decision 0113).
"""


def elapsed_ns() -> int:
    """Nanoseconds of a clock that nobody sets, and that goes on while the machine is suspended, where there is one."""
    clock = getattr(time, "CLOCK_BOOTTIME", None)
    return time.monotonic_ns() if clock is None else time.clock_gettime_ns(clock)


class Leases:
    """Shows that one worker lives, and sees which others do. See `Liveness`.

    Args:
        connect: a connection of its own.
        table: of the sessions, as it is named in a statement.
        lease: milliseconds, 2,000 to 300,000.
        is_lent: whether a connection is lent for one transaction each: what is set on it would stay for others.
    """

    def __init__(
        self,
        connect: Callable[[], psycopg.Connection[Any]],
        table: str,
        lease: int,
        is_lent: Callable[[], bool] = lambda: False,
    ) -> None:
        self.lease: int | None = lease
        self._connect = connect
        self._is_lent = is_lent
        self._limit = f"statement_timeout = {max(lease // BEATS, 500)}"
        self._table = table
        self._lasts = lease * 1_000_000  # ns
        self._on_first: Callable[[], object] = lambda: None
        self._beat = (
            f"WITH beat AS (UPDATE {table} SET beat_at = {NOW} WHERE id = $1 AND ended IS NULL RETURNING beat_at) "
            f"SELECT (SELECT beat_at FROM beat), {NOW}, ARRAY(SELECT id FROM {table} WHERE id <> $1 "
            f"AND {IS_OVER}), "
            "clock_timestamp() - pg_postmaster_start_time() > make_interval(secs => $2)"
        )
        self._lock = threading.Lock()
        self._session: str | None = None
        self._heard_until = 0  # by `elapsed_ns`
        self._regular_since: int | None = None  # since when every beat was heard in time; None: from the start
        self._over = False
        self._lapsed: frozenset[str] = frozenset()
        self._samples: deque[tuple[int, int]] = deque(maxlen=SAMPLES)  # how long the answer took, and the offset
        self._offset: int | None = None  # from `elapsed_ns` to the server's clock
        self._wake = threading.Event()

    # -- the server's clock

    def wall_ns(self) -> int:
        """Unix ns by the server's clock; by this machine's, until the server's is known."""
        return wall_clock_ns() if self._offset is None else elapsed_ns() + self._offset

    def call_when_measured(self, call: Callable[[], object]) -> None:
        """Have something called when the server's clock was read for the first time; in any thread."""
        self._on_first = call

    def measured(self, asked: int, answered: int, now: int) -> None:
        """The server's clock was read: asked and answered at these times by `elapsed_ns`, in unix ms."""
        offset, before = now * 1_000_000 + 500_000 - (asked + answered) // 2, self._offset
        with self._lock:
            if before is not None and abs(offset - before) > (answered - asked) + self._lasts // BEATS:
                self._regular_since = answered  # it was set, or is another's: beats were by the other time
                self._samples.clear()
            self._samples.append((answered - asked, offset))
            self._offset = min(self._samples)[1]
        if before is None:
            self._on_first()

    def measure(self, connection: psycopg.Connection[Any]) -> None:
        """Read the server's clock anew: it may be another server."""
        asked = elapsed_ns()
        row = connection.execute(f"SELECT {NOW}").fetchone()
        answered = elapsed_ns()
        assert row is not None
        with self._lock:
            self._samples.clear()
        self.measured(asked, answered, row[0])

    def look(self, connection: psycopg.Connection[Any]) -> None:
        """Learn the time and who lives, for a process that is no worker."""
        self.measure(connection)
        over = f"SELECT id FROM {self._table} WHERE {IS_OVER}"
        self._lapsed = frozenset(row[0] for row in connection.execute(over.encode()).fetchall())

    # -- this worker

    @property
    def session(self) -> str | None:
        """Of this worker; None if it has none."""
        return self._session

    def hold(self, session_id: str) -> None:
        with self._lock:
            self._session, self._over, self._lapsed = session_id, False, frozenset()
            self._heard_until = elapsed_ns() + self._lasts - self._lasts // MARGIN
            self._regular_since = None
            self._wake = threading.Event()
        threading.Thread(
            target=self._tell, args=(session_id, self._wake), name="inngest-heartbeat", daemon=True
        ).start()

    def release(self, session_id: str) -> None:
        with self._lock:
            if self._session == session_id:
                self._session = None
                self._wake.set()

    def leave(self) -> None:
        """Show nothing more: the connection ends, and that is no trouble."""
        if (session := self._session) is not None:
            self.release(session)

    def beat(self) -> int | None:
        """The time (unix ms) by the server's clock; None before that was read."""
        return None if self._offset is None else (elapsed_ns() + self._offset) // 1_000_000

    def is_heard(self) -> bool:
        return self._session is None or self._over or elapsed_ns() < self._heard_until

    def may_begin(self) -> bool:
        return not self._over and self.is_heard()

    def is_over(self, session_id: str) -> bool:
        return self._over and self._session == session_id

    def show(self, session_id: str) -> bool:
        return False

    # -- the others

    def alive(self, session_id: str) -> bool:
        return session_id not in self._lapsed

    def is_unknown(self, session_id: str) -> bool:
        return False

    def forget(self, session_id: str) -> None:
        with self._lock:
            self._lapsed -= {session_id}

    # -- in the thread

    def _tell(self, session_id: str, stopped: threading.Event) -> None:
        connection: psycopg.Connection[Any] | None = None
        begun = False
        pause = self._lasts / BEATS / 1e9
        while not stopped.is_set():
            began = elapsed_ns()
            try:
                if connection is None:
                    connection = self._connected()
                begun = self._once(connection, session_id, begun=begun) or begun
            except Exception as error:  # whatever it is: without this thread the worker would never be heard again
                if not stopped.is_set():
                    self._failed(error)
                if connection is not None:
                    connection.close()
                connection = None
            took = (elapsed_ns() - began) / 1e9
            stopped.wait(FIRST if not begun and connection is not None else max(0.05, pause - took))
        if connection is not None:
            connection.close()

    def _connected(self) -> psycopg.Connection[Any]:
        connection = self._connect()
        if not self._is_lent():
            connection.execute(f"SET {self._limit}".encode())
        self.measure(connection)
        return connection

    def _once(self, connection: psycopg.Connection[Any], session_id: str, *, begun: bool) -> bool:
        """Tell the database that this worker lives; whether its row is there."""
        assert self.lease is not None
        if self._is_lent():
            connection.execute(f"BEGIN; SET LOCAL {self._limit}".encode(), prepare=False)
        asked = elapsed_ns()
        row = connection.execute(self._beat.encode(), [session_id, self.lease / 1000]).fetchone()
        answered = elapsed_ns()
        if self._is_lent():
            connection.execute("COMMIT")
        assert row is not None
        beat_at, now, lapsed, serves = row
        self.measured(asked, answered, now)
        with self._lock:
            if self._session != session_id:
                return True
            if beat_at is None:
                self._over = begun
                if not begun:  # it is not written yet: there is nothing that others could take over
                    self._heard_until = max(self._heard_until, asked + self._lasts // 2)
                return False
            if asked >= self._heard_until:
                self._regular_since = answered
            self._heard_until = max(self._heard_until, asked + self._lasts - self._lasts // MARGIN)
            self._lapsed = frozenset(lapsed) if serves and self._may_judge(answered) else frozenset()
        return True

    def _may_judge(self, now: int) -> bool:
        """Whether it may say of others that they are dead: after a time in which nobody could be heard, each has a
        lease to come back.
        """
        return self._regular_since is None or now - self._regular_since > self._lasts

    def _failed(self, error: Exception) -> None:
        with self._lock:
            self._regular_since = elapsed_ns()
            self._lapsed = frozenset()
        LOGGER.warning("the database was not told that this worker lives, it is tried again: %s", error)
