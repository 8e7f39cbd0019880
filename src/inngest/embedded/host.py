"""The parts of an `Engine`, for the server and the command line: users see the `Engine` alone."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping, Sequence
from typing import Any, Protocol, TypeVar

from inngest.engine.domain.model import Ended, Run
from inngest.engine.observers import Observer, Observers, Tracing
from inngest.protocol.calls import Advice
from inngest.protocol.opcodes import Op, SentEvent
from inngest.runtime.clock import wall_clock_ms
from inngest.sdk.client import tracing_of

from .engine_loop import NOT_STARTED
from .errors import EngineStateError
from .registration import specs_of
from .results import end_of
from .running import RunningEngine, give_back_where_the_loop_is_gone
from .settings import Apps, Settings

T = TypeVar("T")

CALLED = Apps()
"""Apps on any host, with calls that nobody signs."""


class ObservingTracing(Observer, Tracing, Protocol):
    """Makes spans of what an engine does, while code of users runs and as it is recorded. A protocol because the SDK of
    OpenTelemetry may be missing.
    """


class EngineHost:
    """An engine that can be started, and stopped, again and again.

    Args:
        settings: its arguments, checked.

    Raises:
        EngineConfigError: a function asks for what this engine cannot do.
    """

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._specs = specs_of(settings.functions)
        self._observers = Observers()
        self._running: RunningEngine | None = None
        self._stopped = False

    def observe(self, observer: Observer, *, told_until: int | None = None) -> Callable[[], None]:
        """Have an observer told what this engine does, whenever it runs; several may be. An error that one raises is
        logged.

        Args:
            observer: is told.
            told_until: until when (unix ms) it knows which runs were cancelled; None: until the engine starts.

        Returns:
            Call it, and the observer is told no more.
        """
        if told_until is not None:
            self._observers.told_until = told_until
        return self._observers.add(observer)

    def trace(self, tracing: ObservingTracing) -> Callable[[], None]:
        """Have spans made of what this engine does, from its next start on.

        Args:
            tracing: makes them; it takes the place of another.

        Returns:
            Call it, and no more are made.
        """
        forget, self._observers.tracing = self.observe(tracing), tracing

        def remove() -> None:
            forget()
            if self._observers.tracing is tracing:
                self._observers.tracing = None

        return remove

    @property
    def is_traced(self) -> bool:
        """Whether spans are made of what it does."""
        return self._observers.tracing is not None

    @property
    def apps(self) -> Mapping[str, str]:
        """The apps of its own functions, by their ids."""
        return {spec.id: spec.app_id for spec in self._specs}

    @property
    def told_until(self) -> int | None:
        """Until when (unix ms) observers know which runs were cancelled; None: nobody has looked."""
        return self._observers.told_until

    def call_apps(self, apps: Apps = CALLED) -> None:
        """Have the engine run functions that apps have registered, too, from its next start on.

        Args:
            apps: how it calls them.
        """
        self.settings = self.settings._replace(apps=apps)

    async def apps_changed(self) -> None:
        """An app has registered its functions: the engine learns of them at once, and not with its next look.

        Raises:
            EngineStateError: it does not run here.
        """
        await self.on_its_loop().service.see_functions()

    async def start(self) -> None:
        """See `Engine.start`."""
        give_back_where_the_loop_is_gone()
        before = self._running
        if before is not None and before.home.here and not before.home.gone:
            raise EngineStateError(f"the engine {before.state} already: start it again after `stop` has returned")
        self._stopped = False
        for client in dict.fromkeys((*(one.client for one in self.settings.functions), *self.settings.clients)):
            if not self.is_traced and (tracing := tracing_of(client)) is not None:
                tracing.starts(self)
        self._running = running = RunningEngine(self.settings, self._specs, self._observers)
        try:
            await running.start()
        except BaseException:
            if self._running is running:
                self._running = None
            raise

    async def stop(self) -> None:
        """See `Engine.stop`."""
        running = self._running
        if running is None or not running.home.here:
            return
        if running.home.gone:
            running.give_back()
        else:
            running.home.check_loop()
            await running.stop()
        if self._running is running:
            self._running, self._stopped = None, True

    @property
    def running(self) -> RunningEngine | None:
        """The engine while it starts, runs and stops."""
        return self._running

    def on_its_loop(self) -> RunningEngine:
        """The running engine, for code on its event loop.

        Raises:
            EngineStateError: it does not run, or not in this process, or on another loop.
        """
        running = self._started()
        running.home.check_loop()
        return running

    def call_sync(self, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """Await something on the engine's event loop, and block until it is done; from any other thread.

        Raises:
            EngineStateError: it does not run, or not in this process, or this is its loop's own thread.
        """
        return self._started().home.call_sync(work)

    def _started(self) -> RunningEngine:
        running = self._running
        if running is None:
            raise EngineStateError("the engine is stopped" if self._stopped else NOT_STARTED)
        running.home.check()
        return running

    # -- what a server needs beside the methods of `Engine`

    def now(self) -> int:
        """The engine's time (unix ms), which goes on when the wall clock is set; the wall clock's while it rests."""
        return wall_clock_ms() if self._running is None else self._running.now()

    async def accept(self, events: Sequence[SentEvent]) -> list[str]:
        """Store events that are checked, with every run that they start; their ids in order.

        Raises:
            EngineStateError: it does not run here.
            StoreError: nothing was stored.
        """
        return await self.on_its_loop().service.intake.send(events)

    async def invoke(self, function_id: str, data: str, key: str = "") -> Run:
        """Start one function, whatever its triggers; the run, which may have been skipped.

        Args:
            function_id: `app-function`.
            data: JSON text of the data of its event.
            key: the id of that event: for 24 h, a second one with it starts no run of the function. "" for none.

        Raises:
            NotStartedError: the database knows no such function, or another event with that id has started it.
            EngineStateError: it does not run here.
            StoreError: nothing was stored.
        """
        return await self.on_its_loop().service.intake.start(function_id, data, key)

    @property
    def is_ready(self) -> bool:
        """Whether it has started, and neither stops nor drains."""
        running = self._running
        return running is not None and running.home.ready and not running.service.executor.draining

    @property
    def unready(self) -> str | None:
        """Why work should not come here now; None if it should."""
        running = self._running
        if running is None or not self.is_ready:
            return "the engine starts, or stops"
        return running.service.trouble

    async def checkpoint(self, run_id: str, generation: int, ops: Sequence[Op]) -> Advice:
        """Record what the code of a run reports while its call goes on, whichever worker owns the run.

        Args:
            run_id: ULID.
            generation: that the call was given.
            ops: what happened to steps.

        Returns:
            How the code is to go on; STOP if its call is not the run's newest any more, or the run is over.

        Raises:
            EngineStateError: it does not run here.
            StoreError: nobody knows whether it was recorded.
        """
        return await self.on_its_loop().service.apps.checkpoint(run_id, generation, ops)

    async def end_of(self, run_id: str, seconds: float) -> Ended:
        """Wait until a run has ended, wherever it runs.

        Args:
            run_id: ULID.
            seconds: how long to wait.

        Raises:
            RunNotFoundError: there is no such run.
            EngineStateError: the engine does not run here, or was stopped meanwhile.
            TimeoutError: the run has not ended in time; it goes on.
        """
        running = self.on_its_loop()
        return await end_of(running.service, running.store, run_id, seconds)

    async def drain(self) -> None:
        """Begin to stop: runs come to their next record and rest, while events are still accepted."""
        await self.on_its_loop().drain()

    @property
    def executing(self) -> Sequence[tuple[str, str]]:
        """Function and step of each handler that runs now."""
        return () if self._running is None else self._running.invoker.executing
