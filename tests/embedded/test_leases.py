"""The clock of a server that is set, or of another server in its place: nobody is taken for dead by that alone, and the
time of engines does not go back.
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from typing import Any, cast

import psycopg
import pytest

from inngest.engine.store.dialects.postgres.leases import Leases
from inngest.runtime.clock import SystemClock

LEASE = 500
HOUR = 3_600_000


class Server:
    """Answers the statements of leases. Of two workers, the other one is heard no more."""

    def __init__(self) -> None:
        self.ahead = 0  # ms
        self.beats: dict[str, int] = {}
        self.knows = True  # the worker that asks
        self.trouble: list[Exception] = []  # what it raises, one after the other
        self._more = threading.Condition()
        self._answered = 0
        self._row: tuple[object, ...] = ()

    def now(self) -> int:
        return time.monotonic_ns() // 1_000_000 + 24 * HOUR + self.ahead

    def connected(self) -> psycopg.Connection[Any]:
        if self.trouble:
            raise self.trouble.pop(0)
        return cast("psycopg.Connection[Any]", self)

    def execute(self, sql: bytes | str, parameters: list[Any] | None = None) -> Server:
        if self.trouble:
            raise self.trouble.pop(0)
        now = self.now()
        if parameters is not None:
            self.beats[parameters[0]] = now
            lapsed = [one for one, at in self.beats.items() if at + LEASE < now or at > now + LEASE]
            self._row = (now if self.knows else None, now, lapsed, True)
            with self._more:
                self._answered += 1
                self._more.notify_all()
        elif b"clock_timestamp" in (sql if isinstance(sql, bytes) else sql.encode()):
            self._row = (now,)
        return self

    def fetchone(self) -> tuple[object, ...]:
        return self._row

    def close(self) -> None:
        """Nothing is open."""

    def hear(self, times: int) -> None:
        """Wait until the worker was heard so often; all but the last time, it has learnt what it was answered."""
        with self._more:
            until = self._answered + times
            assert self._more.wait_for(lambda: self._answered >= until, 60)


@pytest.fixture
def server() -> Server:
    return Server()


@pytest.fixture
def leases(server: Server) -> Iterator[Leases]:
    made = Leases(server.connected, "sessions", LEASE)
    made.hold("own")
    server.hear(2)
    yield made
    made.release("own")


@pytest.mark.parametrize("step", [HOUR, -HOUR], ids=["forward", "back"])
def test_a_clock_that_is_set_kills_nobody_who_is_heard_soon(server: Server, leases: Leases, step: int) -> None:
    server.beats["other"] = server.now()
    server.ahead += step
    server.hear(2)
    assert leases.alive("other")  # it is heard a moment later than this one
    server.beats["other"] = server.now()
    server.hear(2)
    assert leases.alive("other")
    while leases.alive("other"):  # it is heard no more, and that counts when a lease is over
        server.hear(1)


def test_a_worker_whose_session_is_written_late_is_not_stopped_by_that(server: Server, leases: Leases) -> None:
    """It has no run that others could take over; and what writes its session would wait for it to be heard."""
    server.knows = False
    server.hear(2)
    assert leases.is_over("own")
    assert (leases.is_heard(), leases.may_begin()) == (True, False)
    leases.release("own")
    leases.hold("another")
    began = server.now()
    while server.now() < began + 2 * LEASE:
        server.hear(1)
    assert leases.is_heard()
    server.knows = True
    server.hear(2)
    assert leases.is_heard()
    assert not leases.is_over("another")
    leases.release("another")


def test_a_worker_is_heard_again_whatever_kept_it_from_telling(server: Server, leases: Leases) -> None:
    """A process may have no descriptor, no thread or no memory left for a connection, for a while."""
    lost = psycopg.OperationalError("the server has closed the connection")
    server.trouble = [lost, OSError(24, "Too many open files"), RuntimeError("can't start new thread"), MemoryError()]
    server.hear(2)
    assert server.trouble == []
    assert leases.is_heard()


def test_the_time_of_engines_does_not_go_back_with_the_clock_of_a_server(server: Server, leases: Leases) -> None:
    loop = asyncio.new_event_loop()
    clock = SystemClock(loop, leases.wall_ns)
    seen = [clock.now()]
    server.ahead -= HOUR
    for _ in range(4):
        server.hear(1)
        seen.append(clock.now())
    assert seen == sorted(seen)
    assert seen[-1] - seen[0] < HOUR // 2
    loop.close()
