"""SIGTERM and SIGINT stop an engine that was entered with `async with` or `with`: `Engine(stop_on_signals=True)`."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import Awaitable
from types import FrameType
from typing import Any

from .errors import EngineStateError

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class StopSignals:
    """While it is installed, the first signal ends the block of code, so that the engine stops as at its end.

    In async code the task that entered the block is cancelled; in plain code `SystemExit` is raised in the main thread.
    A second signal does what it did before: SIGINT raises KeyboardInterrupt, SIGTERM ends the process at once.
    """

    def __init__(self) -> None:
        self._before: dict[int, Any] = {}
        self._loop: asyncio.AbstractEventLoop | None = None
        self._task: asyncio.Task[Any] | None = None
        self._asked: int | None = None

    def install(self, *, of_task: bool) -> None:
        """Take the signals over.

        Args:
            of_task: whether the running task entered the block; else a plain block did.

        Raises:
            EngineStateError: this is not the main thread, which alone is told of signals.
        """
        if threading.current_thread() is not threading.main_thread():
            raise EngineStateError("stop_on_signals: only the main thread is told of signals; enter the engine there")
        self._before = {number: signal.getsignal(number) for number in SIGNALS}
        self._asked = None
        if of_task:
            self._loop, self._task = asyncio.get_running_loop(), asyncio.current_task()
        for number in SIGNALS:
            if self._loop is not None:
                self._loop.add_signal_handler(number, self._cancel, number)
            else:
                signal.signal(number, self._exit)

    def _cancel(self, number: int) -> None:
        self._asked = number
        self.remove()
        if self._task is not None:
            self._task.cancel()

    def _exit(self, number: int, _: FrameType | None) -> None:
        self.remove()
        raise SystemExit(128 + number)

    def remove(self) -> None:
        """Give the signals back."""
        for number, before in self._before.items():
            if self._loop is not None:
                self._loop.remove_signal_handler(number)
            signal.signal(number, before)
        self._before = {}

    async def leaving(self, stopping: Awaitable[None], error: BaseException | None) -> None:
        """Leave the block as soon as the engine has stopped, or another signal has cut that short. See `leave`."""
        try:
            await stopping
        except asyncio.CancelledError:
            self.leave(error)
            raise
        self.leave(error)

    def leave(self, error: BaseException | None) -> None:
        """The block is left, and the engine has stopped.

        Args:
            error: that left it.

        Raises:
            SystemExit: a signal ended the block; the code is 128 and the signal's number, as shells have it.
        """
        self.remove()
        task, self._task, self._loop = self._task, None, None
        if self._asked is not None and isinstance(error, asyncio.CancelledError):
            if task is not None:
                task.uncancel()
            raise SystemExit(128 + self._asked) from None
