"""One engine from its start to its stop, on one event loop: what it holds in this process, and gives back."""

from __future__ import annotations

import asyncio
import threading
import weakref
from collections.abc import Iterable, Sequence

from inngest.engine import run_log
from inngest.engine.domain.model import FunctionSpec
from inngest.engine.observers import Observers
from inngest.runtime import forks
from inngest.runtime.blocked_loop import BlockedLoopDetector, place_of
from inngest.sdk.client import Inngest, bind, unbind

from .assembly import assemble, real_runtime
from .blocking_report import BlockingReport
from .engine_loop import EngineLoop
from .errors import EngineStateError
from .event_sink import EngineSink
from .last_words import end_threads, in_time
from .outbox import OutboxOf
from .settings import Settings, refuse_fork


class RunningEngine:
    """An engine while it runs. It is made on the event loop that it runs on.

    Args:
        given: the arguments of the engine.
        functions: its functions, as the engine knows them.
        observers: are told what it does.

    Raises:
        EngineStateError: this process is a fork of one that had the database open.
    """

    def __init__(self, given: Settings, functions: Sequence[FunctionSpec], observers: Observers) -> None:
        refuse_fork(given.database.path)
        self.home = home = EngineLoop()
        self._settings = given
        self._runtime, self.invoker, self.store, self.service = assemble(
            given, functions, real_runtime(given), observers
        )
        outbox = OutboxOf(
            self._runtime.database,
            given.database.path,
            self._runtime.ids,
            self._runtime.clock.now,
            lambda: self.service.executor.worker.session_id,
        )
        self._sink = EngineSink(home, self.service, outbox)
        self._blocking = BlockingReport(home.loop, self.invoker.invocations, lambda: place_of(home.thread_id))
        self._watch: BlockedLoopDetector | None = None
        self._bound: list[Inngest] = []
        self._starting: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._releasing = threading.Lock()
        self._released = False
        self._prepared = False  # all that can fail has succeeded
        forks.watch(self)
        _RUNNING.add(self)

    @property
    def state(self) -> str:
        """Its state, as the predicate of a sentence."""
        if self._stopping is not None:
            return "is being stopped"
        return "runs" if self.home.ready else "starts"

    def now(self) -> int:
        """The engine's time, unix ms."""
        return self._runtime.clock.now()

    def forked(self) -> None:
        """This process is a fork."""
        self.service.forked()
        if self._settings.database.path is not None:
            forks.leave_behind(self._settings.database.path)
        if threading.get_ident() == self.home.thread_id and self.home.loop.is_running():
            self.home.loop.call_soon(forks.end)  # only if the child goes on with the loop, instead of ending

    async def start(self) -> None:
        """Start, or undo what has begun: if it fails, if the caller is cancelled, and if it is stopped meanwhile.

        Raises:
            StoreError: what is wrong with the database.
            EngineBindingError: a client runs in another engine of this process.
            EngineStateError: it was stopped while it started.
        """
        self._starting = starting = asyncio.ensure_future(self._start())
        try:
            await asyncio.wait([starting])
        except asyncio.CancelledError:
            await self._call_off(starting)
            raise
        if self._stopping is not None:
            await asyncio.shield(self._stopping)
            raise EngineStateError("the engine was stopped while it started")
        starting.result()
        self.service.work()
        self._watch = BlockedLoopDetector(self.home.loop, self._blocking.look, self._blocking.tell, self.give_back)
        self.home.ready = True

    async def _start(self) -> None:
        try:
            for client in self._clients():
                bind(client, self._sink)
                self._bound.append(client)
            await self.service.prepare()
        except BaseException:
            self.give_back()
            raise
        self._prepared = True

    def _clients(self) -> Iterable[Inngest]:
        """The clients of all functions, and those that were given; each once."""
        given = self._settings
        for client in {id(one): one for one in [*(each.client for each in given.functions), *given.clients]}.values():
            assert isinstance(client, Inngest)
            yield client

    async def _call_off(self, starting: asyncio.Task[None]) -> None:
        """The caller of `start` was cancelled, and must not find an engine that runs."""
        starting.cancel()
        while not starting.done():
            try:
                await asyncio.wait([starting])
            except asyncio.CancelledError:
                starting.cancel()  # to be undone at once
        if not starting.cancelled() and starting.exception() is None:
            await self.stop()

    async def drain(self) -> None:
        """See `EngineHost.drain`."""
        async with in_time(self._runtime.database, self.service.drained, self._settings.drain_timeout):
            await self.service.drain()

    async def stop(self) -> None:
        """Stop, once and to the end, even if a caller is cancelled meanwhile."""
        if self._stopping is None:
            self._stopping = asyncio.ensure_future(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        try:
            async with in_time(self._runtime.database, self.service.drained, self._settings.drain_timeout):
                if self._starting is not None and not self._starting.done():
                    self._starting.cancel()
                    await asyncio.wait([self._starting])
                if self._prepared:
                    run_log.stopping(self.invoker.executing, self._settings.drain_timeout)
                    await self.service.stop()
        finally:
            self.give_back()

    def give_back(self) -> None:
        """Give back all that it holds in this process. Idempotent; from any thread, if the loop is closed."""
        if self._watch is not None:
            self._watch.close()
        with self._releasing:
            if self._released:
                return
            forks.forget(self)
            self.invoker.abandon()
            self.service.abandon()
            for client in self._bound:
                unbind(client, self._sink)
            self._bound.clear()
            self.invoker.close(gone=self.home.gone)
            end_threads(self._runtime.executor, self._runtime.database)
            self.store.disconnect()
            self._released = True


_RUNNING: weakref.WeakSet[RunningEngine] = weakref.WeakSet()


def give_back_where_the_loop_is_gone() -> None:
    """An engine that nobody stopped keeps neither its clients nor its runs longer than its loop."""
    for one in list(_RUNNING):
        if one.home.gone and one.home.here:
            one.give_back()
