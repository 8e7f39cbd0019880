"""An engine from its start to its stop, as a block: `async with`, or `with` on a thread of its own."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from inngest.runtime.loop_thread import LoopThread

from .host import EngineHost
from .stop_signals import StopSignals


class EngineLife:
    """The part of an `Engine` that starts and stops it.

    Args:
        host: it, without its public door.
        signals: end its block; None: none do.
    """

    def __init__(self, host: EngineHost, signals: StopSignals | None) -> None:
        self._host = host
        self._signals = signals
        self._thread: LoopThread | None = None

    async def start(self) -> None:
        """Start, on the running event loop. `async with` does it. After `stop` it can be started again.

        Raises:
            StoreError: what is wrong with the database, and how to mend it; nothing was started.
            EngineBindingError: a client runs in another engine of this process.
            EngineStateError: it runs already, or was stopped while it started.
        """
        await self._host.start()

    async def stop(self) -> None:
        """Stop: runs come to their next record, and go on when an engine starts again. Idempotent.

        Until it has stopped, within `drain_timeout`, what its handlers send is accepted. An engine that starts just now
        is stopped as well: its `start` raises.

        Raises:
            EngineStateError: called on another event loop than the engine's, which is not closed.
        """
        await self._host.stop()

    async def __aenter__(self) -> Self:
        if self._signals is not None:
            self._signals.install(of_task=True)
        try:
            await self.start()
        except BaseException as failure:
            if self._signals is not None:
                self._signals.leave(failure)
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await (self.stop() if self._signals is None else self._signals.leaving(self.stop(), error))

    def __enter__(self) -> Self:
        """Start on a thread of the engine's own; use the `_sync` twins."""
        thread = LoopThread()
        try:
            if self._signals is not None:
                self._signals.install(of_task=False)
            thread.call(self.start())
        except BaseException:
            thread.close()
            if self._signals is not None:
                self._signals.remove()
            raise
        self._thread = thread
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        thread, self._thread = self._thread, None
        assert thread is not None
        if self._signals is not None:
            self._signals.remove()
        if thread.here:  # a fork that leaves the block has nothing to stop
            try:
                thread.call(self.stop())
            finally:
                thread.close()
