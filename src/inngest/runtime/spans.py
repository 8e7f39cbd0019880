"""Spans of runs, their steps and attempts, by OpenTelemetry: with ids that derive from the run (decision 0104).

`inngest.opentelemetry` and what it makes alone import this: opentelemetry-api may be missing.
"""

from __future__ import annotations

import asyncio
import contextvars
import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, NamedTuple, TypeVar

from opentelemetry import context as contexts
from opentelemetry import trace
from opentelemetry.trace import SpanKind

from inngest.protocol import traces
from inngest.protocol.calls import Call, Recorded
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.headers import VERSION
from inngest.protocol.opcodes import Op, Opcode, SentEvent
from inngest.protocol.steps import StepName
from inngest.protocol.traces import Place

from .careful import CarefulLogger
from .ports import Recorder

R = TypeVar("R")

LOGGER = CarefulLogger(logging.getLogger("inngest.opentelemetry"))

SCOPE: Final = "inngest"
"""The name of what makes the spans, as exporters tell it."""

Attributes = Mapping[str, str | int | bool]


class _GivenIds:
    """Stands before the generator of ids of a tracer: whoever asks for ids of their own gets these.

    Args:
        own: of the tracer.
    """

    def __init__(self, own: Any) -> None:
        self._own = own
        self._given = threading.local()

    def give(self, place: Place | None) -> None:
        """The ids of the next span that this thread begins; None: random ones."""
        self._given.place = place

    def generate_trace_id(self) -> int:
        """See `IdGenerator` of the SDK."""
        place: Place | None = getattr(self._given, "place", None)
        found: int = self._own.generate_trace_id() if place is None else place.trace_id
        return found

    def generate_span_id(self) -> int:
        """See `IdGenerator` of the SDK."""
        place: Place | None = getattr(self._given, "place", None)
        found: int = self._own.generate_span_id() if place is None else place.span_id
        return found

    def __getattr__(self, name: str) -> Any:
        return getattr(self._own, name)


class SpanMaker:
    """Begins spans with ids that are known beforehand.

    Args:
        provider: of the SDK of OpenTelemetry; None: the one that is set for the process.

    Attributes:
        off: whether the SDK makes no spans, as with `OTEL_SDK_DISABLED`.

    Raises:
        TypeError: the provider is another, whose spans cannot be given ids; or none is set.
    """

    def __init__(self, provider: trace.TracerProvider | None) -> None:
        found = trace.get_tracer_provider() if provider is None else provider
        tracer: Any = found.get_tracer(SCOPE, VERSION)
        self.off = isinstance(tracer, trace.NoOpTracer)
        if not self.off and not (hasattr(tracer, "id_generator") and hasattr(tracer, "sampler")):
            if provider is None and isinstance(found, trace.ProxyTracerProvider):
                raise TypeError(
                    "provider: none is set for this process yet: call opentelemetry.trace.set_tracer_provider(…) "
                    "before, run the program by `opentelemetry-instrument`, or pass provider="
                )
            raise TypeError(
                "provider: expected a TracerProvider of opentelemetry-sdk, whose spans can be given ids; got "
                f"{type(found).__module__}.{type(found).__qualname__}"
            )
        self._tracer = tracer
        self._ids = _GivenIds(None if self.off else tracer.id_generator)
        if not self.off:
            tracer.id_generator = self._ids

    def flags(self, place: Place, parent: Place | None, name: str, attributes: Attributes) -> int:
        """The flags of a span that begins elsewhere, or later: what the sampler says of it."""
        context = _context(parent)
        said = self._tracer.sampler.should_sample(
            context, place.trace_id, name, kind=SpanKind.CONSUMER, attributes=attributes
        )
        return int(said.decision.is_sampled())

    def start(
        self,
        name: str,
        place: Place,
        parent: Place | None,
        *,
        kind: SpanKind = SpanKind.INTERNAL,
        start: int | None = None,
        attributes: Attributes,
        links: Sequence[Place] = (),
    ) -> trace.Span:
        """Begin a span.

        Args:
            name: it is called so.
            place: its ids.
            parent: its parent, wherever that is; None: it has none.
            kind: of span.
            start: unix ms; None: now.
            attributes: of it.
            links: other spans that it has to do with.
        """
        self._ids.give(place)
        try:
            return self._tracer.start_span(  # type: ignore[no-any-return]
                name,
                _context(parent),
                kind=kind,
                attributes=attributes,
                links=[trace.Link(_span_context(one)) for one in links],
                start_time=None if start is None else _ns(start),
            )
        finally:
            self._ids.give(None)


def _ns(ms: int) -> int:
    return ms * 1_000_000


def _span_context(place: Place) -> trace.SpanContext:
    return trace.SpanContext(place.trace_id, place.span_id, is_remote=True, trace_flags=trace.TraceFlags(place.flags))


def _context(parent: Place | None) -> contexts.Context:
    """A context with a parent alone: what is current says nothing of spans whose place is known."""
    empty = contexts.Context()
    if parent is None:
        return empty
    return trace.set_span_in_context(trace.NonRecordingSpan(_span_context(parent)), empty)


def current() -> str:
    """The `traceparent` of the span that is current; "" if none is."""
    found = trace.get_current_span().get_span_context()
    return Place(found.trace_id, found.span_id, int(found.trace_flags)).text if found.is_valid else ""


def with_current_parent(events: Sequence[SentEvent]) -> Sequence[SentEvent]:
    """Events with the span that is current as their parent; those that have one keep it."""
    parent = current()
    if not parent:
        return events
    return [event._replace(extra=traces.with_parent(event.extra, parent)) for event in events]


def fail(span: trace.Span, error: ErrorInfo, at: int | None = None) -> None:
    """A span has ended with an error.

    Args:
        span: it.
        error: as it is recorded.
        at: unix ms; None: now.
    """
    told = {"exception.type": error.name, "exception.message": error.message}
    if error.stack:
        told["exception.stacktrace"] = error.stack
    span.add_event("exception", told, None if at is None else _ns(at))
    span.set_attribute("error.type", error.name)
    span.set_status(trace.Status(trace.StatusCode.ERROR, error.message))


class RunSpans(NamedTuple):
    """A run, as its spans know it."""

    run_id: str
    function_id: str
    app_id: str
    place: Place  # its own span, wherever that is made

    @property
    def attributes(self) -> dict[str, str | int | bool]:
        """Those of all its spans."""
        found: dict[str, str | int | bool] = {
            "inngest.run.id": self.run_id,
            "inngest.function.id": self.function_id,
        }
        return {**found, "inngest.app.id": self.app_id} if self.app_id else found

    def step(self, step_hash: str) -> Place:
        """The span of a step."""
        return self.place._replace(span_id=traces.span_id(self.run_id, step_hash))

    def attempt(self, step_hash: str, number: int, call: str = "") -> Place:
        """The span of an attempt.

        Args:
            step_hash: of its step.
            number: from 0.
            call: the id of the call that makes it, where nobody can exclude that another call makes it again.
        """
        parts = (step_hash, number, call) if call else (step_hash, number)
        return self.place._replace(span_id=traces.span_id(self.run_id, *parts))


_ENTERED: contextvars.ContextVar[object] = contextvars.ContextVar("inngest_entered_span", default=None)


class Current:
    """Makes a span current, and what was current before again, where that was: not in a foreign context, in which
    garbage may be collected.
    """

    def __init__(self) -> None:
        self._tokens: tuple[contextvars.Token[Any], contextvars.Token[object]] | None = None

    def enter(self, span: trace.Span) -> None:
        """From here on."""
        self._tokens = contexts.attach(trace.set_span_in_context(span)), _ENTERED.set(self)

    def leave(self) -> None:
        """No more."""
        tokens, self._tokens = self._tokens, None
        if tokens is not None and _ENTERED.get() is self:
            contexts.detach(tokens[0])
            _ENTERED.reset(tokens[1])


class AttemptSpan:
    """The span of an attempt: current while its handler runs, ended when it is recorded.

    Args:
        start: begins it at a time (unix ms).
    """

    def __init__(self, start: Callable[[int], trace.Span]) -> None:
        self._start = start
        self._current = Current()
        self._span: trace.Span | None = None
        self._left_at: int | None = None  # unix ns
        self._began_at = 0  # unix ns

    def enter(self, now: int) -> None:
        """See `Scope`."""
        self._began_at = _ns(now)

        def begin() -> None:
            self._span = self._start(now)
            self._current.enter(self._span)

        quietly(begin)

    def leave(self) -> None:
        """See `Scope`."""
        self._left_at = time.time_ns()
        quietly(self._current.leave)

    def end(self, error: ErrorInfo | None) -> int | None:
        """It is recorded; when it ended (unix ns), None if it never began."""
        if self._span is None:
            return None
        if error is not None:
            fail(self._span, error)
        ended_at = max(self._began_at, time.time_ns() if self._left_at is None else self._left_at)
        self._span.end(ended_at)
        return ended_at


class Attempts:
    """The spans of the attempts that one invocation makes.

    Args:
        maker: begins them.
        run: whose.
        within: the invocation, to which each is linked.
        call: see `RunSpans.attempt`.
    """

    def __init__(self, maker: SpanMaker, run: RunSpans, within: Place | None, call: str = "") -> None:
        self._maker = maker
        self._run = run
        self._links = () if within is None else (within,)
        self._call = call
        self._open: dict[tuple[str, int], AttemptSpan] = {}

    def attempt(self, step: StepName, number: int) -> AttemptSpan:
        """See `Spans`."""
        span = self._open[step.hash, number] = AttemptSpan(lambda at: self.begun(step, number, at))
        return span

    def begun(self, step: StepName, number: int, at: int) -> trace.Span:
        """The span of an attempt that begins, or began, at a time (unix ms)."""
        run = self._run
        return self._maker.start(
            f"{step.id} attempt",
            run.attempt(step.hash, number, self._call),
            run.step(step.hash),
            start=at,
            attributes={**run.attributes, "inngest.step.id": step.text, "inngest.step.attempt": number},
            links=self._links,
        )

    def recorded(self, step_hash: str, number: int, error: ErrorInfo | None) -> int | None:
        """An attempt is recorded; when it ended (unix ns), None if it was not made here."""
        span = self._open.pop((step_hash, number), None)
        return None if span is None else span.end(error)


_OVER: Final = (Opcode.STEP_RUN, Opcode.STEP_ERROR, Opcode.STEP_FAILED, Opcode.STEP_CANCELLED)


class ServedSpans(Attempts):
    """The spans that an app makes of one call: those of attempts. It cannot know what its server records, so an attempt
    that is made again by another call has another id.

    Args:
        maker: begins them.
        call: of the server.
        app_id: of the app.
        recorder: takes what is recorded.
    """

    def __init__(self, maker: SpanMaker, call: Call, app_id: str, recorder: Recorder) -> None:
        parent = traces.read(call.trace)
        own = traces.of_run(call.run_id, None)
        place = own if parent is None else own._replace(trace_id=parent.trace_id, flags=parent.flags)
        super().__init__(maker, RunSpans(call.run_id, call.function_id, app_id, place), parent, call.request_id)
        self._recorder = recorder
        self.slots = recorder.slots
        self._current = Current()
        around = trace.get_current_span().get_span_context()
        if parent is not None and not (around.is_valid and around.trace_id == parent.trace_id):
            self._current.enter(trace.NonRecordingSpan(_span_context(parent)))

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded] | Recorded:
        """See `Recorder`."""
        for op in ops:
            if op.op in _OVER:
                quietly(lambda op=op: self.recorded(op.step.hash, op.attempt, op.error))  # type: ignore[misc]
        return self._recorder.record(ops)

    def close(self) -> None:
        """See `TracedRecorder`."""
        quietly(self._current.leave)


def quietly(work: Callable[[], R]) -> R | None:
    """Do something for spans, for which no run is to fail; None if it has raised an error, which is logged."""
    try:
        return work()
    except Exception as error:
        LOGGER.error("a span could not be told: %s: %s", type(error).__name__, error, exc_info=error)
        return None
