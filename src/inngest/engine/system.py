"""The real outer world: clock, chance and threads. The only place in the engine that touches them."""

from __future__ import annotations

import asyncio
import os
import queue
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from inngest.protocol import ulids

R = TypeVar("R")

LONGEST_SLEEP = 30.0
"""Seconds after which a timer reads the clock again, whatever it waits for: clocks are set, machines are suspended."""


class SystemClock:
    """Wall time that never runs backwards within the process; timers on one event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._last = 0

    def now(self) -> int:
        """Unix ms."""
        self._last = max(self._last, time.time_ns() // 1_000_000)
        return self._last

    def call_at(self, when: int, callback: Callable[[], object]) -> _SystemTimer:
        """Call back on the loop, at `when` or soon after."""
        return _SystemTimer(self._loop, self, when, callback)


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


class SystemIds:
    """Random ids. Those of one process sort in the order in which they were made."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._time = 0
        self._entropy = 0

    def ulid(self, now: int) -> str:
        """A new ULID."""
        with self._lock:
            if now > self._time:
                self._time = now
                self._entropy = int.from_bytes(os.urandom(10), "big") >> 1  # room to count up
            else:
                self._entropy += 1 + random.getrandbits(32)
            return ulids.make(self._time, self._entropy.to_bytes(10, "big"))

    def token(self) -> str:
        """A random token."""
        return os.urandom(12).hex()

    def chance(self) -> float:
        """From 0 to 1."""
        return random.random()


class ThreadExecutor:
    """One thread that writes, a few that read."""

    def __init__(self, loop: asyncio.AbstractEventLoop, readers: int = 4) -> None:
        self._loop = loop
        self._readers = ThreadPoolExecutor(readers, "inngest-reader")
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None

    async def run(self, work: Callable[[], R]) -> R:
        """Run a read in a thread."""
        return await self._loop.run_in_executor(self._readers, work)

    def start_writer(self, work: Callable[[], None]) -> None:
        """Run the writer in its thread."""
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, name="inngest-writer", daemon=True)
            self._writer.start()
        self._work.put(work)

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
            work()
