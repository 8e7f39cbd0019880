"""The thread that writes, and those that read."""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait
from typing import Any, TypeVar

from .idle import LoopIdle

R = TypeVar("R")
A = TypeVar("A")

QUICK = 0.002
"""Seconds within which the writer is quick. As long as it is, a lone write is done on the loop: to hand it to a thread
and back costs about as much as the sync of a good disk, and what is on the loop waits less than for most handlers."""

_SURE = 4
"""How often in a row the writer must have been quick. One that was slow sends the next ones to the thread."""


class ThreadExecutor:
    """One thread that writes, a few that read.

    Args:
        loop: the event loop.
        idle: tells when the loop is idle.
        readers: how many threads read.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop, idle: LoopIdle, readers: int = 4) -> None:
        self._loop = loop
        self._idle = idle
        self._readers = ThreadPoolExecutor(readers, "inngest-reader")
        self._reading: set[Future[Any]] = set()
        self._work: queue.SimpleQueue[Callable[[], None] | None] = queue.SimpleQueue()
        self._writer: threading.Thread | None = None
        self._quick = 0  # writes in a row
        self._asked = self._given = 0  # replies; who is written at once must not overtake one

    async def run(self, work: Callable[[], R]) -> R:
        """Run a read in a thread."""
        reading = self._readers.submit(work)
        self._reading.add(reading)
        reading.add_done_callback(self._reading.discard)
        return await asyncio.wrap_future(reading, loop=self._loop)

    def start_writer(self, work: Callable[[], None]) -> None:
        """Run the writer in its thread, after what is ready on the loop now has handed in what it has to write.

        A thread that is woken at once has little to write, and takes turns with the loop at the interpreter's lock
        while it does, which costs both more than to write it all a moment later.
        """
        if self._writer is None:
            self._writer = threading.Thread(target=self._write, name="inngest-writer", daemon=True)
            self._writer.start()
        self._loop.call_soon(self._work.put, work)

    def start_brief(self, here: Callable[[], bool], otherwise: Callable[[], None]) -> None:
        """Run a lone write on the loop, if the last ones were quick; else in the writer's thread."""
        if self._quick < _SURE:
            self.start_writer(otherwise)
        else:
            self._idle.soon_idle(lambda: self._do_here(here, otherwise))

    def here(self, write: Callable[[A], bool], given: A, *, lone: bool = False) -> bool:
        """Do a lone write at once, if the last ones were quick and the loop is idle; whether it was done."""
        if self._quick < _SURE or self._asked != self._given or not (lone or self._idle.is_idle):
            return False
        began = time.perf_counter()
        try:
            done = write(given)
        except BaseException as error:  # of a signal's handler: it ends the process, and not the code that runs
            self._loop.call_soon(_raise, error)
            return False
        if done:
            self._note(began)
        return done

    def _do_here(self, here: Callable[[], bool], otherwise: Callable[[], None]) -> None:
        began = time.perf_counter()
        try:
            done = here()
        except BaseException as error:  # as above
            self._loop.call_soon(_raise, error)
            return
        if done:
            self._note(began)
        else:
            self.start_writer(otherwise)

    def _note(self, began: float) -> None:
        self._quick = self._quick + 1 if time.perf_counter() - began <= QUICK else 0

    def reply(self, callback: Callable[[], None]) -> None:
        """Call back on the loop; a loop that is closed has no use for it."""
        self._asked += 1
        try:
            self._loop.call_soon_threadsafe(self._reply, callback)
        except RuntimeError:
            return

    def _reply(self, callback: Callable[[], None]) -> None:
        self._given += 1
        callback()

    def close(self, patience: float | None = None) -> bool:
        """See `Executor`."""
        self._work.put(None)
        self._readers.shutdown(wait=False)
        reading = wait(list(self._reading), patience).not_done
        if self._writer is not None:
            self._writer.join(patience)
        if reading or (self._writer is not None and self._writer.is_alive()):
            return False
        self._readers.shutdown()
        return True

    def _write(self) -> None:
        while (work := self._work.get()) is not None:
            began = time.perf_counter()
            work()
            self._note(began)


def _raise(error: BaseException) -> None:
    raise error
