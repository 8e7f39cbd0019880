"""Spans of OpenTelemetry: one trace for each run, each span once, and what is current while code of users runs."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace.sampling import TraceIdRatioBased
from opentelemetry.trace import SpanKind, StatusCode

import inngest
from inngest.opentelemetry import Tracing
from inngest.protocol import traces
from inngest.protocol.opcodes import SentEvent
from inngest.protocol.steps import hash_step_id
from tests.spans import Kept, paths, read

from .answering import Answer, answering
from .stage import TRIGGER, Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.fixture
def kept() -> Kept:
    return Kept()


def traced(stage: Stage, kept: Kept) -> Stage:
    """The stage, all of whose engines are traced."""
    Tracing(stage.client, provider=kept.provider)
    return stage


async def until(holds: Callable[[], bool]) -> None:
    """Wait until it does, which the engine's next turns bring about."""
    while True:
        if holds():
            return
        await asyncio.sleep(0.01)


async def until_waiting(engine: inngest.Engine, run_id: str) -> None:
    """Wait until a run waits at its door."""
    while True:
        if any(step.id == "door" for step in (await engine.run(run_id)).steps):
            return
        await asyncio.sleep(0.01)


class Flaky:
    """Fails twice, then opens a span of its own.

    Args:
        kept: where that goes.
    """

    def __init__(self, kept: Kept) -> None:
        self._kept = kept
        self._calls = 0

    def __call__(self) -> str:
        self._calls += 1
        trace.get_current_span().set_attribute("order", self._calls)
        with self._kept.provider.get_tracer("bank").start_as_current_span("ask the bank"):
            if self._calls < 3:
                raise inngest.RetryAfterError(f"the bank is away {self._calls}", 1)
        return "paid"


# -- the tree


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_a_run_is_a_tree_in_which_spans_of_users_have_their_place(stage: Stage, kept: Kept, kind: str) -> None:
    tracer = kept.provider.get_tracer("shop")

    def handle(name: str) -> Callable[[], str]:
        def handler() -> str:
            with tracer.start_as_current_span(f"in {name}"):
                return name

        return handler

    async def body(ctx: inngest.Context) -> None:
        with tracer.start_as_current_span("between"):
            await ctx.step.run("one", handle("one"))
        await ctx.group.parallel(
            [lambda: ctx.step.run("left", handle("left")), lambda: ctx.step.run("right", handle("right"))]
        )

    def plain(ctx: inngest.ContextSync) -> None:
        with tracer.start_as_current_span("between"):
            ctx.step.run("one", handle("one"))
        ctx.group.parallel(
            [lambda: ctx.step.run("left", handle("left")), lambda: ctx.step.run("right", handle("right"))]
        )

    run = await traced(stage, kept).run(body if kind == "async" else plain)
    assert run.status == "COMPLETED"
    steps = [f"test-f/{name}{rest}" for name in ("left", "one", "right") for rest in ("", f"/{name} attempt")]
    own = [f"test-f/{name}/{name} attempt/in {name}" for name in ("left", "one", "right")]
    assert paths(kept.spans) == sorted(
        ["test-f", "test-f/test-f invocation", "test-f/test-f invocation/between", *steps, *own]
    )
    assert {read(span).trace_id for span in kept.spans} == {traces.of_run(run.id, None).trace}


async def test_attempts_that_failed_are_told_once_with_their_errors(stage: Stage, kept: Kept) -> None:
    flaky = Flaky(kept)

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("charge", flaky)

    run = await traced(stage, kept).run(body)
    assert run.output == "paid"
    attempts = kept.named("charge attempt")
    assert [(one.attributes or {})["inngest.step.attempt"] for one in attempts] == [0, 1, 2]
    assert [(one.attributes or {})["order"] for one in attempts] == [1, 2, 3]
    assert [one.status.status_code for one in attempts] == [StatusCode.ERROR, StatusCode.ERROR, StatusCode.UNSET]
    assert attempts[1].status.description == "the bank is away 2"
    (event,) = attempts[1].events
    assert event.name == "exception"
    assert (event.attributes or {})["exception.type"] == "RetryAfterError"
    assert "the bank is away 2" in str((event.attributes or {})["exception.stacktrace"])
    hashed = hash_step_id("charge")
    assert [int(read(one).span_id, 16) for one in attempts] == [traces.span_id(run.id, hashed, n) for n in range(3)]
    step = kept.one("charge")
    assert int(read(step).span_id, 16) == traces.span_id(run.id, hashed)
    assert (step.attributes or {})["inngest.step.attempt"] == 2
    assert step.status.status_code is StatusCode.UNSET
    assert step.start_time is not None
    assert attempts[0].start_time is not None
    assert step.start_time <= attempts[0].start_time
    assert step.end_time is not None
    assert attempts[2].end_time is not None
    assert step.end_time >= attempts[2].end_time
    assert len(kept.named("ask the bank")) == 3
    invocations = {read(span).span_id for span in kept.named("test-f invocation")}
    assert {f"{link.context.span_id:016x}" for one in attempts for link in one.links} <= invocations


async def test_a_run_that_fails_says_why(stage: Stage, kept: Kept) -> None:
    def refuse() -> None:
        raise inngest.NonRetriableError("no such card")

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("charge", refuse)

    await traced(stage, kept).run(body)
    spans = [kept.one(name) for name in ("charge attempt", "charge", "test-f invocation", "test-f")]
    assert [span.status.status_code for span in spans] == [StatusCode.ERROR] * 4
    assert {span.status.description for span in spans} == {"no such card"}
    assert (spans[-1].attributes or {})["inngest.run.status"] == "FAILED"
    assert [span.kind for span in spans] == [SpanKind.INTERNAL] * 3 + [SpanKind.CONSUMER]


async def test_what_was_recorded_before_it_is_traced_is_not_told_again(stage: Stage) -> None:
    first, second = Kept(), Kept()

    async def body(ctx: inngest.Context) -> object:
        await ctx.step.run("before", lambda: None)
        door = await ctx.step.wait_for_event("door", event="door", timeout=3_600_000)
        await ctx.step.run("after", lambda: None)
        return None if door is None else door.data

    function = stage.function(body)
    async with inngest.Engine([function], database=stage.database) as engine:
        (event_id,) = await engine.send(inngest.Event(name="test/start"))
        (run,) = await engine.runs(event_id=event_id)
        await until_waiting(engine, run.id)
    for kept in (first, second):
        engine = inngest.Engine([function], database=stage.database)
        Tracing(engine, provider=kept.provider)
        async with engine:
            if kept is second:
                await engine.send(inngest.Event(name="door", data={"open": True}))
                assert await engine.wait(run.id) == {"open": True}
    assert first.spans == ()
    assert paths(second.spans) == [
        "test-f",
        "test-f/after",
        "test-f/after/after attempt",
        "test-f/door",
        "test-f/test-f invocation",
    ]
    whole = second.one("test-f")
    door = second.one("door")
    assert whole.start_time is not None
    assert door.start_time is not None
    assert whole.start_time <= door.start_time


async def test_workers_share_a_trace_and_tell_each_step_once(stage: Stage) -> None:
    kepts = [Kept(), Kept()]

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("before", lambda: None)
        await ctx.step.wait_for_event("door", event="door", timeout=3_600_000)
        await ctx.step.run("after", lambda: None)

    function = stage.function(body)
    run_id = ""
    for number, kept in enumerate(kepts):
        engine = inngest.Engine([function], database=stage.database)
        Tracing(engine, provider=kept.provider)
        async with engine:
            if number == 0:
                await engine.send(inngest.Event(name="test/start"))
                (run,) = await engine.runs()
                run_id = run.id
                await until_waiting(engine, run_id)
            else:
                await engine.send(inngest.Event(name="door"))
                await engine.wait(run_id)
    told = [read(span) for kept in kepts for span in kept.spans]
    assert len({span.trace_id for span in told}) == 1
    assert max(Counter(span.span_id for span in told).values()) == 1
    assert Counter(span.name for span in told) == {
        "test-f": 1,
        "test-f invocation": 2,
        **dict.fromkeys(("before", "before attempt", "door", "after", "after attempt"), 1),
    }
    assert not any(path.startswith("?") for path in paths(told))


async def test_a_run_that_is_cancelled_is_told_by_the_worker_that_cancels_it(stage: Stage) -> None:
    kepts = [Kept(), Kept()]
    begun = asyncio.Event()

    async def hold() -> None:
        begun.set()
        await asyncio.Event().wait()

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("hold", hold)

    owner = inngest.Engine([stage.function(body)], database=stage.database)
    other = inngest.Engine([], database=stage.database)
    for engine, kept in zip((owner, other), kepts, strict=True):
        Tracing(engine, provider=kept.provider)
    async with owner, other:
        await owner.send(inngest.Event(name="test/start"))
        await begun.wait()
        (run,) = await owner.runs()
        assert await other.cancel(run.id)
        await until(lambda: bool(kepts[1].named("test-f") and kepts[0].named("test-f invocation")))
    assert paths(kepts[1].spans) == ["test-f"]
    assert (kepts[1].one("test-f").attributes or {})["inngest.run.status"] == "CANCELLED"
    assert [span.name for span in kepts[0].spans] == ["test-f invocation"]  # what it did is not recorded


# -- where a trace comes from, and goes


async def test_an_event_that_is_sent_in_a_span_brings_its_runs_into_that_trace(stage: Stage, kept: Kept) -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("one", lambda: None)

    function = traced(stage, kept).function(body)
    tracer = kept.provider.get_tracer("web")
    async with stage.engine(function) as engine:
        with tracer.start_as_current_span("POST /orders"):
            (one,) = await stage.client.send(inngest.Event(name="test/start"))
        with tracer.start_as_current_span("POST /sync"):
            (two,) = await asyncio.to_thread(stage.client.send_sync, inngest.Event(name="test/start"))
        with tracer.start_as_current_span("POST /invoke"):
            await engine.invoke(function)
        (three,) = await stage.client.send(inngest.Event(name="test/start"))
        for event_id in (one, two, three):
            (run,) = await engine.runs(event_id=event_id)
            await engine.wait(run.id)
    rest = ["", "/one", "/one/one attempt", "/test-f invocation"]
    tops = ["POST /invoke/test-f", "POST /orders/test-f", "POST /sync/test-f", "test-f"]
    assert paths(kept.spans) == sorted(
        ["POST /invoke", "POST /orders", "POST /sync", *(f"{top}{more}" for top in tops for more in rest)]
    )
    assert len({read(span).trace_id for span in kept.spans}) == 4


async def test_what_a_run_causes_is_a_part_of_its_trace(stage: Stage, kept: Kept) -> None:
    create = traced(stage, kept).client.create_function

    @create(fn_id="child", trigger=inngest.TriggerEvent(event="never"))
    async def child(ctx: inngest.Context) -> None: ...

    @create(fn_id="later", trigger=inngest.TriggerEvent(event="never"))
    async def later(ctx: inngest.Context) -> None: ...

    @create(fn_id="told", trigger=inngest.TriggerEvent(event="told"))
    async def told(ctx: inngest.Context) -> None: ...

    @create(fn_id="end", trigger=inngest.TriggerEvent(event="inngest/function.finished", expression=IF_PARENT))
    async def end(ctx: inngest.Context) -> None: ...

    with answering(Answer({"ok": True})) as server:

        @create(fn_id="parent", trigger=TRIGGER)
        async def parent(ctx: inngest.Context) -> None:
            ctx.defer("later", function=later)
            await ctx.step.invoke("call", function=child)
            await ctx.step.send_event("tell", inngest.Event(name="told"))
            await ctx.step.fetch("get", server.url)
            await ctx.step.fetch("own", server.url, headers={"Traceparent": "mine"})

        async with stage.engine(parent, child, later, told, end) as engine:
            await engine.invoke(parent)
            names = ["test-child", "test-later", "test-told", "test-end"]
            await until(lambda: len([span for name in names for span in kept.named(name)]) == len(names))
    found = paths(kept.spans)
    for path in (
        "test-parent/call/test-child",
        "test-parent/tell/test-told",
        "test-parent/tell/tell attempt",
        "test-parent/test-later",
        "test-parent/test-end",
    ):
        assert path in found
    assert len({read(span).trace_id for span in kept.spans}) == 1
    first, second = (request.headers["traceparent"] for request in server.requests)
    get = read(kept.one("get"))
    assert (first, second) == (f"00-{get.trace_id}-{get.span_id}-01", "mine")
    assert (kept.one("call").kind, kept.one("get").kind) == (SpanKind.PRODUCER, SpanKind.CLIENT)


IF_PARENT = 'event.data.function_id == "test-parent"'


async def test_a_trace_that_an_event_tells_goes_on_where_nobody_traces(stage: Stage, kept: Kept) -> None:
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    with answering(Answer({"ok": True})) as server:

        async def body(ctx: inngest.Context) -> object:
            await ctx.step.fetch("get", server.url)
            return ctx.event.model_dump()

        function = stage.function(body)
        sent = inngest.Event(name="test/start", data={"n": 1})
        extra = traces.with_parent(None, parent)
        with mock.patch("inngest.embedded.engine.to_sent", return_value=[_sent(extra)]):
            async with stage.engine(function) as engine:
                (event_id,) = await engine.send(sent)
                (run,) = await engine.runs(event_id=event_id)
                seen = await engine.wait(run.id)
    (request,) = server.requests
    place = traces.read(request.headers["traceparent"])
    assert place is not None
    assert place.trace == "4bf92f3577b34da6a3ce929d0e0e4736"
    assert place.span_id == traces.span_id(run.id, hash_step_id("get"))
    assert "traceparent" not in str(seen)  # functions do not see it


def _sent(extra: str | None) -> SentEvent:
    return SentEvent("test/start", '{"n":1}', "", 0, extra=extra)


async def test_the_sampler_decides_for_the_whole_trace(stage: Stage) -> None:
    nothing = Kept(TraceIdRatioBased(0))
    with answering(Answer({"ok": True})) as server:

        async def body(ctx: inngest.Context) -> None:
            await ctx.step.run("one", lambda: None)
            await ctx.step.fetch("get", server.url)

        run = await traced(stage, nothing).run(body)
    assert run.status == "COMPLETED"
    assert nothing.spans == ()
    assert server.requests[0].headers["traceparent"].endswith("-00")
