"""Threads of an endpoint for plain functions, and how many of them run at a time."""

from __future__ import annotations

import asyncio
import weakref
from collections.abc import Callable

from inngest.runtime import forks
from inngest.runtime.idle import LoopIdle
from inngest.runtime.kept_http import forget_closed
from inngest.runtime.ports import Clock
from inngest.runtime.threads import FunctionThreads

MakesClock = Callable[[asyncio.AbstractEventLoop], Clock]


class EndpointThreads(FunctionThreads):
    """Threads that tell when they have run something: what a framework keeps for a thread can be given back then.

    Args:
        size: how many plain functions run at a time.
        ended: called in the thread.
    """

    def __init__(self, size: int, ended: Callable[[], object] | None) -> None:
        super().__init__(size)
        self._ended = ended

    def start(self, work: Callable[[], None], *, branch: bool = False) -> None:
        """See `Threads.start`."""
        ended = self._ended
        if ended is None:
            super().start(work, branch=branch)
            return

        def then() -> None:
            try:
                work()
            finally:
                ended()

        super().start(then, branch=branch)


class LoopParts:
    """The needs of an invocation that belong to an event loop.

    Args:
        threads: how many plain functions run at a time; None: any number.
        clock: makes the clock of a loop.
    """

    def __init__(self, threads: int | None, clock: MakesClock) -> None:
        loop = asyncio.get_running_loop()
        self.idle = LoopIdle(loop)
        self.clock = clock(loop)
        self.gate = None if threads is None else asyncio.Semaphore(threads)


class Pool:
    """The threads of this process, and the parts of its loops. A fork begins with none of them.

    Args:
        size: how many plain functions run at a time; None: any number.
        ended: called in a thread when it has run something.
        clock: makes the clock of a loop.
    """

    def __init__(self, size: int | None, ended: Callable[[], object] | None, clock: MakesClock) -> None:
        self._clock = clock
        self._size = size
        self._ended = ended
        self.forked()
        forks.watch(self)

    def forked(self) -> None:
        """See `Forkable.forked`."""
        self.threads = EndpointThreads(self._size or 0, self._ended)
        self._parts: weakref.WeakKeyDictionary[asyncio.AbstractEventLoop, LoopParts] = weakref.WeakKeyDictionary()

    @property
    def here(self) -> LoopParts:
        """The parts of the loop that is running."""
        loop = asyncio.get_running_loop()
        found = self._parts.get(loop)
        if found is None:
            forget_closed(self._parts)  # they hold their loop, and would stay with it
            found = self._parts[loop] = LoopParts(self._size, self._clock)
        return found
