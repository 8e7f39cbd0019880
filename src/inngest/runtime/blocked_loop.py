"""Detects from another thread that something blocks an event loop."""

from __future__ import annotations

import asyncio
import contextvars
import gc
import queue
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

BLOCKED = 1.0
"""Seconds after which an event loop that does not turn is told to be blocked."""

_LOOKS = 4
"""How often a loop that does not answer is looked at within that time. A process that was stopped and goes on, or a
machine that was asleep, is late for one look only, and so is not taken to be blocked."""


class BlockedLoopDetector:
    """Notices from a thread of its own that something blocks an event loop.

    Args:
        loop: the loop. It is asked to answer a few times a second, which is all that it costs.
        look: what is on the loop now, as an object that stays the same while that does; None if nobody knows. It is
            called only while the loop does not answer.
        blocked: told of it, once for each time, with how long it has taken so far (s).
        gone: told that the loop was closed. All three are called in the thread.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        look: Callable[[], object | None],
        blocked: Callable[[object, float], None],
        gone: Callable[[], object],
    ) -> None:
        self._loop = loop
        self._look = look
        self._blocked = blocked
        self._gone = gone
        self._inbox: queue.SimpleQueue[bool] = queue.SimpleQueue()  # True: the loop turned; False: the end
        self._thread = threading.Thread(target=self._watch, name="inngest-watch", daemon=True)
        self._thread.start()

    def close(self) -> None:
        """End the thread, which may be the calling one."""
        self._inbox.put(False)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    def _watch(self) -> None:
        while True:
            try:
                self._loop.call_soon_threadsafe(self._inbox.put, True)
            except RuntimeError:  # it is closed
                self._gone()
                return
            if not self._await_answer() or self._hear() is False:
                return

    def _hear(self) -> bool | None:
        try:
            return self._inbox.get(timeout=BLOCKED / _LOOKS)
        except queue.Empty:
            return None

    def _await_answer(self) -> bool:
        suspect: object | None = None
        looks, since, looked_at = 0, 0.0, time.monotonic()
        while (heard := self._hear()) is None:
            if self._loop.is_closed():
                return True  # it never answers; asked again, it says so
            found = self._look()
            if found is not suspect:
                suspect, looks, since = found, 0, looked_at
            looks, looked_at = looks + 1, time.monotonic()
            if suspect is not None and looks == _LOOKS:
                self._blocked(suspect, looked_at - since)
        return heard


def place_of(thread_id: int) -> str:
    """Where the code of a thread is just now, as `file:line in function`."""
    frame = sys._current_frames().get(thread_id)  # documented, for all its underscore
    if frame is None:
        return "an unknown place"
    return f"{frame.f_code.co_filename}:{frame.f_lineno} in {frame.f_code.co_name}"


def context_of(task: asyncio.Task[Any]) -> contextvars.Context:
    """In which a task runs: tasks that a handler starts know by it whose they are."""
    get_context = getattr(task, "get_context", None)
    if get_context is not None:
        context: contextvars.Context = get_context()
        return context
    for one in gc.get_referents(task):  # Python 3.11 keeps it to itself
        if isinstance(one, contextvars.Context):
            return one
    return contextvars.Context()
