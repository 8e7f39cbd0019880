"""The public door of the embedded engine."""

from __future__ import annotations

import datetime
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, TypeVar

from inngest.engine.domain.model import RunStatus
from inngest.sdk.client import Inngest
from inngest.sdk.events import Event, batch_of, to_sent
from inngest.sdk.function import Function
from inngest.sdk.steps.arguments import sent_signal

from . import arguments, erasure, results, settings
from .erasure import Erased
from .errors import EngineConfigError
from .explanations import Explanation, KeptBack, Woken, explanation, kept_back
from .host import EngineHost
from .life import EngineLife
from .stop_signals import StopSignals
from .views import Run, RunningStep, run_in_full, run_of

T = TypeVar("T")


class Engine(EngineLife):
    """A durable engine inside this process.

    ```python
    async with inngest.Engine([fulfil_order]) as engine:
        await engine.invoke(fulfil_order, data={"order": 42})
    ```

    Several engines, of one process or several of one machine, may share a database; those of several machines a
    PostgreSQL database.

    Args:
        functions: what it runs: a list of functions, and of clients for all functions of their apps; or one client.
            An empty list makes an engine that sends and reads.
        database: where everything is kept: an SQLite file, as a URL or a path; its folder must exist. Or
            `postgresql://…`, which engines of many machines may share; it needs the extra `postgres`.
        retry_interval: seconds between attempts, instead of the backoff table (15 s, 30 s, 1 min … 2 h, with jitter).
        max_steps: steps of one run, up to 10,000; a run with more fails.
        max_runs_in_flight: how many runs execute at a time; others wait. Sleeping runs do not count.
        thread_pool_size: how many plain functions execute at a time; others wait, and hold no place meanwhile.
        drain_timeout: how long `stop` waits for handlers that run; ms or timedelta.
        durability: "full" survives a power cut; "normal" survives a crash of the process, and is faster.
        retention: runs that ended longer ago are removed, with their steps and events; ms or timedelta. None keeps all.
            "default" is 30 days on SQLite and 7 on PostgreSQL, and leaves what ended before the database knew of it.
        max_takeovers: a run fails with `WorkerLostError` when so many workers, 1 to 1,000, died on it without a step
            recorded in between. A worker that dies is no failed attempt: `retries` does not count it.
        lease: on PostgreSQL: others take the runs of a worker that was not heard for so long, 2 s to 5 min; ms or
            timedelta. On SQLite a worker that is gone is noticed at once.
        transactions: where `step.transaction` gets its connections, each in the thread that uses it: an `Engine` of
            SQLAlchemy, `django.db.connection`, or a callable that gives a connection of psycopg or sqlite3, or a
            `Connection` or `Session` of SQLAlchemy, of the engine's own database. None: sqlite3's or psycopg's, by
            `database`, opened for each.
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
        retention: int | datetime.timedelta | Literal["default"] | None = "default",
        max_takeovers: int = 10,
        lease: int | datetime.timedelta = 15_000,
        transactions: object = None,
        stop_on_signals: bool = False,
    ) -> None:
        given = settings.check(
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
            lease=lease,
            transactions=transactions,
        )
        signals = StopSignals() if settings.flag("stop_on_signals", stop_on_signals) else None
        super().__init__(EngineHost(given), signals)

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
        running = self._host.on_its_loop()
        seconds = arguments.timeout_of(timeout)
        function_id = arguments.function_id_of(fn)
        run = await results.start(running.service, function_id, arguments.data_of(data, fn.client.serializer))
        new = run.status is RunStatus.QUEUED
        ended = await results.end_of(running.service, running.store, run.id, seconds, new=new)
        return results.result_of(run.id, ended, fn)  # type: ignore[no-any-return]

    async def send(self, events: Event | list[Event]) -> list[str]:
        """Send events; their ids in order, after they were stored with every run they start.

        Raises:
            EventInvalidError: an event cannot be accepted; none was stored.
        """
        return await self._host.accept(to_sent(batch_of(events)))

    async def send_signal(self, signal: str, data: object = None) -> str | None:
        """Give a signal to the run whose step waits for it.

        Args:
            signal: its name.
            data: what JSON can hold.

        Returns:
            The id of the run that was woken; None if no step waits: it is not kept.

        Raises:
            StepArgumentError: the name or the data are wrong.
        """
        sent = sent_signal("send_signal", signal, data, None)
        return await self._host.on_its_loop().service.control.signal(sent.name, sent.data)

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
        running = self._host.on_its_loop()
        run_id, seconds = arguments.id_of("run_id", run_id), arguments.timeout_of(timeout)
        return results.result_of(run_id, await results.end_of(running.service, running.store, run_id, seconds), None)

    async def start_run(self, function_id: str, data: Mapping[str, object]) -> str:
        """Start a run of any function that the database knows, whether or not this engine has it.

        Args:
            function_id: `app-function`.
            data: the event's data: what JSON can hold.

        Returns:
            The id of the run, after it was stored.

        Raises:
            EngineStateError: the function is not known.
            EventInvalidError: the data cannot be written as JSON, or are over 3 MB.
        """
        function_id, text = arguments.id_of("function_id", function_id), arguments.data_of(data, None)
        return (await results.start(self._host.on_its_loop().service, function_id, text)).id

    async def pause(self, fn: Function[Any] | str, *, on_event: Literal["queue", "skip"] = "queue") -> None:
        """Have no run of a function begin, and none that waits go on, on any engine of this database; until `resume`.

        A run that executes now goes on to its next wait, or to its end.

        Args:
            fn: the function, or its id.
            on_event: "queue" keeps the runs of events that come meanwhile, QUEUED; "skip" records them as SKIPPED.

        Raises:
            EngineStateError: the function is not known to this database.
        """
        if on_event not in ("queue", "skip"):
            raise EngineConfigError(f'on_event: expected "queue" or "skip", got {on_event!r}')
        function_id = arguments.named_function("fn", fn)
        await results.known_function(function_id, self._host.on_its_loop().service.control.pause(function_id, on_event))

    async def resume(self, fn: Function[Any] | str) -> None:
        """Have the runs of a function begin and go on again. Does nothing if it is not paused.

        Raises:
            EngineStateError: the function is not known to this database.
        """
        function_id = arguments.named_function("fn", fn)
        await results.known_function(function_id, self._host.on_its_loop().service.control.resume(function_id))

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
        run_id = arguments.id_of("run_id", run_id)
        control = self._host.on_its_loop().service.control
        return await results.known(run_id, control.cancel(run_id, "cancelled by Engine.cancel"))

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
        run_id = arguments.id_of("run_id", run_id)
        return await results.known(run_id, self._host.on_its_loop().service.control.release(run_id))

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
        run_id = arguments.id_of("run_id", run_id)
        return await results.known(run_id, self._host.on_its_loop().service.control.retry_now(run_id))

    async def rerun(self, run_id: str, from_step: str | None = None, input: object = None) -> Run:
        """Run a run again, whatever became of it: another run of its function, as that is now, for the same events.

        It waits in its lane as any run does, and while the function is paused. No other gate asks about it.

        Args:
            run_id: the run.
            from_step: the id of one of its steps, as written, with `:n` for a repeat: what was recorded before that
                step is kept, and is not done again. None: from the start.
            input: with a step, a list: what its handler gets instead of the arguments in the code. Without one, a dict:
                the data of the event. What JSON can hold.

        Returns:
            The new run.

        Raises:
            RunNotFoundError: there is no such run.
            EngineConfigError: it has no such step, or the input does not fit.
            EngineStateError: its function is not known any more.
            EventInvalidError: the data cannot be written as JSON, or are over 3 MB.
        """
        run_id, how = arguments.id_of("run_id", run_id), arguments.rerun_of(from_step, input)
        return run_of(await results.rerun(self._host.on_its_loop().service, run_id, how))

    async def erase(
        self, where: str, *, cancel: bool = False, preview: bool = False, actor: str | None = None
    ) -> Erased:
        """Erase what belongs to a person: the data of events that match, and of all runs that came of them.

        The rest is their skeleton: functions, times, statuses, and the names of steps. The audit notes it. Bytes of
        what is gone stay in the database until it is vacuumed: `inngest db vacuum`, or VACUUM of PostgreSQL.

        Args:
            where: an expression of the event, such as `event.data.user_id == "42"`.
            cancel: cancel runs that go on; else nothing is erased while there are any.
            preview: erase nothing: only say what would be.
            actor: who asks for it, for the audit. None: the user of this process, and its machine.

        Raises:
            EngineConfigError: an argument is wrong.
            RunsUnderWayError: runs of it go on; nothing was changed.
        """
        asked, who = erasure.checked(where, actor)
        service = self._host.on_its_loop().service
        if preview:
            return await erasure.preview(service, asked)
        return await erasure.erase(service, asked, who, cancel=cancel)

    # -- reading

    async def run(self, run_id: str) -> Run:
        """A run with its steps and attempts.

        Raises:
            RunNotFoundError: there is no such run.
        """
        run_id = arguments.id_of("run_id", run_id)
        return run_in_full(await results.known(run_id, self._host.on_its_loop().service.queries.run(run_id)))

    async def runs(
        self,
        *,
        event_id: str | None = None,
        function: Function[Any] | str | None = None,
        status: RunStatus | str | None = None,
        limit: int = 20,
        before: str | None = None,
    ) -> list[Run]:
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
        found = await self._host.on_its_loop().store.runs(
            event_id=None if event_id is None else arguments.id_of("event_id", event_id),
            function_id=arguments.function_of_runs(function),
            status=arguments.status_of(status),
            limit=arguments.limit_of(limit),
            before=arguments.before_of(before),
        )
        return [run_of(run) for run in found]

    async def explain(self, run_id: str) -> Explanation:
        """Why a run waits: what holds it, until when, and what would let it go on.

        Args:
            run_id: the run.

        Raises:
            RunNotFoundError: there is no such run.
        """
        run_id = arguments.id_of("run_id", run_id)
        return explanation(await results.known(run_id, self._host.on_its_loop().service.queries.explain(run_id)))

    async def kept_back(self, event_id: str) -> list[KeptBack]:
        """The reasons that keep an event from starting runs of functions that hear its name, or keep those from
        beginning.

        Args:
            event_id: the event.
        """
        event_id = arguments.id_of("event_id", event_id)
        return [kept_back(one) for one in await self._host.on_its_loop().store.kept_back(event_id)]

    async def woken(self, event_id: str) -> list[Woken]:
        """The runs that looked for an event, and what it has done to them; the first thousand.

        Args:
            event_id: the event.
        """
        event_id = arguments.id_of("event_id", event_id)
        return [Woken(*one) for one in await self._host.on_its_loop().store.woken(event_id)]

    @property
    def functions(self) -> Sequence[Function[Any]]:
        """The functions that it was given, those of clients too."""
        return tuple(self._host.settings.functions)

    @property
    def running_steps(self) -> Sequence[RunningStep]:
        """The handlers that run now in this engine; and whether they were asked to stop, and know. From its loop."""
        running = self._host.running
        return () if running is None else running.invoker.running

    # -- twins for plain code

    def invoke_sync(
        self,
        fn: Function[T],
        *,
        data: Mapping[str, object] | None = None,
        timeout: int | datetime.timedelta | None = None,
    ) -> T:
        """`invoke`, blocking; from any thread but the engine's loop."""
        return self._host.call_sync(lambda: self.invoke(fn, data=data, timeout=timeout))

    def start_run_sync(self, function_id: str, data: Mapping[str, object]) -> str:
        """`start_run`, blocking; from any thread but the engine's loop."""
        return self._host.call_sync(lambda: self.start_run(function_id, data))

    def send_sync(self, events: Event | list[Event]) -> list[str]:
        """`send`, blocking; from any thread but the engine's loop."""
        return self._host.call_sync(lambda: self.send(events))

    def send_signal_sync(self, signal: str, data: object = None) -> str | None:
        """`send_signal`, blocking; from any thread but the engine's loop."""
        return self._host.call_sync(lambda: self.send_signal(signal, data))

    def wait_sync(self, run_id: str, *, timeout: int | datetime.timedelta | None = None) -> object:
        """`wait`, blocking; from any thread but the engine's loop."""
        return self._host.call_sync(lambda: self.wait(run_id, timeout=timeout))

    def pause_sync(self, fn: Function[Any] | str, *, on_event: Literal["queue", "skip"] = "queue") -> None:
        """`pause`, blocking; from any thread but the engine's loop."""
        self._host.call_sync(lambda: self.pause(fn, on_event=on_event))

    def resume_sync(self, fn: Function[Any] | str) -> None:
        """`resume`, blocking; from any thread but the engine's loop."""
        self._host.call_sync(lambda: self.resume(fn))

    def cancel_sync(self, run_id: str) -> bool:
        """`cancel`, blocking; from any thread but the engine's loop."""
        return self._host.call_sync(lambda: self.cancel(run_id))

    def release_sync(self, run_id: str) -> bool:
        """`release`, blocking; from any thread but the engine's loop."""
        return self._host.call_sync(lambda: self.release(run_id))

    def retry_now_sync(self, run_id: str) -> bool:
        """`retry_now`, blocking; from any thread but the engine's loop."""
        return self._host.call_sync(lambda: self.retry_now(run_id))

    def rerun_sync(self, run_id: str, from_step: str | None = None, input: object = None) -> Run:
        """`rerun`, blocking; from any thread but the engine's loop."""
        return self._host.call_sync(lambda: self.rerun(run_id, from_step, input))

    def erase_sync(
        self, where: str, *, cancel: bool = False, preview: bool = False, actor: str | None = None
    ) -> Erased:
        """`erase`, blocking; from any thread but the engine's loop."""
        return self._host.call_sync(lambda: self.erase(where, cancel=cancel, preview=preview, actor=actor))

    def run_sync(self, run_id: str) -> Run:
        """`run`, blocking; from any thread but the engine's loop."""
        return self._host.call_sync(lambda: self.run(run_id))

    def runs_sync(
        self,
        *,
        event_id: str | None = None,
        function: Function[Any] | str | None = None,
        status: RunStatus | str | None = None,
        limit: int = 20,
        before: str | None = None,
    ) -> list[Run]:
        """`runs`, blocking; from any thread but the engine's loop."""
        return self._host.call_sync(
            lambda: self.runs(event_id=event_id, function=function, status=status, limit=limit, before=before)
        )

    def explain_sync(self, run_id: str) -> Explanation:
        """`explain`, blocking; from any thread but the engine's loop."""
        return self._host.call_sync(lambda: self.explain(run_id))

    def kept_back_sync(self, event_id: str) -> list[KeptBack]:
        """`kept_back`, blocking; from any thread but the engine's loop."""
        return self._host.call_sync(lambda: self.kept_back(event_id))

    def woken_sync(self, event_id: str) -> list[Woken]:
        """`woken`, blocking; from any thread but the engine's loop."""
        return self._host.call_sync(lambda: self.woken(event_id))


def host_of(engine: Engine) -> EngineHost:
    """The parts of an engine: for the server and the command line, and not for users."""
    return engine._host
