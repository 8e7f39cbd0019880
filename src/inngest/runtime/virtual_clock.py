"""A clock that stands still until somebody moves it: hours and months pass at once, and never while code runs."""

from __future__ import annotations

import asyncio
import contextvars
import heapq
import itertools
import math
from collections.abc import Callable


class VirtualClock:
    """The engine's time in a test; timers on one event loop.

    Args:
        loop: where timers call back.
        now: unix ms at which it begins.
        stirred: called whenever a timer is set: something has come so far that it waits for time.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, now: int, stirred: Callable[[], object] = lambda: None) -> None:
        self._loop = loop
        self._now = self._began_at = now
        self._stirred = stirred
        self._timers: list[tuple[int, int, _VirtualTimer]] = []
        self._numbers = itertools.count()

    def now(self) -> int:
        """Unix ms. From any thread."""
        return self._now

    def monotonic(self) -> int:
        """Milliseconds since it began."""
        return self._now - self._began_at

    def call_at(self, when: int, callback: Callable[[], object]) -> _VirtualTimer:
        """Call back on the loop when the clock is moved to `when`; soon, if that is over."""
        timer = _VirtualTimer(callback, contextvars.copy_context())
        if when <= self._now:
            timer.fire(self._loop)
        else:
            heapq.heappush(self._timers, (when, next(self._numbers), timer))
        self._stirred()
        return timer

    def call_after(self, ms: float, callback: Callable[[], object]) -> _VirtualTimer:
        """Call back on the loop when the clock was moved by so many milliseconds."""
        return self.call_at(self._now + math.ceil(ms), callback)

    def ahead(self) -> int:
        """Nothing: there is no other clock."""
        return 0

    def at_least(self, kept: int) -> bool:
        """Go on from a time that was kept, if that is ahead."""
        self._now = max(self._now, kept)
        return True

    @property
    def next_due(self) -> int | None:
        """When the next timer is due (unix ms); None if there is none."""
        while self._timers and self._timers[0][2].over:
            heapq.heappop(self._timers)
        return self._timers[0][0] if self._timers else None

    def move_to(self, when: int) -> None:
        """Let time pass; timers that are due by then call back in the loop's next turn, in the order of their times.

        Args:
            when: unix ms, not before now; and no later than the next timer that is to see its own time.
        """
        assert when >= self._now, "time does not run backwards"
        self._now = when
        while (due := self.next_due) is not None and due <= when:
            heapq.heappop(self._timers)[2].fire(self._loop)


class _VirtualTimer:
    """A timer; as asyncio's, it calls back in a copy of the context in which it was set."""

    def __init__(self, callback: Callable[[], object], context: contextvars.Context) -> None:
        self._callback = callback
        self._context = context
        self._handle: asyncio.Handle | None = None
        self.over = False

    def fire(self, loop: asyncio.AbstractEventLoop) -> None:
        """It is due."""
        self.over = True
        self._handle = loop.call_soon(self._callback, context=self._context)

    def cancel(self) -> None:
        """Never call back. Idempotent."""
        self.over = True
        if self._handle is not None:
            self._handle.cancel()
