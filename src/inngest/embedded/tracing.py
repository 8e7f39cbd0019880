"""Spans of what an engine does: of runs, invocations, steps and attempts, each told once, as it is recorded.

`inngest.opentelemetry` alone imports it: opentelemetry-api may be missing.
"""

from __future__ import annotations

import contextlib
import logging
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from types import TracebackType
from typing import Final, Self

from opentelemetry import trace
from opentelemetry.trace import SpanKind

from inngest.engine.domain.event_view import data_of
from inngest.engine.domain.model import Changes, Ended, Event, FailedAttempt, Run, RunStatus
from inngest.engine.errors import StoreError
from inngest.engine.observers import Entrance
from inngest.engine.records import Claimed, Touched
from inngest.protocol import codec, traces
from inngest.protocol.calls import Call, Completed, EventData, Failed, Held, Outcome
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Memo, Opcode, SentEvent
from inngest.protocol.steps import StepName
from inngest.protocol.wire import endpoints
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.spans import Attempts, Current, RunSpans, SpanMaker, fail, quietly, with_current_parent

from .host import EngineHost

LOGGER = CarefulLogger(logging.getLogger("inngest.opentelemetry"))

KNOWN: Final = 20_000
"""Runs whose events are kept in memory, the latest; those of others are read when something of them is told."""

_KINDS: Final = {
    Opcode.INVOKE: SpanKind.PRODUCER,
    Opcode.GATEWAY: SpanKind.CLIENT,
    Opcode.AI_GATEWAY: SpanKind.CLIENT,
}
_MS: Final = 1_000_000


class KnownRun:
    """A run whose event is known.

    Args:
        run: it.
        events: that started it.
        app_id: of its function; "" if nobody knows.
        maker: begins spans.
    """

    def __init__(self, run: Run, events: Sequence[EventData], app_id: str, maker: SpanMaker) -> None:
        extra = events[0].extra if events else None
        self.parent = traces.of_event(extra)
        spans = RunSpans(run.id, run.function_id, app_id, traces.of_run(run.id, extra))
        self.attributes = spans.attributes
        if events:
            self.attributes |= {"inngest.event.name": events[0].name, "inngest.event.id": events[0].id}
        flags = maker.flags(spans.place, self.parent, run.function_id, self.attributes)
        self.spans = spans._replace(place=spans.place._replace(flags=flags))
        others = [place for event in events[1:] if (place := traces.of_event(event.extra)) is not None]
        origin = [] if run.origin is None else [traces.of_run(run.origin.run_id, extra)]
        self.links = [*origin, *others]
        self.attempts: Attempts | None = None  # of the invocation that goes on
        self.began: dict[str, int] = {}  # unix ms, by hash of the open step
        self.last = 0  # unix ns, when the last of its steps has ended


class InvocationSpan:
    """The span of an invocation, which is current meanwhile.

    Args:
        maker: begins it.
        known: the run.
        claimed: the same, as its worker has it.
        call: with which its function is entered.
        remote: it is called over HTTP.
    """

    def __init__(self, maker: SpanMaker, known: KnownRun, claimed: Claimed, call: Call, *, remote: bool) -> None:
        self.call = call
        self.trace = known.spans.place.text
        self._known = known
        self._place = known.spans.place._replace(span_id=traces.span_id(call.run_id, "", claimed.owner.token))
        self._maker = maker
        self._remote = remote
        self._current = Current()
        self._span: trace.Span | None = None

    def __enter__(self) -> Self:
        quietly(self._begin)
        return self

    def _begin(self) -> None:
        known, call = self._known, self.call
        self._span = span = self._maker.start(
            f"{call.function_id} invocation",
            self._place,
            known.spans.place,
            kind=SpanKind.CLIENT if self._remote else SpanKind.INTERNAL,
            attributes={**known.spans.attributes, "inngest.invocation.attempt": call.attempt},
        )
        self.call = call._replace(trace=self._place.text)
        if not self._remote:
            known.attempts = Attempts(self._maker, known.spans, self._place)
        self._current.enter(span)

    def over(self, outcome: Outcome) -> None:
        """See `Entrance`."""
        if self._span is None or self._remote:
            return
        if isinstance(outcome, Failed):
            fail(self._span, outcome.error)
        self._span.set_attribute("inngest.invocation.outcome", _outcome(outcome))

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        quietly(self._current.leave)
        if self._span is not None:
            quietly(self._span.end)


def _outcome(outcome: Outcome) -> str:
    if isinstance(outcome, Completed):
        return "completed"
    if isinstance(outcome, Failed):
        return "failed"
    return "held" if isinstance(outcome, Held) else "waits"


class Untold:
    """An invocation whose span could not begin.

    Args:
        call: with which its function is entered.
    """

    trace = ""

    def __init__(self, call: Call) -> None:
        self.call = call

    def over(self, outcome: Outcome) -> None:
        """See `Entrance`."""


class EngineTracing:
    """An observer that tells spans, and the `Tracing` of an engine.

    Args:
        host: the engine.
        maker: begins spans.
    """

    def __init__(self, host: EngineHost, maker: SpanMaker) -> None:
        self._host = host
        self._maker = maker
        self._apps: Mapping[str, str] = host.apps
        self._runs: OrderedDict[str, KnownRun] = OrderedDict()
        self._cancelling: set[str] = set()

    # -- while code of users runs

    def invocation(self, claimed: Claimed, call: Call) -> AbstractContextManager[Entrance]:
        """See `Tracing`."""

        def begun() -> InvocationSpan:
            known = self._runs.get(call.run_id) or self._note(claimed.run, claimed.events)
            return InvocationSpan(self._maker, known, claimed, call, remote=call.function_id not in self._apps)

        return quietly(begun) or contextlib.nullcontext(Untold(call))

    def attempts(self, run_id: str) -> Attempts | None:
        """See `Tracing`."""
        known = self._runs.get(run_id)
        return None if known is None else known.attempts

    def sent(self, events: Sequence[SentEvent]) -> Sequence[SentEvent]:
        """See `Tracing`."""
        return quietly(lambda: with_current_parent(events)) or events

    def cancelling(self, run_ids: Sequence[str]) -> None:
        """See `Tracing`."""
        self._cancelling.update(run_ids)

    # -- what is recorded

    def accepted(self, events: Sequence[Event], started: Sequence[Run], touched: Sequence[Touched]) -> None:
        """See `Observer`. Runs of endpoints are entered by their apps, and not here."""
        requests = {event.id: event for event in events if event.name == endpoints.EVENT}
        for run in started if requests else ():
            if run.event_id in requests:
                self._note(run, [data_of(requests[run.event_id])])

    def entered(self, claimed: Claimed) -> None:
        """See `Observer`."""
        known = self._note(claimed.run, claimed.events)
        known.began = {step.step.hash: step.created_at for step in claimed.open}

    def committed(self, run: Run, changes: Changes) -> None:
        """See `Observer`."""
        known = self._runs.get(run.id)
        if known is not None:
            self._tell(known, run, changes)
        elif changes.memos or changes.failed or isinstance(changes.transition, Ended):
            self._later(run, changes)

    def cancelled(self, run: Run) -> None:
        """See `Observer`. All workers hear of it: the one that has cancelled the run tells its span."""
        if run.id not in self._cancelling:
            self._runs.pop(run.id, None)
            return
        self._cancelling.discard(run.id)
        self.committed(run, Changes(run.attempt, transition=Ended(RunStatus.CANCELLED, None, None)))

    # -- which run

    def _note(self, run: Run, events: Sequence[EventData]) -> KnownRun:
        known = self._runs[run.id] = KnownRun(run, events, self._app_of(run.function_id), self._maker)
        self._runs.move_to_end(run.id)
        if len(self._runs) > KNOWN:
            self._runs.popitem(last=False)
        return known

    def _app_of(self, function_id: str) -> str:
        found = self._apps.get(function_id)
        if found is not None or self._host.running is None:
            return found or ""
        remote = self._host.running.service.executor.remote.functions.get(function_id)
        return "" if remote is None else remote.app_id

    def _later(self, run: Run, changes: Changes) -> None:
        """Tell it when its event was read, which another worker, or an earlier process, has seen."""
        running = self._host.running
        if running is None:
            return

        async def tell() -> None:
            with contextlib.suppress(StoreError):  # then the engine is cut off, and its spans are not what is missed
                view = await running.store.run(run.id)
                if view is not None:
                    known = self._note(run, [data_of(event) for event in view.batch or (view.event,)])
                    known.began = {step.step.hash: step.created_at for step in view.open}
                    quietly(lambda: self._tell(known, run, changes))

        running.service.executor.begin_work(tell())

    # -- spans

    def _tell(self, known: KnownRun, run: Run, changes: Changes) -> None:
        for step in changes.open:
            known.began.setdefault(step.step.hash, step.created_at)
        names = {step.step.hash: step.step for step in changes.open}
        for failed in changes.failed:
            if failed.step:
                self._tell_failed(known, failed, names)
        for memo in changes.memos:
            self._tell_step(known, memo)
        if isinstance(changes.transition, Ended):
            self._tell_run(known, run, changes.transition)
            self._runs.pop(run.id, None)

    def _tell_failed(self, known: KnownRun, failed: FailedAttempt, names: Mapping[str, StepName]) -> None:
        """An attempt that is followed by another. Those of apps are told there."""
        if known.attempts is None or known.attempts.recorded(failed.step, failed.attempt, failed.error) is not None:
            return
        name = names.get(failed.step) or StepName(failed.name, 0, failed.step)
        self._made(known, name, failed.attempt, (failed.started_at, failed.ended_at), failed.error)

    def _tell_step(self, known: KnownRun, memo: Memo) -> None:
        spans, step, kind = known.spans, memo.step, memo.kind or Opcode.STEP_RUN
        began = known.began.pop(step.hash, memo.started_at) or memo.started_at or memo.ended_at
        ended = memo.ended_at * _MS
        if kind is Opcode.STEP_RUN and known.attempts is not None:
            made = known.attempts.recorded(step.hash, memo.attempt, memo.error)
            if made is None and not memo.cancelled:
                self._made(known, step, memo.attempt, (memo.started_at, memo.ended_at), memo.error)
            ended = max(ended, made or 0)
        outcome = "cancelled" if memo.cancelled else "completed" if memo.error is None else "failed"
        span = self._maker.start(
            step.id,
            spans.step(step.hash),
            spans.place,
            kind=_KINDS.get(kind, SpanKind.INTERNAL),
            start=min(began, memo.ended_at),
            attributes={
                **spans.attributes,
                "inngest.step.id": step.text,
                "inngest.step.kind": kind.value,
                "inngest.step.attempt": memo.attempt,
                "inngest.step.outcome": outcome,
                **_usage(memo),
            },
        )
        if memo.error is not None:
            fail(span, memo.error, memo.ended_at)
        known.last = max(known.last, ended)
        span.end(ended)

    def _made(
        self, known: KnownRun, step: StepName, number: int, times: tuple[int, int], error: ErrorInfo | None
    ) -> None:
        """An attempt without a handler, such as the sending of events; or of a worker that died, which told nothing."""
        assert known.attempts is not None
        began, ended = times
        span = known.attempts.begun(step, number, began or ended)
        if error is not None:
            fail(span, error, ended)
        span.end(ended * _MS)

    def _tell_run(self, known: KnownRun, run: Run, ended: Ended) -> None:
        began = run.created_at if run.started_at is None else run.started_at
        span = self._maker.start(
            run.function_id,
            known.spans.place,
            known.parent,
            kind=SpanKind.CONSUMER,
            start=began,
            attributes={**known.attributes, "inngest.run.status": ended.status.value},
            links=known.links,
        )
        if ended.status is RunStatus.FAILED and ended.error is not None:
            fail(span, ended.error, run.ended_at)
        span.end(max((began if run.ended_at is None else run.ended_at) * _MS, known.last))


_NAMES: Final = {
    "model": "gen_ai.response.model",
    "input_tokens": "gen_ai.usage.input_tokens",
    "output_tokens": "gen_ai.usage.output_tokens",
}
"""The names of the semantic conventions for what is known of a model's answer."""


def _usage(memo: Memo) -> Mapping[str, str | int | bool]:
    if memo.kind is not Opcode.AI_GATEWAY or memo.metadata is None:
        return {}
    usage = codec.loads(memo.metadata).get("usage") or {}
    return {name: usage[key] for key, name in _NAMES.items() if usage.get(key) is not None}
