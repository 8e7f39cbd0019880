"""The real clock: the engine's time and its timers, the wall clock, and waiting."""

from __future__ import annotations

import asyncio
import datetime
import threading
import time
from collections.abc import Callable

from .steady import TRUSTED, Steady

LONGEST_SLEEP = 30.0
"""Seconds after which a timer reads the clock again, whatever it waits for: clocks are set, machines are suspended."""

_MS = 1_000_000  # nanoseconds

_LASTS = 1_000_000
"""Nanoseconds for which the wall clock is not asked again: all that is done in a row is of about one time."""


class SystemClock:
    """The engine's time, which follows a wall clock and never runs backwards; timers on one event loop.

    Args:
        loop: where timers call back.
        wall: the wall clock, unix ns: this machine's, or that of a database which workers share.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, wall: Callable[[], int] | None = None) -> None:
        self._loop = loop
        self._wall = wall_clock_ns if wall is None else wall
        self._steady = Steady()
        self._lock = threading.Lock()  # plain functions ask from their threads
        self._lasting = (0, 0)  # what to add to the monotonic clock, and until when

    def now(self) -> int:
        """Unix ms."""
        monotonic = time.monotonic_ns()
        offset, until = self._lasting
        if monotonic < until:
            return (monotonic + offset) // _MS
        with self._lock:
            wall, monotonic = self._wall(), time.monotonic_ns()
            self._lasting = lasting = self._steady.lasting(wall, monotonic, _LASTS)
            return (monotonic + lasting[0]) // _MS

    def call_at(self, when: int, callback: Callable[[], object]) -> _SystemTimer:
        """Call back on the loop, at `when` or soon after."""
        return _SystemTimer(self._loop, self, when, callback)

    def monotonic(self) -> int:
        """Milliseconds of a clock that nobody sets; it may stand still while the machine is suspended."""
        return time.monotonic_ns() // _MS

    def call_after(self, ms: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
        """Call back on the loop, so many milliseconds from now by the monotonic clock."""
        return self._loop.call_later(ms / 1000, callback)

    def anew(self) -> None:
        """Go on from the wall clock, wherever it is: what it said before was another clock's time."""
        with self._lock:
            self._steady, self._lasting = Steady(), (0, 0)

    def ahead(self) -> int:
        """How far its time is ahead of the wall clock (ms)."""
        return self.now() - self._wall() // _MS

    def at_least(self, kept: int) -> bool:
        """Go on from a time that was kept, if that is ahead; False if it is too far ahead to be believed."""
        with self._lock:
            wall = self._wall()
            if kept - wall // _MS > TRUSTED:
                return False
            self._steady.move_to(kept * _MS, wall, time.monotonic_ns())
            self._lasting = (0, 0)
        return True


class _SystemTimer:
    def __init__(
        self, loop: asyncio.AbstractEventLoop, clock: SystemClock, when: int, callback: Callable[[], object]
    ) -> None:
        self._loop, self._clock, self._when, self._callback = loop, clock, when, callback
        self._handle: asyncio.TimerHandle | None = None
        self._arm()

    def _arm(self) -> None:
        left = (self._when - self._clock.now()) / 1000
        self._handle = self._loop.call_later(min(max(left, 0.0), LONGEST_SLEEP), self._fire)

    def _fire(self) -> None:
        if self._clock.now() < self._when:
            self._arm()
        else:
            self._handle = None
            self._callback()

    def cancel(self) -> None:
        if self._handle is not None:
            self._handle.cancel()
            self._handle = None


def wall_clock() -> datetime.datetime:
    """Now, aware, in UTC."""
    return datetime.datetime.now(datetime.UTC)


def wall_clock_ns() -> int:
    """Now, in unix ns."""
    return time.time_ns()


def wall_clock_ms() -> int:
    """Now, in unix ms."""
    return time.time_ns() // 1_000_000


async def sleep(seconds: float) -> None:
    """Wait, on the event loop."""
    await asyncio.sleep(seconds)


def sleep_sync(seconds: float) -> None:
    """Wait, blocking."""
    time.sleep(seconds)


def stopwatch() -> float:
    """Milliseconds from some moment on, with fractions: the difference of two says how long something took."""
    return time.perf_counter_ns() / 1_000_000


def monotonic() -> float:
    """Seconds of a clock that nobody sets."""
    return time.monotonic()


def after(seconds: float, callback: Callable[[], object]) -> asyncio.TimerHandle:
    """Call back on the running event loop, so many seconds from now."""
    return asyncio.get_running_loop().call_later(seconds, callback)


def until(when: float) -> asyncio.Timeout:
    """An `async with` block that ends with TimeoutError at a time of the event loop's clock, which is `monotonic`."""
    return asyncio.timeout_at(when)
