"""An engine that stops while a step runs: the step is recorded, the run rests, and nothing is left behind."""

from __future__ import annotations

import asyncio
import threading
import time
from pathlib import Path

import pytest

import inngest
from inngest.embedded.engine import host_of
from tests.embedded import databases


class Gate:
    """Lets a step say that it runs, and wait."""

    def __init__(self) -> None:
        self.began = threading.Event()
        self.opened = threading.Event()

    def pass_sync(self) -> str:
        self.began.set()
        self.opened.wait()
        return "passed"

    async def pass_async(self) -> str:
        return await asyncio.to_thread(self.pass_sync)


def gated(client: inngest.Inngest, gate: Gate, kind: str) -> inngest.Function[list[str]]:
    trigger = inngest.TriggerEvent(event="t/go")
    if kind == "plain":

        @client.create_function(fn_id="gated", trigger=trigger)
        def plain(ctx: inngest.ContextSync) -> list[str]:
            first = ctx.step.run("gate", gate.pass_sync)
            return [first, ctx.step.run("after", lambda: "after")]

        return plain

    @client.create_function(fn_id="gated", trigger=trigger)
    async def fn(ctx: inngest.Context) -> list[str]:
        first = await ctx.step.run("gate", gate.pass_async)
        return [first, await ctx.step.run("after", lambda: "after")]

    return fn


@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_a_step_that_runs_while_the_engine_stops_is_recorded_and_the_run_rests(tmp_path: Path, kind: str) -> None:
    gate = Gate()
    fn = gated(inngest.Inngest(app_id="shop"), gate, kind)
    database = databases.url_in(tmp_path)
    before = asyncio.all_tasks()
    engine = inngest.Engine([fn], database=database, drain_timeout=60_000)
    await engine.start()
    (event_id,) = await engine.send(inngest.Event(name="t/go"))
    await asyncio.to_thread(gate.began.wait)
    draining = asyncio.ensure_future(host_of(engine).drain())
    await asyncio.sleep(0)  # it has begun
    gate.opened.set()
    await draining
    (run,) = await engine.runs(event_id=event_id)
    assert [(step.id, step.status) for step in (await engine.run(run.id)).steps] == [("gate", "completed")]
    await engine.stop()
    assert asyncio.all_tasks() == before
    async with inngest.Engine([fn], database=database) as other:
        assert await other.wait(run.id) == ["passed", "after"]


@pytest.mark.parametrize("drain_timeout", [0, 50])
async def test_stopping_ends_within_its_time_though_a_plain_step_goes_on(tmp_path: Path, drain_timeout: int) -> None:
    gate = Gate()
    fn = gated(inngest.Inngest(app_id="shop"), gate, "plain")
    database = databases.url_in(tmp_path)
    async with inngest.Engine([fn], database=database, drain_timeout=drain_timeout) as engine:
        (event_id,) = await engine.send(inngest.Event(name="t/go"))
        await asyncio.to_thread(gate.began.wait)
        (run,) = await engine.runs(event_id=event_id)
        asked_at = time.monotonic()
    assert time.monotonic() - asked_at < 5
    gate.opened.set()
    async with inngest.Engine([fn], database=database) as other:
        assert await other.wait(run.id) == ["passed", "after"]
