"""A process of a world as the loop knows it, and as it is asked from outside: an engine's, or an app's."""

from __future__ import annotations

import asyncio
import contextvars
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .loop import HOST, STRAND, SimLoop

T = TypeVar("T")


class GoneError(Exception):
    """The process that was asked something is gone."""


class Hosted:
    """What lives in a world, and ends at any moment.

    Args:
        loop: the world's.
        number: never used again.
    """

    def __init__(self, loop: SimLoop, number: int) -> None:
        self.number = number
        self.dead = False
        self.gone: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._paused = False
        self._held: list[asyncio.Handle] = []
        self._calls: dict[asyncio.Future[Any], None] = {}
        self.context = contextvars.copy_context()
        self.context.run(HOST.set, self)

    @property
    def now(self) -> int:
        """Microseconds of the world."""
        return self._loop.now_us

    def call(self, work: Callable[[], Coroutine[Any, Any, T]], strand: str | None = None) -> asyncio.Future[T]:
        """Have it do something, from outside; GoneError if it ends meanwhile.

        Args:
            work: what it does, also if nobody waits for that any more.
            strand: what keeps its callbacks in order.
        """
        answer: asyncio.Future[T] = self._loop.create_future()
        if self.dead:
            answer.set_exception(GoneError())
            return answer

        def done(task: asyncio.Task[T]) -> None:
            self._calls.pop(answer, None)
            if answer.done():
                return
            if task.cancelled():
                answer.set_exception(GoneError())
            elif (error := task.exception()) is not None:
                answer.set_exception(GoneError() if isinstance(error, asyncio.CancelledError) else error)
            else:
                answer.set_result(task.result())

        self._calls[answer] = None
        context = self.context.copy()
        if strand is not None:
            context.run(STRAND.set, strand)
        task = self._loop.create_task(work(), context=context)
        task.add_done_callback(done)
        return answer

    def pause(self, us: int) -> None:
        """Let it stand still; OS locks stay held, timers wait."""
        self._paused = True
        self._loop.call_at_us(self.now + us, self._resume)

    def _resume(self) -> None:
        self._paused = False
        held, self._held = self._held, []
        for handle in held:
            self._loop.again(handle)

    def lets_run(self, handle: asyncio.Handle) -> bool:
        """Whether a callback of it may run now."""
        if self._paused and not self.dead:
            self._held.append(handle)
        return not self.dead and not self._paused

    def end(self) -> None:
        """Nothing of it happens any more, and whoever waits for it is told so."""
        self.dead = True
        self._held.clear()
        for answer in list(self._calls):
            if not answer.done():
                answer.set_exception(GoneError())
        self._calls.clear()
        if not self.gone.done():
            self.gone.set_result(None)
