"""A worker is killed in the middle of a run: with another one it has told one trace, without anything twice."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter
from pathlib import Path

import inngest
from inngest.opentelemetry import Tracing
from inngest.protocol import traces
from tests import processes
from tests.embedded.stage import TRIGGER, Stage
from tests.spans import paths, writing, written


def worker(talk: processes.Talk, url: str, path: Path) -> None:
    """Runs the function, whose second step says that it has begun, and ends when it is told to."""
    provider, gone_on = writing(path), threading.Event()

    def one() -> int:
        with provider.get_tracer("bank").start_as_current_span("ask the bank"):
            return 1

    async def two() -> int:
        talk.say("begun")
        await asyncio.to_thread(talk.hear)
        gone_on.set()
        return 2

    async def body(ctx: inngest.Context) -> list[object]:
        return [await ctx.step.run("one", one), await ctx.step.run("two", two), await ctx.step.run("three", one)]

    client = inngest.Inngest(app_id="test")
    client.create_function(fn_id="f", trigger=TRIGGER)(body)
    Tracing(client, provider=provider)
    with inngest.Engine(client, database=url, lease=2_000):
        talk.say("ready")
        gone_on.wait()
        assert talk.hear() == "stop"


async def test_two_workers_tell_one_trace_though_one_is_killed(tmp_path: Path) -> None:
    url, path = Stage(tmp_path).database, tmp_path / "spans"
    with processes.started(worker, url, path) as killed:
        killed.expect("ready")
        async with inngest.Engine([], database=url) as engine:
            await engine.send(inngest.Event(name="test/start"))
            (run,) = await engine.runs()
        killed.expect("begun")
        with processes.started(worker, url, path) as other:
            other.expect("ready")
            killed.kill()
            other.expect("begun")
            other.say("go on")
            async with inngest.Engine([], database=url) as engine:
                assert await engine.wait(run.id) == [1, 2, 1]
            other.say("stop")
            assert other.join() == 0
    spans = written(path)
    assert {span.trace_id for span in spans} == {traces.of_run(run.id, None).trace}
    assert max(Counter(span.span_id for span in spans).values()) == 1
    steps = [f"test-f/{name}{rest}" for name in ("one", "three", "two") for rest in ("", f"/{name} attempt")]
    own = [f"test-f/{name}/{name} attempt/ask the bank" for name in ("one", "three")]
    assert paths(spans) == sorted(["test-f", "test-f/test-f invocation", *steps, *own])  # the killed one's is missing
