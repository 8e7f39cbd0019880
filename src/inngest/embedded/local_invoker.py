"""The local invoker: carries an invocation to code in this process, and its records to the store."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Iterable, Sequence

from inngest.engine.domain.waiting_facts import Handler
from inngest.protocol.calls import Call, Failed, Outcome
from inngest.protocol.errors import ErrorCode, ErrorInfo
from inngest.runtime.idle import LoopIdle
from inngest.runtime.left import left_behind
from inngest.runtime.ports import Clock, Recorder, Spans, Transactions
from inngest.runtime.threads import FunctionThreads
from inngest.sdk.errors import EndOfInvocation
from inngest.sdk.function import Function, handlers_of
from inngest.sdk.invocation.enter import FunctionEntry
from inngest.sdk.invocation.invocation import Invocation
from inngest.sdk.steps.current import CurrentStep

from .views import RunningStep
from .while_heard import WhileHeard

Handled = Callable[..., object]
"""A handler of a step."""


class LocalInvoker:
    """Enters functions of this process.

    Args:
        functions: what can be entered.
        clock: the engine's time.
        threads: where plain functions run.
        idle: tells when the running event loop is idle; None: one of its own.
        may_begin: whether others take this worker for alive; None: they always do.
        transactions: gives an invocation the transactions in which its steps may be recorded.
        spans: gives the invocation of a run the spans of its attempts.

    Attributes:
        transactions: see above; another one may stand in its place.
        around_handlers: gives what is called in the place of a step's handler; None: it is called itself.
    """

    def __init__(
        self,
        functions: Iterable[Function[object]],
        clock: Clock,
        threads: FunctionThreads,
        idle: LoopIdle | None = None,
        may_begin: Callable[[], bool] | None = None,
        transactions: Callable[[Recorder], Transactions | None] = lambda _: None,
        spans: Callable[[str], Spans | None] = lambda _: None,
    ) -> None:
        self._handlers = handlers_of(functions)
        self._clock = clock
        self._threads = threads
        self._may_begin = may_begin
        self.transactions = transactions
        self._spans = spans
        self.idle = LoopIdle(asyncio.get_running_loop()) if idle is None else idle
        self._entries: dict[str, FunctionEntry] = {}
        self._left: dict[CurrentStep, tuple[str, str]] = {}  # handlers that outlived their invocation, until they end
        self._left_threads = 0  # invocations that are over, and whose threads have not returned
        self._freed: Callable[[], object] = lambda: None
        self.around_handlers: Callable[[Handled], Handled] | None = None

    async def invoke(self, call: Call, recorder: Recorder) -> Outcome:
        """Enter a function."""
        found = self._handlers.get(call.function_id)
        if found is None:
            message = f"this engine has no function {call.function_id}"
            return Failed(ErrorInfo("FunctionNotFoundError", message, code=ErrorCode.FUNCTION_NOT_FOUND.value), True)
        function, handler = found
        transactions = self.transactions(recorder)
        if self._may_begin is not None:
            recorder = WhileHeard(recorder, self._may_begin, self._clock)
        entry = FunctionEntry(function, handler, call, recorder, self._clock, self._threads, self.idle)
        entry.invocation.transactions, entry.invocation.spans = transactions, self._spans(call.run_id)
        entry.invocation.around = self.around_handlers
        self._entries[call.run_id] = entry
        slots = recorder.slots
        if slots is not None:
            slots.begin()
        try:
            return await entry.run()
        finally:
            if self._entries.get(call.run_id) is entry:  # else it lost the run, and this worker has taken it up again
                del self._entries[call.run_id]
            self._leave_behind(entry)
            if entry.has_threads:
                self._left_threads += 1
                entry.when_returned(self._thread_back)
            if slots is not None:
                entry.when_returned(slots.end)

    def _leave_behind(self, entry: FunctionEntry) -> None:
        for run_id, function_id, running in _handlers(entry):
            if running.active:
                self._left[running] = run_id, function_id
                running.when_ended(lambda running=running: self._left.pop(running, None))  # type: ignore[misc]

    @property
    def plain(self) -> frozenset[str]:
        """See `Invoker.plain`."""
        return frozenset(
            fn_id for fn_id, (_, handler) in self._handlers.items() if not inspect.iscoroutinefunction(handler)
        )

    @property
    def threads(self) -> int:
        """See `Invoker.threads`."""
        return self._threads.size - self._left_threads

    def watch_threads(self, freed: Callable[[], object]) -> None:
        """See `Invoker.watch_threads`."""
        self._freed = freed

    def _thread_back(self) -> None:
        self._left_threads -= 1
        self._freed()

    def yield_run(self, run_id: str) -> None:
        """Ask an invocation to give its run up as soon as no handler runs."""
        entry = self._entries.get(run_id)
        if entry is not None:
            entry.invocation.yield_run()

    def arrived(self, run_id: str, hashes: Sequence[str]) -> None:
        """The answers to these steps have come: their invocation records that they wake."""
        entry = self._entries.get(run_id)
        if entry is not None:
            entry.invocation.arrived(hashes)

    def cancel(self, run_id: str) -> None:
        """The run was cancelled, or is another worker's: take its invocation down.

        Async handlers are cancelled; plain ones are asked to stop, and are left behind (`running` shows them until they
        end). Their results are offered to the recorder, which refuses them.
        """
        entry = self._entries.get(run_id)
        if entry is not None:
            entry.invocation.stop()

    def abandon(self) -> None:
        """The loop may be closed: bodies that were under way never end."""
        left_behind([invocation.task for invocation in self.invocations()], unwind=False)

    def close(self, *, gone: bool) -> None:
        """End the threads; if their loop is `gone`, also those that wait for it."""
        self._threads.close(raising=EndOfInvocation if gone else None)

    def invocations(self) -> list[Invocation]:
        """Those that are under way. From any thread."""
        return [entry.invocation for entry in list(self._entries.values())]

    @property
    def running(self) -> Sequence[RunningStep]:
        """The handlers that run now, with how far a request to stop has come."""
        return [
            RunningStep(run_id, function_id, running.id, running.attempt, running.state)
            for run_id, function_id, running in self._all_running()
        ]

    @property
    def handlers(self) -> Sequence[Handler]:
        """See `Invoker.handlers`."""
        return [
            Handler(run_id, running.id, running.attempt, running.began_at)
            for run_id, _, running in self._all_running()
            if running.active
        ]

    def _all_running(self) -> Iterable[tuple[str, str, CurrentStep]]:
        left = [(*names, running) for running, names in list(self._left.items()) if running.active]
        return [*left, *(handler for entry in self._entries.values() for handler in _handlers(entry))]

    @property
    def executing(self) -> Sequence[tuple[str, str]]:
        """Function and step of each handler that runs now."""
        return [
            (entry.invocation.call.function_id, step)
            for entry in self._entries.values()
            for step in entry.invocation.executing
        ]


def _handlers(entry: FunctionEntry) -> Iterable[tuple[str, str, CurrentStep]]:
    call = entry.invocation.call
    return [(call.run_id, call.function_id, running) for running in entry.invocation.running.values()]
