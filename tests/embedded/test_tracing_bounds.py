"""Spans decide nothing about runs, cost nothing where nobody asks for them, and have documented names."""

from __future__ import annotations

import re
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider

import inngest
from inngest.embedded.engine import host_of
from inngest.experimental.ai import openai
from inngest.opentelemetry import Tracing
from inngest.protocol import traces
from inngest.protocol.steps import hash_step_id
from tests.house.tree import ROOT
from tests.spans import Kept, read

from . import answering as providers
from .answering import answering
from .stage import TRIGGER, Stage

PAGE = (ROOT / "docs" / "reference" / "tracing.md").read_text(encoding="utf-8")


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


class Broken(SpanProcessor):
    """Raises whatever it is told."""

    def on_start(self, span: object, parent_context: object = None) -> None:
        """Not this time."""
        raise RuntimeError("no")

    def on_end(self, span: ReadableSpan) -> None:
        """Nor this one."""
        raise RuntimeError("no")


async def test_what_a_processor_raises_decides_nothing_about_a_run(
    stage: Stage, kept: Kept, caplog: pytest.LogCaptureFixture
) -> None:
    kept.provider.add_span_processor(Broken())

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("one", lambda: 1)

    run = await traced(stage, kept).run(body)
    assert (run.status, run.output) == ("COMPLETED", 1)
    assert "a span could not be told: RuntimeError: no" in caplog.text


async def test_handlers_that_run_at_the_same_time_have_spans_of_their_own(stage: Stage, kept: Kept) -> None:
    both = threading.Barrier(2, timeout=60)
    seen: dict[str, int] = {}

    def handle(name: str) -> None:
        both.wait()
        seen[name] = trace.get_current_span().get_span_context().span_id
        both.wait()

    def plain(ctx: inngest.ContextSync) -> None:
        ctx.group.parallel([lambda: ctx.step.run("a", handle, "a"), lambda: ctx.step.run("b", handle, "b")])

    run = await traced(stage, kept).run(plain)
    assert seen == {name: traces.span_id(run.id, hash_step_id(name), 0) for name in ("a", "b")}


async def test_nothing_is_current_after_a_handler(stage: Stage, kept: Kept) -> None:
    seen: list[str] = []

    def note() -> None:
        seen.append(f"{trace.get_current_span().get_span_context().span_id:016x}")

    async def body(ctx: inngest.Context) -> None:
        note()
        await ctx.step.run("one", lambda: None)
        note()

    await traced(stage, kept).run(body)
    assert seen == [read(kept.one("test-f invocation")).span_id] * 2
    assert not trace.get_current_span().get_span_context().is_valid


async def test_tracing_that_is_closed_tells_no_more(stage: Stage, kept: Kept) -> None:
    async def body(ctx: inngest.Context) -> None: ...

    tracing = Tracing(stage.client, provider=kept.provider)
    function = stage.function(body)
    async with stage.engine(function) as engine:
        await engine.invoke(function)
        told = len(kept.spans)
        tracing.close()
        await engine.invoke(function)
    async with stage.engine(function) as engine:
        await engine.invoke(function)
    assert (told, len(kept.spans)) == (2, 2)


def test_a_provider_whose_spans_cannot_be_given_ids_is_refused() -> None:
    engine = inngest.Engine([])
    with pytest.raises(TypeError, match=r"expected a TracerProvider of opentelemetry-sdk.* got test_tracing.Other"):
        Tracing(engine, provider=Other())
    with pytest.raises(TypeError, match=re.escape("none is set for this process yet: call opentelemetry.trace.set_")):
        Tracing(engine)
    with pytest.raises(TypeError, match=r"of: expected an inngest.Engine or an inngest.Inngest, got 'shop'"):
        Tracing("shop")  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


class Other(trace.TracerProvider):
    """A provider that is not the SDK's."""

    def get_tracer(self, *args: Any, **kwargs: Any) -> Any:
        """A tracer without a generator of ids."""
        return object()


Other.__module__ = "test_tracing"


async def test_an_sdk_that_is_switched_off_costs_nothing(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OTEL_SDK_DISABLED", "true")
    engine = inngest.Engine([], database=stage.database)
    Tracing(engine, provider=TracerProvider())
    assert not host_of(engine).is_traced


BARE = """
import asyncio, sys
if {hidden}:
    sys.modules["opentelemetry"] = None
import inngest, inngest.logs
client = inngest.Inngest(app_id="shop")
@client.create_function(fn_id="pay", trigger=inngest.TriggerEvent(event="pay"))
async def pay(ctx):
    return await ctx.step.run("one", lambda: 1)
async def main():
    async with inngest.Engine(client, database={database!r}) as engine:
        assert await engine.invoke(pay) == 1
asyncio.run(main())
print([name for name, module in sys.modules.items() if name.startswith("opentelemetry") and module is not None])
try:
    import inngest.opentelemetry
except ImportError as error:
    print(error)
"""


@pytest.mark.parametrize("hidden", [False, True])
def test_without_tracing_nothing_of_it_is_imported(tmp_path: Path, *, hidden: bool) -> None:
    code = BARE.format(hidden=hidden, database=f"sqlite:///{tmp_path}/inngest.db")
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    said = ["[]", "inngest.opentelemetry needs opentelemetry-api: pip install 'pyngest[otel]'"]
    assert ran.stdout.splitlines() == said[: 2 if hidden else 1]


# -- names


async def test_every_attribute_is_documented_and_every_documented_one_is_told(stage: Stage, kept: Kept) -> None:
    create = traced(stage, kept).client.create_function
    with answering(providers.openai("hello")) as server:
        adapter = openai.Adapter(auth_key="k", model="gpt-4o", base_url=f"{server.url}/v1")

        @create(fn_id="ask", trigger=TRIGGER)
        async def ask(ctx: inngest.Context) -> None:
            await ctx.step.ai.infer("ask", adapter=adapter, body={"messages": []})
            await ctx.step.sleep("nap", 1)
            await ctx.step.run("one", lambda: 1)

        @create(fn_id="fail", trigger=TRIGGER, retries=0)
        async def fail(ctx: inngest.Context) -> None:
            raise ValueError("no")

        async with stage.engine(ask, fail) as engine:
            await engine.invoke(ask)
            with pytest.raises(inngest.errors.RunFailedError):
                await engine.invoke(fail)
    told: set[str] = set()
    for span in kept.spans:
        told |= {*(span.attributes or {}), *(name for event in span.events for name in event.attributes or {})}
    rows = re.findall(r"^\| `([a-z_.]+\.[a-z_.]+)` \|", PAGE, re.MULTILINE)
    assert told == {*rows, "exception.type", "exception.message", "exception.stacktrace"}
    assert all(f"`{name}`" in PAGE for name in told)
    usage = {name: value for name, value in (kept.one("ask").attributes or {}).items() if name.startswith("gen_ai")}
    assert usage == {
        "gen_ai.response.model": "gpt-4o-2024-08-06",
        "gen_ai.usage.input_tokens": 12,
        "gen_ai.usage.output_tokens": 34,
    }
