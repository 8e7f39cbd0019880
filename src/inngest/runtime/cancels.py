"""The origin of a cancellation while code of users runs in a task: others, or that code itself (decision 0054).

asyncio counts how often a task was asked to be cancelled, and does not tell by whom. While a task waits, others have
asked; while its code runs, nobody else has, on one loop. So the count is read whenever the code begins to wait, and
when it goes on.
"""

from __future__ import annotations

import asyncio
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import CoroutineType
from typing import Any, TypeVar, cast

from inngest.runtime.raised import EscapedError, contained

R = TypeVar("R")


class Cancels:
    """How often a task is asked to be cancelled while user code is called, and by whom.

    Args:
        task: the current one.
        seen: how often it was asked before the call, if that is known: code has run since.
    """

    __slots__ = ("_cancelling", "_others", "_own", "_seen", "_task")

    def __init__(self, task: asyncio.Task[Any] | None, seen: int | None = None) -> None:
        assert task is not None
        self._task = task
        self._cancelling = task.cancelling
        self._seen = seen = task.cancelling() if seen is None else seen
        self._own = 0
        self._others = 1 if seen and getattr(task, "_must_cancel", False) else 0  # asked before, and not told yet

    @types.coroutine
    def awaiting(self, awaitable: Awaitable[R], begun: list[Any] | None = None) -> Generator[Any, Any, R]:
        """Await what a call gave, and see who asks meanwhile.

        Args:
            awaitable: what it gave.
            begun: what that waits for, if it is a coroutine that was begun; it is taken out.
        """
        coroutine: Coroutine[Any, Any, R] = awaitable if type(awaitable) is CoroutineType else _await(awaitable)
        cancelling, waits_for, given = self._cancelling, cast("Any", None), cast("Any", None)
        go_on: Callable[[Any], Any] = coroutine.send
        while True:
            waits_for = None  # it may have an error that leads to this frame, and so may what is given
            try:
                waits_for = begun.pop() if begun else go_on(given)
            except StopIteration as stop:
                return stop.value  # type: ignore[no-any-return]
            finally:
                given = None
                if cancelling() != self._seen:
                    self._ran()
            try:
                given = yield waits_for
            except GeneratorExit:
                coroutine.close()
                raise
            except BaseException as error:
                go_on, given = coroutine.throw, error
            else:
                go_on = coroutine.send
            if cancelling() != self._seen:
                self._waited()

    def asked(self) -> bool:
        """Whether the call itself has asked for it, and has not taken that back."""
        return self._own > 0 or self._cancelling() != self._seen

    async def judged(self, error: BaseException) -> BaseException:
        """The exception of the call, as it may pass through the task: as a cancellation only if others asked for it."""
        if self.asked() and await self.take_back():
            return asyncio.CancelledError()
        if issubclass(type(error), asyncio.CancelledError) and not self._others:
            return EscapedError(error)
        return contained(error)

    async def take_back(self) -> bool:
        """The call is over, and what it asked for with it; whether others have asked just now, and must be obeyed."""
        self._ran()
        for _ in range(self._own):
            self._task.uncancel()
        self._own, self._seen, others = 0, self._cancelling(), self._others
        try:
            await asyncio.sleep(0)  # what the task was not told yet, it is told here
        except asyncio.CancelledError:
            self._waited()
        return self._others > others

    def _ran(self) -> None:
        """The code has run. A scope in it that ends takes back what it asked for while the code waited."""
        change = self._cancelling() - self._seen
        self._seen += change
        ended = min(self._others, max(0, -change))
        self._others -= ended
        self._own = max(0, self._own + change + ended)

    def _waited(self) -> None:
        now = self._cancelling()
        self._others += max(0, now - self._seen)
        self._seen = now


async def _await(awaitable: Awaitable[R]) -> R:
    return await awaitable
