"""Tells when an event loop is idle: when the code that runs on it has nothing left to do."""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Callable, Collection

IDLE_TURNS = 8
"""Turns of the loop without a step call after which it counts as idle. Each level of gather, TaskGroup or as_completed
between two step calls takes up to three turns; two sufficed for two levels. Fewer do when nothing is left to run."""

SOON = 2
"""After this many turns `soon_idle` calls back, though the loop is not idle. One that has nothing to run is idle after
two."""

SLICE = 0.001
"""Seconds after a turn within which a loop that has nothing left to run counts as idle without another turn. What comes
from outside waits so much longer at most."""


class LoopIdle:
    """Counts the turns of an event loop for all who wait until it is idle.

    One callback a turn serves them all; there is none while nobody waits. A loop that has nothing left to run would
    turn for nothing: then the turns that are left are taken as passed. asyncio's own loops show what they have to run
    (`_ready`); where another one does not, all turns are waited for.

    Attributes:
        now: the number of this turn.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # The time of asyncio's own loops, without the method around it.
        self._time = time.monotonic if getattr(type(loop), "time", None) is asyncio.BaseEventLoop.time else loop.time
        self._ready: Collection[object] | None = getattr(loop, "_ready", None)
        self.now = 0
        self._empty = False  # nothing was left to run in the last turn
        self._counting = False  # the callback of the next turn is there: a second one would count turns twice
        self._turned_at = -SLICE  # when it was seen to turn last, by its own time
        # Callbacks with the turn in which each is due: in order, since all of one queue wait equally long.
        self._due: deque[tuple[int, Callable[[], object]]] = deque()
        self._soon: deque[tuple[int, Callable[[], object]]] = deque()

    @property
    def is_idle(self) -> bool:
        """Whether the loop has nothing left to run but its caller, and has just looked for what comes from outside."""
        return self._ready is not None and not self._ready and self._time() - self._turned_at < SLICE

    def when_idle(self, callback: Callable[[], object]) -> None:
        """Call back as soon as the loop is idle, which it is IDLE_TURNS from now at the latest."""
        self._due.append((self.now + IDLE_TURNS, callback))
        if not self._counting:
            self._count()

    def soon_idle(self, callback: Callable[[], object]) -> None:
        """Call back at once if the loop is idle; else as soon as it is, after all of `when_idle`, or in SOON turns."""
        if self.is_idle:
            callback()
            return
        self._soon.append((self.now + SOON, callback))
        if not self._counting:
            self._count()

    def _count(self) -> None:
        self._counting, self._empty = True, False
        try:
            self._loop.call_soon(self._turn)
        except RuntimeError:
            if self._loop.is_closed():  # it was closed under its tasks, and what is destroyed with them unwinds
                return
            raise
        if not self._ready:  # not there: the loop keeps elsewhere what it has to run
            self._ready = None

    def _turn(self) -> None:
        self._turned_at = self._time()
        if self._ready is None or self._ready:
            self.now, self._empty = self.now + 1, False
        elif self._empty:
            self.now, self._empty = self.now + IDLE_TURNS, False
        else:  # once more: timers that are due, and what came, are not in `_ready` yet
            self.now, self._empty = self.now + 1, True
        try:
            for waiting in (self._due, self._soon):
                while waiting and waiting[0][0] <= self.now:
                    waiting.popleft()[1]()
        finally:  # a signal's handler may raise here, and nobody must wait for ever
            self._counting = bool(self._due or self._soon)
            if self._counting:
                self._loop.call_soon(self._turn)
