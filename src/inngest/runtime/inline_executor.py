"""Blocking work done on the event loop itself: for a database in memory, which blocks nobody."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

R = TypeVar("R")
A = TypeVar("A")


class InlineExecutor:
    """An `Executor` without threads: reads, and transactions of one statement, are done at once, all else in one of the
    loop's next turns.

    Args:
        loop: the event loop.
        stirred: called whenever something is to be done.

    Attributes:
        waiting: how many callbacks are still to come.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, stirred: Callable[[], object] = lambda: None) -> None:
        self._loop = loop
        self._stirred = stirred
        self.waiting = 0

    async def run(self, work: Callable[[], R]) -> R:
        """Read now."""
        self._stirred()
        return work()

    def start_writer(self, work: Callable[[], None]) -> None:
        """Write what has come by the loop's next turn."""
        self._soon(work)

    def start_brief(self, here: Callable[[], bool], otherwise: Callable[[], None]) -> None:
        """The writer's place is here."""
        self._soon(otherwise)

    def here(self, write: Callable[[A], bool], given: A, *, lone: bool = False) -> bool:
        """Write now."""
        self._stirred()
        return write(given)

    def reply(self, callback: Callable[[], None]) -> None:
        """Call back in the loop's next turn; a loop that is closed has no use for it."""
        if not self._loop.is_closed():
            self._soon(callback)

    def close(self, patience: float | None = None) -> bool:
        """Nothing runs beside the loop."""
        return True

    def _soon(self, callback: Callable[[], object]) -> None:
        self._loop.call_soon(self._do, callback)
        self.waiting += 1
        self._stirred()

    def _do(self, callback: Callable[[], object]) -> None:
        self.waiting -= 1
        callback()
