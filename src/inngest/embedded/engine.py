"""The public door of the embedded engine."""

from __future__ import annotations

import asyncio
import concurrent.futures
import datetime
import os
import socket
import threading
import weakref
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar

from inngest.engine.domain import holding
from inngest.engine.domain.model import Ended, Policy, RunStatus
from inngest.engine.domain.model import Run as StoredRun
from inngest.engine.errors import StoreClosedError
from inngest.engine.observers import Observers
from inngest.engine.ports import Observer
from inngest.engine.service import Options, Service
from inngest.engine.store.dialects.sqlite import SqliteDatabase
from inngest.engine.store.locks import FileLocks
from inngest.engine.store.sql import SqlStore
from inngest.engine.worker import Worker
from inngest.protocol import codec
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import SentEvent
from inngest.runtime import forks
from inngest.runtime.blocked_loop import BlockedLoopDetector, place_of
from inngest.runtime.clock import SystemClock, wall_clock_ms
from inngest.runtime.http import HttpxClient
from inngest.runtime.ids import SystemIds
from inngest.runtime.loop_thread import LoopThread
from inngest.runtime.threads import FunctionThreads
from inngest.runtime.writer_thread import ThreadExecutor
from inngest.sdk.client import Inngest
from inngest.sdk.events import Event, to_sent
from inngest.sdk.function import Function
from inngest.sdk.serializers import Unset

from . import arguments, settings, specs, views
from .blocking_report import BlockingReport
from .errors import (
    EngineConfigError,
    EngineStateError,
    RunCancelledError,
    RunFailedError,
    RunNotFoundError,
    RunSkippedError,
)
from .explanations import Explanation, KeptBack, Woken, explanation, kept_back
from .local import LocalInvoker
from .stop_signals import StopSignals

R = TypeVar("R")
T = TypeVar("T")


class Engine:
    """A durable engine inside this process.

    ```python
    async with inngest.Engine([fulfil_order]) as engine:
        await engine.invoke(fulfil_order, data={"order": 42})
    ```

    Several engines, of one process or several of one machine, may share a database.

    Args:
        functions: what it runs: a list of functions, and of clients for all functions of their apps; or one client.
            An empty list makes an engine that sends and reads.
        database: where everything is kept: an SQLite file, as a URL or a path. Its folder must exist.
        retry_interval: seconds between attempts, instead of the backoff table (15 s, 30 s, 1 min … 2 h, with jitter).
        max_steps: steps of one run, up to 10,000; a run with more fails.
        max_runs_in_flight: how many runs execute at a time; others wait. Sleeping runs do not count.
        thread_pool_size: how many plain functions execute at a time; others wait, and hold no place meanwhile.
        drain_timeout: how long `stop` waits for handlers that run; ms or timedelta.
        durability: "full" survives a power cut; "normal" survives a crash of the process, and is faster.
        retention: runs that ended longer ago are removed, with their steps and events; ms or timedelta. None keeps all.
        max_takeovers: a run fails with `WorkerLostError` when so many workers, 1 to 1,000, died on it without a step
            recorded in between. A worker that dies is no failed attempt: `retries` does not count it.
        stop_on_signals: SIGTERM and SIGINT end the block of `async with` or `with`, so that it stops as at its end.

    Raises:
        EngineConfigError: an argument is wrong.
    """

    def __init__(
        self,
        functions: Sequence[Function[Any] | Inngest] | Inngest,
        *,
        database: str | os.PathLike[str] = "sqlite:///inngest.db",
        retry_interval: float | None = None,
        max_steps: int = 1000,
        max_runs_in_flight: int = 100,
        thread_pool_size: int = 32,
        drain_timeout: int | datetime.timedelta = 10_000,
        durability: Literal["full", "normal"] = "full",
        retention: int | datetime.timedelta | None = None,
        max_takeovers: int = 10,
        stop_on_signals: bool = False,
    ) -> None:
        self._settings = settings.check(
            functions,
            database=database,
            retry_interval=retry_interval,
            max_steps=max_steps,
            max_runs_in_flight=max_runs_in_flight,
            thread_pool_size=thread_pool_size,
            drain_timeout=drain_timeout,
            durability=durability,
            retention=retention,
            max_takeovers=max_takeovers,
        )
        self._signals = StopSignals() if settings.flag("stop_on_signals", stop_on_signals) else None
        self._specs = specs.specs(self._settings.functions)
        self._observers = Observers()
        self._running: _Running | None = None
        self._thread: LoopThread | None = None
        self._stopped = False

    # -- life

    async def start(self) -> None:
        """Start, on the running event loop. `async with` does it. After `stop` it can be started again.

        Raises:
            StoreError: what is wrong with the database, and how to mend it; nothing was started.
            EngineBindingError: a client runs in another engine of this process.
            EngineStateError: it runs already, or was stopped while it started.
        """
        _give_back_where_the_loop_is_gone()
        before = self._running
        if before is not None and before.here and not before.gone:
            raise EngineStateError(f"the engine {before.state} already: start it again after `stop` has returned")
        self._stopped = False
        self._running = running = _Running(self._settings, self._specs, self._observers)
        try:
            await running.start(self)
        except BaseException:
            if self._running is running:
                self._running = None
            raise

    async def stop(self) -> None:
        """Stop: runs come to their next record, and go on when an engine starts again. Idempotent.

        Until it has stopped, within `drain_timeout`, what its handlers send is accepted. An engine that starts just now
        is stopped as well: its `start` raises.

        Raises:
            EngineStateError: called on another event loop than the engine's, which is not closed.
        """
        running = self._running
        if running is None or not running.here:
            return
        if running.gone:
            running.give_back()
        else:
            running.check_loop()
            await running.stop()
        if self._running is running:
            self._running, self._stopped = None, True

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
            thread.call(self.start())
            if self._signals is not None:
                self._signals.install(of_task=False)
        except BaseException:
            thread.close()
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

    # -- sending and waiting

    async def invoke(
        self,
        fn: Function[T],
        *,
        data: Mapping[str, object] | None = None,
        timeout: int | datetime.timedelta | None = None,
    ) -> T:
        """Start a run of a function, whatever its triggers, and wait for its result.

        Args:
            fn: one of the engine's functions.
            data: the event's data: what JSON can hold, or the serializer of the function's client can write as JSON.
            timeout: how long to wait; ms or timedelta.

        Raises:
            RunNotCompletedError: the run is over without a result. One of these three:
            RunFailedError: the run failed.
            RunCancelledError: the run was cancelled.
            RunSkippedError: the run was not begun: a rate limit, a singleton, a pause.
            TimeoutError: it has not ended in time; it goes on.
            EngineConfigError: an argument is wrong; nothing was started.
            EventInvalidError: the data cannot be written as JSON, or are over 3 MB; nothing was started.
        """
        running = self._here()
        seconds = arguments.timeout_of(timeout)
        function_id = arguments.function_id_of(fn)
        run = await running.start_run(function_id, arguments.data_of(data, fn.client.serializer))
        ended = await running.ended(run.id, seconds, new=run.status is RunStatus.QUEUED)
        return running.result(run.id, ended, fn)  # type: ignore[no-any-return]

    async def send(self, events: Event | list[Event]) -> list[str]:
        """Send events; their ids in order, after they were stored with every run they start.

        Raises:
            EventInvalidError: an event cannot be accepted; none was stored.
        """
        return await self._here().send_events(to_sent([events] if isinstance(events, Event) else events))

    async def wait(self, run_id: str, *, timeout: int | datetime.timedelta | None = None) -> object:
        """Wait for a run's result, wherever it runs.

        Args:
            run_id: the run.
            timeout: how long to wait; ms or timedelta.

        Raises:
            RunFailedError: the run failed.
            RunCancelledError: the run was cancelled.
            RunSkippedError: the run was not begun.
            RunNotFoundError: there is no such run.
            TimeoutError: it has not ended in time; it goes on.
        """
        running = self._here()
        return running.result(run_id, await running.ended(run_id, arguments.timeout_of(timeout)), None)

    async def pause(self, fn: Function[Any] | str, *, on_event: Literal["queue", "skip"] = "queue") -> None:
        """Have no run of a function begin, and none that waits go on, on any engine of this database; until `resume`.

        What executes now goes on to its next wait, or to its end.

        Args:
            fn: the function, or its id.
            on_event: "queue" keeps the runs of events that come meanwhile, QUEUED; "skip" records them as SKIPPED.

        Raises:
            EngineStateError: the function is not known to this database.
        """
        if on_event not in ("queue", "skip"):
            raise EngineConfigError(f'on_event: expected "queue" or "skip", got {on_event!r}')
        function_id = _id_of(fn)
        try:
            await self._here().service.control.pause(function_id, on_event)
        except KeyError:
            raise _unknown(function_id) from None

    async def resume(self, fn: Function[Any] | str) -> None:
        """Have the runs of a function begin and go on again. Does nothing if it is not paused.

        Raises:
            EngineStateError: the function is not known to this database.
        """
        function_id = _id_of(fn)
        try:
            await self._here().service.control.resume(function_id)
        except KeyError:
            raise _unknown(function_id) from None

    async def cancel(self, run_id: str) -> bool:
        """Cancel a run, wherever it runs: its running step is interrupted, and nothing more of it is recorded.

        Runs that it invoked go on. The run that invoked it gets an error. `on_failure` is not called.

        Args:
            run_id: the run.

        Returns:
            Whether it was cancelled; False if it had ended already.

        Raises:
            RunNotFoundError: there is no such run.
        """
        control = self._here().service.control
        return await _known(run_id, control.cancel(run_id, "cancelled by Engine.cancel"))

    async def release(self, run_id: str) -> bool:
        """Have a run follow the code there is, from now on and for ever, and be on hold no more.

        Its recorded steps are found by their ids, in whatever order the code asks for them, and new steps are executed.
        Look first what `explain` says: what the code does anew may have been done under another id.

        Args:
            run_id: the run.

        Returns:
            Whether it follows now; False if it had ended.

        Raises:
            RunNotFoundError: there is no such run.
        """
        return await _known(run_id, self._here().service.control.release(run_id))

    def release_sync(self, run_id: str) -> bool:
        """`release`, blocking; from any thread but the engine's loop."""
        return self._wait_here(lambda: self.release(run_id))

    async def retry_now(self, run_id: str) -> bool:
        """Try at once what of a run waits for its next attempt: a step, a request, its body, or the run on hold.

        It uses up an attempt, as it would have later. A step of a run that another process executes just now is tried
        when that process enters the run again.

        Args:
            run_id: the run.

        Returns:
            Whether anything waited so.

        Raises:
            RunNotFoundError: there is no such run.
        """
        return await _known(run_id, self._here().service.control.retry_now(run_id))

    def retry_now_sync(self, run_id: str) -> bool:
        """`retry_now`, blocking; from any thread but the engine's loop."""
        return self._wait_here(lambda: self.retry_now(run_id))

    def cancel_sync(self, run_id: str) -> bool:
        """`cancel`, blocking; from any thread but the engine's loop."""
        return self._wait_here(lambda: self.cancel(run_id))

    # -- reading

    async def run(self, run_id: str) -> views.Run:
        """A run with its steps and attempts.

        Raises:
            RunNotFoundError: there is no such run.
        """
        return views.run_in_full(await _known(run_id, self._here().service.queries.run(run_id)))

    async def runs(
        self,
        *,
        event_id: str | None = None,
        function: Function[Any] | str | None = None,
        status: RunStatus | str | None = None,
        limit: int = 20,
        before: str | None = None,
    ) -> list[views.Run]:
        """Runs without their steps, newest first.

        Args:
            event_id: only those that this event started.
            function: only those of this function, or id.
            status: only those in this status.
            limit: at most so many; 1 to 10,000.
            before: only those created before the run of this id: the last of the page before.

        Raises:
            EngineConfigError: an argument is wrong.
        """
        function_id = None if function is None else _id_of(function)
        found = await self._here().store.runs(
            event_id=event_id,
            function_id=function_id,
            status=arguments.status_of(status),
            limit=arguments.limit_of(limit),
            before=before,
        )
        return [views.run_of(run) for run in found]

    # -- twins for plain code

    def invoke_sync(
        self,
        fn: Function[T],
        *,
        data: Mapping[str, object] | None = None,
        timeout: int | datetime.timedelta | None = None,
    ) -> T:
        """`invoke`, blocking; from any thread but the engine's loop."""
        return self._wait_here(lambda: self.invoke(fn, data=data, timeout=timeout))

    def send_sync(self, events: Event | list[Event]) -> list[str]:
        """`send`, blocking; from any thread but the engine's loop."""
        return self._wait_here(lambda: self.send(events))

    def wait_sync(self, run_id: str, *, timeout: int | datetime.timedelta | None = None) -> object:
        """`wait`, blocking; from any thread but the engine's loop."""
        return self._wait_here(lambda: self.wait(run_id, timeout=timeout))

    async def explain(self, run_id: str) -> Explanation:
        """Why a run waits: what holds it, until when, and what would let it go on.

        Raises:
            RunNotFoundError: there is no such run.
        """
        return explanation(await _known(run_id, self._here().service.queries.explain(run_id)))

    def explain_sync(self, run_id: str) -> Explanation:
        """`explain`, blocking; from any thread but the engine's loop."""
        return self._wait_here(lambda: self.explain(run_id))

    def pause_sync(self, fn: Function[Any] | str, *, on_event: Literal["queue", "skip"] = "queue") -> None:
        """`pause`, blocking; from any thread but the engine's loop."""
        self._wait_here(lambda: self.pause(fn, on_event=on_event))

    def resume_sync(self, fn: Function[Any] | str) -> None:
        """`resume`, blocking; from any thread but the engine's loop."""
        self._wait_here(lambda: self.resume(fn))

    def run_sync(self, run_id: str) -> views.Run:
        """`run`, blocking; from any thread but the engine's loop."""
        return self._wait_here(lambda: self.run(run_id))

    def runs_sync(
        self,
        *,
        event_id: str | None = None,
        function: Function[Any] | str | None = None,
        status: RunStatus | str | None = None,
        limit: int = 20,
        before: str | None = None,
    ) -> list[views.Run]:
        """`runs`, blocking; from any thread but the engine's loop."""
        return self._wait_here(
            lambda: self.runs(event_id=event_id, function=function, status=status, limit=limit, before=before)
        )

    # -- for the command line

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Have an observer told what this engine does, whenever it runs; several may be. What one raises is logged.

        Returns:
            Call it, and the observer is told no more.
        """
        return self._observers.add(observer)

    def now(self) -> int:
        """The engine's time (unix ms), which goes on when the wall clock is set; the wall clock's while it rests."""
        return wall_clock_ms() if self._running is None else self._running.now

    async def start_run(self, function_id: str, data: Mapping[str, object]) -> str:
        """Start a run of any function that the database knows; its id.

        Raises:
            EngineStateError: the function is not known.
            EventInvalidError: the data cannot be written as JSON, or are over 3 MB.
        """
        return (await self._here().start_run(function_id, arguments.data_of(data, None))).id

    async def drain(self) -> None:
        """Begin to stop: runs come to their next record and rest, while events are still accepted."""
        await self._here().service.drain()

    @property
    def executing(self) -> Sequence[tuple[str, str]]:
        """Function and step of each handler that runs now."""
        return () if self._running is None else self._running.executing

    @property
    def functions(self) -> Sequence[Function[Any]]:
        """The functions that it was given, those of clients too."""
        return tuple(self._settings.functions)

    @property
    def running_steps(self) -> Sequence[views.RunningStep]:
        """The handlers that run now in this engine; and whether they were asked to stop, and know. From its loop."""
        return () if self._running is None else self._running.running_steps

    async def kept_back(self, event_id: str) -> list[KeptBack]:
        """What keeps an event from starting runs of functions that hear its name, or keeps those from beginning."""
        return [kept_back(one) for one in await self._here().store.kept_back(event_id)]

    async def woken(self, event_id: str) -> list[Woken]:
        """The runs that looked for an event, and what it has done to them; the first thousand."""
        return [Woken(*one) for one in await self._here().store.woken(event_id)]

    # -- for the client

    async def send_events(self, events: Sequence[SentEvent]) -> list[str]:
        """Where a client's `send` goes while the engine runs."""
        running = self._here(any_loop=True)
        if asyncio.get_running_loop() is running.loop:
            return await running.send_events(events)
        return await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(running.send_events(events), running.loop))

    def send_events_sync(self, events: Sequence[SentEvent]) -> list[str]:
        """Where a client's `send_sync` goes while the engine runs."""
        running = self._here(any_loop=True)
        return self._wait_here(lambda: running.send_events(events))

    async def send_signal(self, signal: str, data: str) -> str | None:
        """Where a client's `send_signal` goes while the engine runs; the data are JSON text."""
        running = self._here(any_loop=True)
        if asyncio.get_running_loop() is running.loop:
            return await running.service.control.signal(signal, data)
        return await asyncio.wrap_future(
            asyncio.run_coroutine_threadsafe(running.service.control.signal(signal, data), running.loop)
        )

    def send_signal_sync(self, signal: str, data: str) -> str | None:
        """Where a client's `send_signal_sync` goes while the engine runs."""
        running = self._here(any_loop=True)
        return self._wait_here(lambda: running.service.control.signal(signal, data))

    @property
    def of_this_process(self) -> bool:
        """Whether it runs in this process, and not in the one of which this is a fork, on a loop that is not closed."""
        return self._running is not None and self._running.here and not self._running.gone

    def _here(self, *, any_loop: bool = False) -> _Running:
        running = self._running
        if running is None or not running.ready:
            state = "is stopped" if self._stopped else "is not started: use `async with Engine(…)` or `with Engine(…)`"
            raise EngineStateError(f"the engine {state}")
        if not running.here:
            raise EngineStateError(
                f"the engine was started in process {running.pid} and this is its fork {os.getpid()}: "
                "start engines after forking, one in each process"
            )
        if running.gone:
            raise EngineStateError(
                "the event loop that the engine was started on has ended, and the engine with it: start it again"
            )
        if not any_loop:
            running.check_loop()
        return running

    def _wait_here(self, coroutine: Callable[[], Coroutine[Any, Any, T]]) -> T:
        running = self._here(any_loop=True)
        if _current_loop() is running.loop:
            raise EngineStateError(
                "a `_sync` call on the engine's own event loop would wait for itself: await the async one instead"
            )
        if not running.loop.is_running():
            raise EngineStateError(
                "the event loop that the engine was started on does not run (any more): keep it running while the "
                "engine is used, or use `with Engine(…)`, which has a loop of its own"
            )
        try:
            return asyncio.run_coroutine_threadsafe(coroutine(), running.loop).result()
        except concurrent.futures.CancelledError:
            raise EngineStateError("the engine's event loop ended before there was an answer") from None


class _Running:
    """An engine while it runs."""

    def __init__(self, given: settings.Settings, functions: Sequence[Any], observers: Observers) -> None:
        settings.refuse_fork(given.path)
        self.loop = asyncio.get_running_loop()
        self.pid = os.getpid()
        self._thread_id = threading.get_ident()
        self._settings = given
        self._functions = functions
        self._clock = SystemClock(self.loop)
        self._ids = SystemIds()
        self._threads = FunctionThreads(given.thread_pool_size)
        self._invoker = LocalInvoker(given.functions, self._clock, self._threads)
        self._executor = ThreadExecutor(self.loop, self._invoker.idle.soon_idle)
        policy = Policy(given.max_steps, given.retry_interval, given.max_takeovers)
        database = SqliteDatabase(given.path, durable=given.durable)
        self.store = SqlStore(database, self._executor, self._ids, policy)
        worker = Worker(
            self.store, self._invoker, self._clock, self._ids, policy, HttpxClient(), self._ids.token(), observers
        )
        self._locks = FileLocks.beside(given.path)
        options = Options(
            functions=functions,
            whole_apps=[client.app_id for client in given.clients],
            max_in_flight=given.max_runs_in_flight,
            drain_timeout=given.drain_timeout,
            host=socket.gethostname(),
            pid=self.pid,
            retention=given.retention,
        )
        self.service = Service(worker, self._locks, options)
        self._blocking = BlockingReport(self.loop, self._invoker.invocations, lambda: place_of(self._thread_id))
        self._watch: BlockedLoopDetector | None = None
        self._clients: list[tuple[Inngest, Engine]] = []
        self._starting: asyncio.Task[None] | None = None
        self._stopping: asyncio.Task[None] | None = None
        self._releasing = threading.Lock()
        self._released = False
        self._prepared = False  # all that can fail has succeeded
        self.ready = False
        forks.watch(self)
        _RUNNING.add(self)

    @property
    def here(self) -> bool:
        return os.getpid() == self.pid

    @property
    def gone(self) -> bool:
        """Whether its event loop ended without stopping it."""
        return self.loop.is_closed()

    @property
    def state(self) -> str:
        if self._stopping is not None:
            return "is being stopped"
        return "runs" if self.ready else "starts"

    def check_loop(self) -> None:
        if _current_loop() is not self.loop:
            raise EngineStateError(
                "the engine runs on another event loop: await it there, or use the `_sync` twins from a plain thread"
            )

    @property
    def now(self) -> int:
        return self._clock.now()

    def forked(self) -> None:
        self.service.forked()
        forks.leave_behind(self._settings.path)
        if threading.get_ident() == self._thread_id and self.loop.is_running():
            self.loop.call_soon(forks.end)  # only if the child goes on with the loop, instead of ending

    async def start(self, engine: Engine) -> None:
        """Start, or undo what has begun: if it fails, if the caller is cancelled, and if it is stopped meanwhile."""
        self._starting = starting = asyncio.ensure_future(self._start(engine))
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
        self._watch = BlockedLoopDetector(self.loop, self._blocking.look, self._blocking.tell, self.give_back)
        self.ready = True

    async def _start(self, engine: Engine) -> None:
        given = self._settings
        owners = [function.client for function in given.functions] + list(given.clients)
        try:
            for client in {id(owner): owner for owner in owners}.values():
                assert isinstance(client, Inngest)
                client.bind(engine)
                self._clients.append((client, engine))
            await self.service.prepare()
        except BaseException:
            self.give_back()
            raise
        self._prepared = True

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

    async def stop(self) -> None:
        """Whoever calls, and is cancelled meanwhile, it is done once, and to its end."""
        if self._stopping is None:
            self._stopping = asyncio.ensure_future(self._stop())
        await asyncio.shield(self._stopping)

    async def _stop(self) -> None:
        if self._starting is not None and not self._starting.done():
            self._starting.cancel()
            await asyncio.wait([self._starting])
        try:
            if self._prepared:
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
            self._invoker.abandon()
            self.service.abandon()
            for client, engine in self._clients:
                client.unbind(engine)
            self._clients.clear()
            self._invoker.close(gone=self.gone)
            self._executor.close()
            self.store.disconnect()
            self._released = True

    @property
    def executing(self) -> Sequence[tuple[str, str]]:
        return self._invoker.executing

    @property
    def running_steps(self) -> Sequence[views.RunningStep]:
        return self._invoker.running

    async def send_events(self, events: Sequence[SentEvent]) -> list[str]:
        return await self.service.intake.send(events)

    async def start_run(self, function_id: str, data: str) -> StoredRun:
        try:
            return await self.service.intake.start(function_id, data)
        except KeyError:
            raise _unknown(function_id) from None

    def ended(self, run_id: str, seconds: float | None, *, new: bool = False) -> Coroutine[Any, Any, Ended]:
        return self._until_ended(run_id, new) if seconds is None else self._ended_within(run_id, seconds, new)

    async def _ended_within(self, run_id: str, seconds: float, new: bool) -> Ended:
        waiting = asyncio.ensure_future(self._until_ended(run_id, new))
        try:
            await asyncio.wait([waiting], timeout=seconds)
        finally:
            if not waiting.done():
                waiting.cancel()
        if waiting.cancelled() or not waiting.done():
            hold = None if (view := await self.store.run(run_id)) is None else view.run.code.hold
            goes_on = "it goes on" if hold is None else f"it is on hold: {holding.what_changed(hold)}"
            raise TimeoutError(f"run {run_id} has not ended after {seconds} s; {goes_on}")
        return waiting.result()

    async def _until_ended(self, run_id: str, new: bool) -> Ended:
        try:
            return await self.service.ends.wait(run_id, new=new)
        except KeyError:
            raise RunNotFoundError(run_id) from None
        except StoreClosedError:
            raise EngineStateError(
                f"the engine was stopped before run {run_id} had ended; it goes on when an engine starts again"
            ) from None

    def result(self, run_id: str, ended: Ended, fn: Function[Any] | None) -> Any:
        if ended.status is RunStatus.CANCELLED:
            raise RunCancelledError(run_id, "" if ended.error is None else ended.error.message)
        if ended.status is RunStatus.SKIPPED:
            raise RunSkippedError(run_id, ended.error or ErrorInfo("RunSkippedError", "no reason was recorded"))
        if ended.status is not RunStatus.COMPLETED:
            raise RunFailedError(run_id, ended.error or ErrorInfo("Error", "no error was recorded"))
        value = codec.loads(ended.output or "null")
        if fn is None or fn.client.serializer is None or (kept_as := fn.result_type(fn.id)) is Unset:
            return value
        return fn.client.serializer.deserialize(value, kept_as)


_RUNNING: weakref.WeakSet[_Running] = weakref.WeakSet()


def _give_back_where_the_loop_is_gone() -> None:
    """An engine that nobody stopped keeps neither its clients nor its runs longer than its loop."""
    for one in list(_RUNNING):
        if one.gone and one.here:
            one.give_back()


async def _known(run_id: str, work: Awaitable[R]) -> R:
    try:
        return await work
    except KeyError:
        raise RunNotFoundError(run_id) from None


def _id_of(fn: Function[Any] | str) -> str:
    return fn.id if isinstance(fn, Function) else fn


def _unknown(function_id: str) -> EngineStateError:
    return EngineStateError(f"{function_id!r} is not known to this database: ids are app-function, given to an Engine")


def _current_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
