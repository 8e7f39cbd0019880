"""The event loop and the process that an engine belongs to, and calls from other loops and threads."""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import threading
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from .errors import EngineStateError
from .transactions.inside import refuse_call

T = TypeVar("T")

NOT_STARTED = "the engine is not started: use `async with Engine(…)` or `with Engine(…)`"


class EngineLoop:
    """The running event loop, for an engine that starts on it."""

    def __init__(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.pid = os.getpid()
        self.thread_id = threading.get_ident()
        self.ready = False  # the engine has started

    @property
    def here(self) -> bool:
        """Whether this is the process of the engine, and not a fork of it."""
        return os.getpid() == self.pid

    @property
    def gone(self) -> bool:
        """Whether the event loop ended without stopping the engine."""
        return self.loop.is_closed()

    def check(self) -> None:
        """Check that the engine can be used in this process.

        Raises:
            EngineStateError: it has not started, this is a fork, or its event loop has ended.
        """
        if not self.ready:
            raise EngineStateError(NOT_STARTED)
        if not self.here:
            raise EngineStateError(
                f"the engine was started in process {self.pid} and this is its fork {os.getpid()}: "
                "start engines after forking, one in each process"
            )
        if self.gone:
            raise EngineStateError(
                "the event loop that the engine was started on has ended, and the engine with it: start it again"
            )

    def check_loop(self) -> None:
        """Check that this is the engine's event loop.

        Raises:
            EngineStateError: it is another one, or none.
        """
        if _current_loop() is not self.loop:
            raise EngineStateError(
                "the engine runs on another event loop: await it there, or use the `_sync` twins from a plain thread"
            )

    async def call(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await something on the engine's event loop, from any.

        Raises:
            EngineStateError: the engine cannot be used here.
        """
        self.check()
        refuse_call()
        if asyncio.get_running_loop() is self.loop:
            return await work()
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(work(), self.loop))

    def call_sync(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await something on the engine's event loop, and block until it is done; from any other thread.

        Raises:
            EngineStateError: the engine cannot be used here, this is its loop's own thread, or the loop does not run.
        """
        self.check()
        refuse_call()
        if _current_loop() is self.loop:
            raise EngineStateError(
                "a `_sync` call on the engine's own event loop would wait for itself: await the async one instead"
            )
        if not self.loop.is_running():
            raise EngineStateError(
                "the event loop that the engine was started on does not run (any more): keep it running while the "
                "engine is used, or use `with Engine(…)`, which has a loop of its own"
            )
        try:
            return asyncio.run_coroutine_threadsafe(work(), self.loop).result()
        except concurrent.futures.CancelledError:
            raise EngineStateError("the engine's event loop ended before there was an answer") from None


def _current_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
