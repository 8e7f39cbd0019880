"""Enter a function: build its context and run one invocation."""

from __future__ import annotations

import asyncio
import functools
import inspect
import logging
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from typing import Any, cast

from inngest.protocol.calls import Call, Outcome
from inngest.runtime.idle import LoopIdle
from inngest.runtime.ports import Clock, Recorder, Threads
from inngest.sdk.context import STEP_CONTEXT, Context, ContextSync
from inngest.sdk.events import from_data
from inngest.sdk.function import AnyHandler, Function
from inngest.sdk.steps.current import RUNNING
from inngest.sdk.steps.group import Group, GroupSync
from inngest.sdk.steps.step import Step
from inngest.sdk.steps.step_sync import StepSync
from inngest.sdk.work import ON_LOOP

from .invocation import Invocation
from .portal import SyncPortal


class FunctionEntry:
    """One entry into a function.

    Args:
        function: the function.
        handler: which of its handlers: the function's own, or that for its failure.
        call: what is recorded of the run.
        recorder: makes steps durable.
        clock: the engine's time.
        threads: where plain functions run.
        idle: tells when the loop is idle.
        kind: how it is entered: in process, or behind HTTP.
    """

    def __init__(
        self,
        function: Function[object],
        handler: AnyHandler,
        call: Call,
        recorder: Recorder,
        clock: Clock,
        threads: Threads,
        idle: LoopIdle,
        kind: Callable[[Function[object], Call, Recorder, Clock, LoopIdle], Invocation] = Invocation,
    ) -> None:
        self._handler = handler
        self._call = call
        self._threads = threads
        self._portal: SyncPortal | None = None
        self.is_async = inspect.iscoroutinefunction(handler)
        self.invocation = kind(function, call, recorder, clock, idle)

    def run(self) -> Coroutine[Any, Any, Outcome]:
        """Run it to its end. See `Invocation.run`."""
        return self._run_async() if self.is_async else self._run_sync()

    @property
    def has_threads(self) -> bool:
        """Whether threads of it have not returned."""
        return self._portal is not None and self._portal.at_work

    def when_returned(self, call: Callable[[], object]) -> None:
        """It is over: call back, on the loop, when its code has returned, which is mostly now."""
        if self._portal is not None:
            self._portal.when_free(call)
            return
        left = {task for task in self.invocation.unreturned if not task.done()}
        if not left:
            call()
            return

        def done(task: asyncio.Task[Any]) -> None:
            left.discard(task)
            if not left:
                call()

        for task in tuple(left):
            task.add_done_callback(done)

    async def _run_async(self) -> Outcome:
        invocation = self.invocation
        context = Context(step=Step(invocation), group=Group(invocation), caller=invocation, **self._fields())
        invocation.values.context = context
        handler = cast("Callable[[Context], Awaitable[object]]", self._handler)

        async def body() -> object:
            STEP_CONTEXT.set(context.step)  # of the body's own task
            return await handler(context)

        return await invocation.run(body, ON_LOOP, interrupt=True)

    async def _run_sync(self) -> Outcome:
        invocation = self.invocation
        portal = self._portal = SyncPortal(invocation, self._threads)
        context = ContextSync(step=StepSync(portal), group=GroupSync(portal), caller=portal, **self._fields())
        invocation.values.context = context
        handler = cast("Callable[[ContextSync], object]", self._handler)

        def in_thread() -> object:
            STEP_CONTEXT.set(context.step)  # of the body's context; threads of its branches begin with a copy
            return handler(context)

        async def body() -> object:
            return await portal.body(in_thread)

        try:
            return await invocation.run(body, portal, interrupt=False)
        finally:
            portal.close()

    def _facts(self) -> dict[str, object]:
        """The fields of a record that is logged now."""
        invocation, step = self.invocation, RUNNING.get()
        inside = step is not None and step.invocation is invocation
        return {**invocation.facts, "step": step.id if inside and step else None, "attempt": invocation.attempt()}

    def _fields(self) -> dict[str, Any]:
        events = [from_data(event) for event in self._call.events]
        return {
            "event": events[0],
            "events": events,
            "logger": silencer(self.invocation.function.client.logger, self.invocation, self._facts),
            "run_id": self._call.run_id,
            "job_id": self._call.job_id or None,
            "request_id": self._call.request_id or None,
            "attempts": self.invocation.attempt,
        }


# -- ctx.logger: silent while known work is replayed, so that each line is logged once

_METHODS = frozenset(
    ("critical", "debug", "error", "exception", "fatal", "info", "log", "warn", "warning"),
)


def _silent(*_args: object, **_kwargs: object) -> None:
    return None


class ReplaySafeLogger:
    """The client's logger, silent during replay. Attributes other than the logging methods pass through.

    Records of a `logging.Logger` carry what is known of where they were logged, as `extra`.
    """

    def __init__(self, logger: object, invocation: Invocation, facts: Callable[[], Mapping[str, object]]) -> None:
        self._logger = logger
        self._invocation = invocation
        self._facts = facts

    def __getattr__(self, name: str) -> object:
        if name in _METHODS and self._invocation.replaying:
            return _silent
        method = getattr(self._logger, name)
        if name not in _METHODS or not isinstance(self._logger, logging.Logger):
            return method
        return functools.partial(_carrying, method, self._facts)


def silencer(
    logger: logging.Logger, invocation: Invocation, facts: Callable[[], Mapping[str, object]]
) -> logging.Logger:
    """The logger of one invocation, typed as what it stands for."""
    return cast("logging.Logger", ReplaySafeLogger(logger, invocation, facts))


def _carrying(
    method: Callable[..., object], known: Callable[[], Mapping[str, object]], *args: object, **more: Any
) -> object:
    """Log; what the caller gives as `extra` comes before what is known."""
    more["extra"] = {**known(), **(more.get("extra") or {})}
    more["stacklevel"] = more.get("stacklevel", 1) + 1  # the caller's place, and not this one
    return method(*args, **more)
