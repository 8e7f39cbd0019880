"""Calls of steps that nobody awaited: `ctx.step.run("charge", charge)` without `await` makes a coroutine, and no more.

A call is noted when it is made, and taken off by the first line that runs of it. What is still noted when the body
returns was forgotten, unless a task has it: what that does is its own matter.
"""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Callable, Coroutine, Iterator
from types import CoroutineType
from typing import Any, TypeVar, cast

from inngest.sdk.errors import StepNotAwaitedError

F = TypeVar("F", bound=Callable[..., Coroutine[Any, Any, object]])

_NAMED = 5
"""Calls that an error names; of more, it tells the number."""


MadeCall = tuple[Coroutine[Any, Any, object], str, object]
"""A call: its coroutine, its method as code writes it ("step.run"), and its step's id; None for a group."""

MadeCalls = dict[object, MadeCall]
"""Calls that were made and have not begun, each by the key that takes it off."""


class _Nothing(MadeCalls):
    """Keeps nothing: what is called when its invocation is over, has nobody who would look."""

    def __setitem__(self, key: object, value: MadeCall) -> None:
        """Forget it."""


NOTHING: MadeCalls = _Nothing()


def noted(method: str) -> Callable[[F], F]:
    """Note the calls of a method of steps or groups, whose `_runner` has the calls that were made.

    Args:
        method: as code writes it, e.g. "step.sleep".
    """

    def decorate(function: F) -> F:
        @functools.wraps(function)
        def call(self: Any, *args: object, **kwargs: object) -> Coroutine[Any, Any, object]:
            made: MadeCalls = self._runner.made
            key = object()
            begin = _begin(made, key, functools.partial(function, self, *args, **kwargs))
            coroutine = cast("CoroutineType[Any, Any, object]", begin)
            coroutine.__name__, coroutine.__qualname__ = function.__name__, function.__qualname__
            step_id = None if method.startswith("group") else args[0] if args else kwargs.get("step_id")
            made[key] = coroutine, method, step_id
            return coroutine

        return cast("F", call)

    return decorate


async def _begin(made: MadeCalls, key: object, call: Callable[[], Coroutine[Any, Any, object]]) -> object:
    made.pop(key, None)
    return await call()


def refuse(made: MadeCalls) -> None:
    """The body returns.

    Raises:
        StepNotAwaitedError: a call was forgotten.
    """
    forgotten = list(_forgotten(made))
    if not forgotten:
        return
    names = ", ".join(method if step_id is None else f'step "{step_id}"' for _, method, step_id in forgotten[:_NAMED])
    if len(forgotten) == 1:
        _, method, step_id = forgotten[0]
        write = f"`await ctx.{method}(...)`" if step_id is None else f'`await ctx.{method}("{step_id}", ...)`'
        raise StepNotAwaitedError(f"{names} was called but never awaited, and did nothing: write {write}")
    more = f" and {len(forgotten) - _NAMED} more" if len(forgotten) > _NAMED else ""
    write = ", ".join(dict.fromkeys(f"`await ctx.{method}(...)`" for _, method, _ in forgotten))
    raise StepNotAwaitedError(f"{names}{more} were called but never awaited, and did nothing: write {write}")


def close(made: MadeCalls) -> None:
    """The invocation is over: Python is not to complain of what was forgotten."""
    for coroutine, _, _ in list(_forgotten(made)):
        coroutine.close()
    made.clear()


def _forgotten(made: MadeCalls) -> Iterator[MadeCall]:
    waiting = [call for call in made.values() if inspect.getcoroutinestate(call[0]) == inspect.CORO_CREATED]
    if waiting:
        kept = {id(one) for one in _kept_by_tasks()}
        yield from (call for call in waiting if id(call[0]) not in kept)


def _kept_by_tasks() -> Iterator[object]:
    """What other tasks run, and what their code has at hand: a step that is to wait for its place, for example."""
    current = asyncio.current_task()
    for task in asyncio.all_tasks():
        coroutine: object = None if task is current else task.get_coro()
        while isinstance(coroutine, CoroutineType):
            yield coroutine
            if coroutine.cr_frame is not None:
                yield from coroutine.cr_frame.f_locals.values()
            coroutine = coroutine.cr_await
