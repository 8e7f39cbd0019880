"""Work without colour: a generator that yields the calls it wants made, driven in async code or in a thread.

The work of a step around its handler (middleware, serializer, codec) is written once, as a generator; whether a call
may be awaited is the driver's business.
"""

from __future__ import annotations

import asyncio
import inspect
import types
from collections.abc import Awaitable, Callable, Coroutine, Generator
from types import CoroutineType
from typing import Any, Protocol, TypeVar, cast

from typing_extensions import TypeIs

from inngest.runtime.cancels import Cancels
from inngest.runtime.raised import EscapedError, contained, ends_the_task

from .errors import AsyncUnsupportedError

R = TypeVar("R")

Work = Generator[Callable[[], object], object, R]

_Waiting = Generator[Any, Any, object]
"""The wait of a coroutine that is made of a generator."""


class Driver(Protocol):
    """Where work of an invocation is done: on the loop, or in a thread."""

    def do(self, work: Work[R], task: asyncio.Task[Any] | None = None) -> Coroutine[Any, Any, R]:
        """Do it there and give its result. Being cancelled, it may leave a thread at work.

        Args:
            work: what is to be done.
            task: the current one, if that is known.
        """
        ...

    def when_free(self, call: Callable[[], object]) -> None:
        """Call back on the loop when nothing is at work there: now, or when the thread has returned."""
        ...


class LoopDriver:
    """The place of async functions."""

    def do(self, work: Work[R], task: asyncio.Task[Any] | None = None) -> Coroutine[Any, Any, R]:
        """Do it here."""
        return drive(work, task)

    def when_free(self, call: Callable[[], object]) -> None:
        """Nothing is left at work here: what is cancelled has unwound."""
        call()


ON_LOOP = LoopDriver()


def is_awaitable(value: object) -> TypeIs[Awaitable[object]]:
    """Whether `await` takes it. `inspect.isawaitable` asks an abstract class, which is slow on the hot path."""
    return type(value) is CoroutineType or hasattr(value, "__await__")


async def drive(work: Work[R], task: asyncio.Task[Any] | None = None) -> R:
    """Make the calls here, awaiting what is awaitable. `task` is the current one, if that is known."""
    try:
        call = next(work)
        cancels = Cancels(task or asyncio.current_task())
        while True:
            try:
                result = call()
                if is_awaitable(result):
                    result = await cancels.awaiting(result)
                if cancels.asked() and await cancels.take_back():
                    raise asyncio.CancelledError
            except BaseException as error:  # the work decides what an error of its call means
                if issubclass(type(error), GeneratorExit) and ends_the_task(error):
                    raise
                call = work.throw(await cancels.judged(error))
            else:
                call = work.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    except Exception:
        raise
    except BaseException as error:
        if ends_the_task(error):
            raise
        raise EscapedError(error) from error


@types.coroutine
def called(
    function: Callable[..., object], args: tuple[object, ...], task: asyncio.Task[Any] | None
) -> Generator[Any, Any, object]:
    """Make one call here, and await it if need be; as `drive` makes the calls of a work.

    Others ask its task to be cancelled only while it waits: from then on they are watched.
    """
    current = task or asyncio.current_task()
    assert current is not None
    seen = current.cancelling()
    cancels = Cancels(current, seen) if seen else None
    try:
        result = function(*args)
        if cancels is None and type(result) is CoroutineType:
            begun: list[Any] = []  # not a name here: it may have an error that leads to this frame
            try:
                begun.append(result.send(None))
            except StopIteration as stop:
                result = stop.value
            else:
                cancels = Cancels(current, seen)
                result = yield from cast("_Waiting", cancels.awaiting(result, begun))
        elif is_awaitable(result):
            cancels = cancels or Cancels(current, seen)
            result = yield from cast("_Waiting", cancels.awaiting(result))
        if cancels is None and current.cancelling() == seen:
            return result
        cancels = cancels or Cancels(current, seen)
        if cancels.asked() and (yield from cancels.take_back()):
            raise asyncio.CancelledError
    except BaseException as error:
        if issubclass(type(error), GeneratorExit) and ends_the_task(error):
            raise
        failure = yield from (cancels or Cancels(current, seen)).judged(error)
    else:
        return result
    try:
        raise failure
    finally:
        del failure  # it leads to this frame


def drive_sync(work: Work[R]) -> R:
    """Make the calls here, in plain code; one that gives an awaitable fails with AsyncUnsupportedError."""
    try:
        call = next(work)
        while True:
            try:
                result = call()
                if is_awaitable(result):
                    _refuse(result)
            except BaseException as error:  # the work decides what an error of its call means
                call = work.throw(contained(error))
            else:
                call = work.send(result)
    except StopIteration as stop:
        return stop.value  # type: ignore[no-any-return]
    except Exception:
        raise
    except BaseException as error:
        if ends_the_task(error):
            raise
        raise EscapedError(error) from error


def _refuse(result: object) -> None:
    if inspect.iscoroutine(result):
        result.close()
    raise AsyncUnsupportedError(
        "async code in a plain function: it gave an awaitable, which nothing here can await. "
        "Use a plain handler (and MiddlewareSync), or make the function async."
    )
