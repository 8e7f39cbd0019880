"""One function alone: its code with the values of its steps, and no engine."""

from __future__ import annotations

import asyncio
import dataclasses
import difflib
import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar, cast

from inngest.embedded import arguments, results
from inngest.embedded.errors import EngineConfigError
from inngest.engine.domain.model import Ended, RunStatus
from inngest.protocol import codec
from inngest.protocol.calls import Advice, Call, Completed, EventData, Failed, Held, Outcome, Recorded
from inngest.protocol.opcodes import MARKS, Entry, Memo, Op, Opcode, OpTarget, SentEvent
from inngest.runtime.clock import SystemClock
from inngest.runtime.idle import LoopIdle
from inngest.runtime.ids import SeededIds
from inngest.runtime.loop_thread import LoopThread
from inngest.runtime.threads import FunctionThreads
from inngest.sdk.client import Inngest, bind, unbind
from inngest.sdk.events import Event, from_data, message_text, to_sent
from inngest.sdk.function import Function
from inngest.sdk.invocation import error_records
from inngest.sdk.invocation.enter import FunctionEntry
from inngest.sdk.steps.current import current_step

from .connections import NoOutbox, NoTransactions
from .errors import RunAssertionError, UnstubbedStepError, UnusedStubError

T = TypeVar("T")

BEGINNING = 1_735_689_600_000
"""Unix ms at which all that is recorded of a call has happened, and ids were made: 2025-01-01 UTC."""

_THREADS = 64

_BESIDE = MARKS | {Opcode.DEFER_ADD, Opcode.DEFER_ABORT}
"""Reports that ride with others, and get no answer."""


@dataclasses.dataclass(frozen=True)
class Called(Generic[T]):
    """One call of a function.

    Attributes:
        output: what it returned, as its caller would get it: through JSON.
        ran: ids of the steps whose own handlers ran, with `:n` for a repeat, in order.
        steps: the value, as JSON has it, of each step that is done, in order; of one that failed its error as a text.
        sent: the events that steps, and the code, have sent, in order.
        slept: ids of its sleeps, which are over at once.
    """

    output: T
    ran: tuple[str, ...]
    steps: Mapping[str, object]
    sent: tuple[Event, ...]
    slept: tuple[str, ...]


async def call(
    fn: Function[T],
    *,
    event: Event | Sequence[Event] | None = None,
    steps: Mapping[str, object] | None = None,
    attempt: int = 0,
) -> Called[T]:
    """Call a function alone, without an engine, as far as it goes: with these values of its steps.

    ```python
    called = await inngest.testing.call(pay, event=inngest.Event(name="order/placed"), steps={"charge": "receipt"})
    assert called.output == "receipt"
    ```

    Steps that are not named run; the first error of a handler is its last. Sleeps are over at once. Steps that wait for
    something from outside (events, signals, functions, requests) must be named.

    Args:
        fn: the function; plain ones have threads, as in an engine.
        event: what it is called for, or a batch; None: an event of the name "test" without data.
        steps: values by the ids of steps, with `:n` for a repeat; in the place of the handler, or of what a step waits
            for: an `inngest.Event`, or None for a time-out, of `wait_for_event`. An exception fails the step.
        attempt: of the code between steps, from 0.

    Returns:
        The call.

    Raises:
        EngineConfigError: an argument is wrong.
        Exception: the function raised it.
        RunAssertionError: entered again, the function asks for other steps.
        UnstubbedStepError: a step waits for something from outside, and is not named.
        UnusedStubError: the function did not come to a step that is named.
    """
    arguments.function_id_of(fn)
    if isinstance(attempt, bool) or not isinstance(attempt, int) or attempt < 0:
        raise EngineConfigError(f"attempt: expected a whole number from 0, got {attempt!r}")
    if steps is not None and not isinstance(steps, Mapping):
        raise EngineConfigError(f"steps: expected values by the ids of steps, got {steps!r}")
    one = _Call(fn, event, dict(steps or {}), attempt)
    return cast("Called[T]", await one.run())


def call_sync(
    fn: Function[T],
    *,
    event: Event | Sequence[Event] | None = None,
    steps: Mapping[str, object] | None = None,
    attempt: int = 0,
) -> Called[T]:
    """`call`, blocking; for plain tests."""
    thread = LoopThread()
    try:
        return thread.call(call(fn, event=event, steps=steps, attempt=attempt))
    finally:
        thread.close()


class _Call:
    """The `Recorder` of one call, and its `EventSink`: all that a function has around it."""

    def __init__(
        self,
        fn: Function[Any],
        event: Event | Sequence[Event] | None,
        given: dict[str, object],
        attempt: int,
    ) -> None:
        self.slots = None
        self.outbox = NoOutbox()
        self.of_this_process = True
        self._function = fn
        self._given = given
        self._used: set[str] = set()
        ids = SeededIds.of(0)
        self._run_id = ids.ulid(BEGINNING)
        self._new_id: Callable[[], str] = functools.partial(ids.ulid, BEGINNING)
        events = [Event(name="test")] if event is None else [event] if isinstance(event, Event) else list(event)
        self._events = [EventData(one.key or self._new_id(), one.name, one.data, one.ts) for one in to_sent(events)]
        self._attempt = attempt
        self._memos: list[Memo] = []
        self._ran: list[str] = []
        self._slept: list[str] = []
        self._sent: list[SentEvent] = []
        self._raised: BaseException | None = None
        self._defers: dict[str, bool] = {}
        self._patches: set[str] = set()
        self._loop = asyncio.get_running_loop()

    # -- the whole

    async def run(self) -> Called[object]:
        """Enter the function until it has returned."""
        threads, client = FunctionThreads(_THREADS), cast("Inngest", self._function.client)
        bind(client, self)
        try:
            while not isinstance(outcome := await self._enter(threads), Completed):
                self._go_on(outcome)
        finally:
            unbind(client, self)
            threads.close(raising=None)
        if unused := [one for one in self._given if one not in self._used]:
            raise UnusedStubError(
                f"{self._function.id} has not come to {', '.join(map(self._meant, unused))}: it came to "
                f"{', '.join(repr(one.step.text) for one in self._memos) or 'no step'}"
            )
        ended = Ended(RunStatus.COMPLETED, outcome.data, None)
        return Called(
            results.result_of(self._run_id, ended, self._function),
            tuple(self._ran),
            {one.step.text: _value(one) for one in self._memos},
            tuple(from_data(EventData(one.id, one.name, one.data, one.ts)) for one in self._sent),
            tuple(self._slept),
        )

    async def _enter(self, threads: FunctionThreads) -> Outcome:
        clock = SystemClock(self._loop)
        known = Call(
            self._run_id,
            self._function.id,
            self._attempt,
            None,
            self._events,
            tuple(self._memos),
            (),
            dict(self._defers),
            patches=frozenset(self._patches),
        )
        entry = FunctionEntry(self._function, self._body(), known, self, clock, threads, LoopIdle(self._loop))
        entry.invocation.around = self._around
        entry.invocation.transactions = NoTransactions(self)
        outcome = await entry.run()
        self.record(outcome.ops)
        return outcome

    def _go_on(self, outcome: Outcome) -> None:
        """See that the function can be entered again.

        Raises:
            Exception: it cannot, and this is why.
        """
        if isinstance(outcome, Failed):
            if self._raised is not None:
                raise self._raised
            raise RunAssertionError(f"{self._function.id} could not go on: {outcome.error.message}")
        if isinstance(outcome, Held):
            calls = f'calls "{outcome.call}"' if outcome.call else "returns"
            raise RunAssertionError(
                f"{self._function.id} asks for other steps when it is entered again: it came to "
                f'"{outcome.step}" before, and {calls} in its place. {outcome.detail}'.rstrip(" .")
            )
        if not outcome.ops:
            raise RunAssertionError(f"{self._function.id} waits for something that is no step, and does not go on")

    # -- what it is told

    def record(self, ops: Sequence[Op]) -> Recorded:
        """See `Recorder`.

        Raises:
            UnstubbedStepError: a step waits, and has no value.
        """
        return Recorded(Advice.GO_ON, [self._entry(op) for op in ops if not self._is_beside(op)])

    def _is_beside(self, op: Op) -> bool:
        if op.op in (Opcode.DEFER_ADD, Opcode.DEFER_ABORT):
            self._defers[op.step.hash] = op.op is Opcode.DEFER_ADD
        elif op.op is Opcode.PATCHED:
            self._patches.add(op.step.text)
        return op.op in _BESIDE

    def _entry(self, op: Op) -> Entry:
        self._sent.extend(one._replace(id=one.id or self._new_id()) for one in op.events)
        memo = Memo(op.step, op.kind, len(self._memos), op.data, op.error, BEGINNING)
        name = op.step.text
        if op.op is Opcode.STEP_CANCELLED:
            memo = memo._replace(cancelled=True)
        elif op.kind is Opcode.SLEEP:
            self._slept.append(name)
            memo = memo._replace(data="null")
        elif op.kind is Opcode.SEND_SIGNAL:
            memo = memo._replace(data="null")
        elif op.kind is not Opcode.STEP_RUN:
            memo = self._answered(memo, op)
        self._memos.append(memo)
        return memo

    def _answered(self, memo: Memo, op: Op) -> Memo:
        """The memo of a step that waits for something from outside, with the value that was given."""
        name = op.step.text
        if name not in self._given:
            target = "" if op.target is None or not op.target.name else f' for "{op.target.name}"'
            raise UnstubbedStepError(
                f'step "{name}" of {self._function.id} ({op.kind.value}) waits{target}, and a call of a function alone '
                f'has nobody who answers: steps={{"{name}": …}}'
            )
        self._used.add(name)
        value = self._given[name]
        if isinstance(value, BaseException):
            return memo._replace(error=error_records.info_of(value))
        if isinstance(value, Event):
            (sent,) = to_sent([value], self._function.client.serializer)
            value = from_data(EventData(sent.key or self._new_id(), sent.name, sent.data, sent.ts)).model_dump()
        return memo._replace(data=message_text(value, self._function.client.serializer))

    # -- around its code

    def _body(self) -> Any:
        body = self._function.handler

        @functools.wraps(body)
        async def here(ctx: Any) -> object:
            try:
                return await cast("Any", body)(ctx)
            except Exception as error:
                self._raised = error
                raise

        @functools.wraps(body)
        def in_thread(ctx: Any) -> object:
            try:
                return body(ctx)
            except Exception as error:
                self._raised = error
                raise

        return here if self._function.is_handler_async else in_thread

    def _around(self, handler: Callable[..., object]) -> Callable[..., object]:
        @functools.wraps(handler, updated=())
        def called(*args: object) -> object:
            name = current_step().id
            if name not in self._given:
                self._ran.append(name)
                return handler(*args)
            self._used.add(name)
            value = self._given[name]
            if isinstance(value, BaseException):
                raise value
            return value

        return called

    def _meant(self, name: str) -> str:
        known = [one.step.text for one in self._memos]
        found = difflib.get_close_matches(name, known, 1)
        return f"{name!r}{f' (did you mean {found[0]!r}?)' if found else ''}"

    # -- where its client sends

    async def send_events(self, events: Sequence[SentEvent]) -> list[str]:
        """See `EventSink`."""
        return self.send_events_sync(events)

    def send_events_sync(self, events: Sequence[SentEvent]) -> list[str]:
        """See `EventSink`."""
        sent = [one._replace(id=one.id or self._new_id()) for one in events]
        self._sent.extend(sent)
        return [one.id for one in sent]

    async def send_signal(self, signal: OpTarget) -> str | None:
        """See `EventSink`: nobody waits for it."""
        return None

    def send_signal_sync(self, signal: OpTarget) -> str | None:
        """See `EventSink`: nobody waits for it."""
        return None


def _value(memo: Memo) -> object:
    if memo.error is not None:
        return f"{memo.error.name}: {memo.error.message}"
    return None if memo.data is None else codec.loads(memo.data)
