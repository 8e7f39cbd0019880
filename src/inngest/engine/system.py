"""The real outer world: clock, chance and threads. The only place in the engine that touches them."""

from __future__ import annotations

import asyncio
import io
import os
import queue
import random
import sys
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from inngest.protocol import ulids

from .domain.steady import TRUSTED, Steady

R = TypeVar("R")

LONGEST_SLEEP = 30.0
"""Seconds after which a timer reads the clock again, whatever it waits for: clocks are set, machines are suspended."""

_MS = 1_000_000  # nanoseconds

_LASTS = 1_000_000
"""Nanoseconds for which the wall clock is not asked again: all that is done in a row is of about one time."""

BLOCKED = 1.0
"""Seconds after which an event loop that does not turn is told to be blocked."""

_LOOKS = 4
"""How often a loop that does not answer is looked at within that time. A process that was stopped and goes on, or a
machine that was asleep, is late for one look only, and so is not taken to be blocked."""


class SystemClock:
    """The engine's time, which follows the wall clock and never runs backwards; timers on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
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
            wall, monotonic = time.time_ns(), time.monotonic_ns()
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

    def ahead(self) -> int:
        """How far its time is ahead of the wall clock (ms)."""
        return self.now() - time.time_ns() // _MS

    def at_least(self, kept: int) -> bool:
        """Go on from a time that was kept, if that is ahead; False if it is too far ahead to be believed."""
        with self._lock:
            wall = time.time_ns()
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


_POOL = 4_096
"""Random bytes that are asked for at a time. To ask lets go of the interpreter's lock: for each id, it took short runs
a tenth of their time."""


class SystemIds:
    """Random ids. Those of one process sort in the order in which they were made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._time = 0
        self._entropy = 0
        self._pool = io.BytesIO()  # random bytes

    def ulid(self, now: int) -> str:
        """A new ULID."""
        with self._lock:
            if now > self._time:
                self._time = now
                self._entropy = int.from_bytes(self._random(10), "big") >> 1  # room to count up
            else:
                self._entropy += 1 + random.getrandbits(32)
            return ulids.make(self._time, self._entropy.to_bytes(10, "big"))

    def token(self) -> str:
        """A random token."""
        with self._lock:
            return self._random(12).hex()

    def _random(self, count: int) -> bytes:
        found = self._pool.read(count)
        if len(found) < count:
            self._pool = io.BytesIO(os.urandom(_POOL))
            found = self._pool.read(count)
        return found

    def chance(self) -> float:
        """From 0 to 1."""
        return random.random()


QUICK = 0.002
"""Seconds within which the writer is quick. As long as it is, a lone write is done on the loop: to hand it to a thread
and back costs about as much as the sync of a good disk, and what is on the loop waits less than for most handlers."""

_SURE = 4
"""How often in a row the writer must have been quick. One that was slow sends the next ones to the thread."""


class ThreadExecutor:
    """One thread that writes, a few that read.

    Args:
        loop: the event loop.
        soon: calls back when what is on the loop has come to rest, or a few turns of the loop from now.
        readers: how many threads read.
    """

    def __init__(
        self, loop: asyncio.AbstractEventLoop, soon: Callable[[Callable[[], None]], object], readers: int = 4
    ) -> None:
        self._loop = loop
        self._soon = soon
        self._readers = ThreadPoolExecutor(readers, "inngest-reader")
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._quick = 0  # writes in a row

    async def run(self, work: Callable[[], R]) -> R:
        """Run a read in a thread."""
        return await self._loop.run_in_executor(self._readers, work)

    def start_writer(self, work: Callable[[], None]) -> None:
        """Run the writer in its thread, after what is ready on the loop now has handed in what it has to write.

        A thread that is woken at once has little to write, and takes turns with the loop at the interpreter's lock
        while it does, which costs both more than to write it all a moment later.
        """
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, name="inngest-writer", daemon=True)
            self._writer.start()
        self._loop.call_soon(self._work.put, work)

    def start_brief(self, here: Callable[[], bool], otherwise: Callable[[], None]) -> None:
        """Run a lone write on the loop, if the last ones were quick; else in the writer's thread."""
        if self._quick < _SURE:
            self.start_writer(otherwise)
        else:
            self._soon(lambda: self._do_here(here, otherwise))

    def _do_here(self, here: Callable[[], bool], otherwise: Callable[[], None]) -> None:
        began = time.perf_counter()
        if here():
            self._note(began)
        else:
            self.start_writer(otherwise)

    def _note(self, began: float) -> None:
        self._quick = self._quick + 1 if time.perf_counter() - began <= QUICK else 0

    def reply(self, callback: Callable[[], None]) -> None:
        """Call back on the loop; a loop that is closed has no use for it."""
        try:
            self._loop.call_soon_threadsafe(callback)
        except RuntimeError:
            return

    def close(self) -> None:
        """End the threads."""
        self._work.put(None)
        if self._writer is not None:
            self._writer.join()
        self._readers.shutdown()

    def _write(self) -> None:
        while (work := self._work.get()) is not None:
            began = time.perf_counter()
            work()
            self._note(began)


class LoopWatch:
    """Notices from a thread of its own that something blocks an event loop.

    Args:
        loop: the loop. It is asked to answer a few times a second, which is all that it costs.
        look: what is on the loop now, as an object that stays the same while that does; None if nobody knows. It is
            called only while the loop does not answer.
        blocked: told of it, once for each time, with how long it has taken so far (s).
        gone: told that the loop was closed. All three are called in the thread.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        look: Callable[[], object | None],
        blocked: Callable[[object, float], None],
        gone: Callable[[], object],
    ) -> None:
        self._loop = loop
        self._look = look
        self._blocked = blocked
        self._gone = gone
        self._inbox: queue.SimpleQueue[bool] = queue.SimpleQueue()  # True: the loop turned; False: the end
        self._thread = threading.Thread(target=self._watch, name="inngest-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, which may be the calling one."""
        self._inbox.put(False)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _watch(self) -> None:
        while True:
            try:
                self._loop.call_soon_threadsafe(self._inbox.put, True)
            except RuntimeError:  # it is closed
                self._gone()
                return
            if not self._await_answer() or self._hear() is False:
                return

    def _hear(self) -> bool | None:
        try:
            return self._inbox.get(timeout=BLOCKED / _LOOKS)
        except queue.Empty:
            return None

    def _await_answer(self) -> bool:
        suspect: object | None = None
        looks, since, looked_at = 0, 0.0, time.monotonic()
        while (heard := self._hear()) is None:
            if self._loop.is_closed():
                return True  # it never answers; asked again, it says so
            found = self._look()
            if found is not suspect:
                suspect, looks, since = found, 0, looked_at
            looks, looked_at = looks + 1, time.monotonic()
            if suspect is not None and looks == _LOOKS:
                self._blocked(suspect, looked_at - since)
        return heard


def place_of(thread_id: int) -> str:
    """Where the code of a thread is just now, as `file:line in function`."""
    frame = sys._current_frames().get(thread_id)  # documented, for all its underscore
    if frame is None:
        return "an unknown place"
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"
