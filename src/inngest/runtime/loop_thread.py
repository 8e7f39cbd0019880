"""An event loop on a thread of its own, for `with Engine(…)`."""

from __future__ import annotations

import asyncio
import concurrent.futures
import logging
import os
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

from inngest.runtime.careful import CarefulLogger

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

T = TypeVar("T")

FAREWELL = 1.0
"""Seconds that tasks have that are left when the loop ends."""


class LoopThread:
    """Runs until it is closed."""

    def __init__(self) -> None:
        self._pid = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._closing = False
        self._thread = threading.Thread(target=self._main, name="inngest-engine", daemon=True)
        self._thread.start()

    @property
    def here(self) -> bool:
        """Whether the thread is in this process: a fork has none of its parent's threads."""
        return os.getpid() == self._pid

    def call(self, coroutine: Coroutine[Any, Any, T]) -> T:
        """Run on the loop, and wait."""
        return self.submit(coroutine).result()

    def submit(self, coroutine: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        """Run on the loop, in a copy of the caller's context, and do not wait."""
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop)

    def close(self) -> None:
        """End the loop, with what still runs on it."""
        self._loop.call_soon_threadsafe(self._end)
        self._thread.join()

    def _end(self) -> None:
        self._closing = True
        self._loop.stop()

    def _main(self) -> None:
        while not self._closing:
            self._run()
        self._loop.run_until_complete(_farewell())
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        self._loop.close()

    def _run(self) -> None:
        """Run until it is closed, or something ends the loop: nothing of the engine's does, and it goes on."""
        try:
            self._loop.run_forever()
        except (SystemExit, KeyboardInterrupt) as error:
            LOGGER.error(
                "%s was raised in a task that user code made itself: it does not end the process here, and the engine "
                "goes on. Raise it from the function, or from a step, for a failed attempt",
                type(error).__name__,
                exc_info=error,
            )


async def _farewell() -> None:
    left = asyncio.all_tasks() - {asyncio.current_task()}
    for task in left:
        task.cancel()
    if left:
        await asyncio.wait(left, timeout=FAREWELL)
