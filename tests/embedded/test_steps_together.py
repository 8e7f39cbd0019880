"""Steps of one function beside each other, across apps, and what they send: as a user writes them."""

from __future__ import annotations

import asyncio
import datetime
import functools
from pathlib import Path

import pytest

import inngest
from inngest import ParallelMode
from inngest.errors import RunCancelledError

from .stage import Stage, step


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.mark.parametrize("mode", list(ParallelMode))
async def test_branches_give_their_results_in_order(stage: Stage, mode: ParallelMode) -> None:
    async def body(ctx: inngest.Context) -> object:
        async def chain() -> list[int]:
            return [await ctx.step.run("one", lambda: 1), await ctx.step.run("two", lambda: 2)]

        return await ctx.group.parallel((chain, lambda: ctx.step.run("three", lambda: 3)), mode)

    run = await stage.run(body)
    assert run.output == [[1, 2], 3]
    assert sorted(one.id for one in run.steps) == ["one", "three", "two"]


@pytest.mark.parametrize("mode", list(ParallelMode))
async def test_branches_of_a_plain_function_do_too(stage: Stage, mode: ParallelMode) -> None:
    def body(ctx: inngest.ContextSync) -> object:
        return ctx.group.parallel(
            (lambda: ctx.step.run("one", lambda: 1), lambda: ctx.step.run("two", lambda: 2)), parallel_mode=mode
        )

    assert (await stage.run(body)).output == [1, 2]


async def test_a_function_sleeps_until_a_time(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        until = datetime.datetime.now(datetime.UTC) + datetime.timedelta(milliseconds=50)
        await ctx.step.sleep_until("a moment", until)
        return "awake"

    run = await stage.run(body)
    assert run.output == "awake"
    assert step(run, "a moment").status == "completed"


@pytest.mark.parametrize("beside", [False, True], ids=["alone", "beside another"])
async def test_a_time_that_comes_while_the_sleep_is_being_recorded_is_no_end(stage: Stage, beside: bool) -> None:
    times: list[datetime.datetime] = []

    class Slow(inngest.MiddlewareSync):
        def after_execution(self) -> None:
            while datetime.datetime.now(datetime.UTC) < times[0] + datetime.timedelta(milliseconds=2):
                pass

    async def body(ctx: inngest.Context) -> str:
        times.append(datetime.datetime.now(datetime.UTC) + datetime.timedelta(milliseconds=200))
        long = asyncio.ensure_future(ctx.step.sleep("long", datetime.timedelta(days=1))) if beside else None
        await ctx.step.sleep_until("a moment", times[0])
        if long is not None:
            long.cancel()
        return "awake"

    assert (await stage.run(body, middleware=[Slow])).output == "awake"


async def test_what_a_step_sends_starts_runs_and_gives_their_ids(stage: Stage) -> None:
    heard: list[object] = []

    @stage.client.create_function(fn_id="listener", trigger=inngest.TriggerEvent(event="told"))
    async def listener(ctx: inngest.Context) -> None:
        heard.append(ctx.event.data["n"])

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.send_event("tell", [inngest.Event(name="told", data={"n": n}) for n in range(2)])

    function = stage.function(body)
    async with stage.engine(function, listener) as engine:
        ids = await engine.invoke(function)
        assert isinstance(ids, list)
        for event_id in ids:
            (run,) = await engine.runs(event_id=event_id)
            await engine.wait(run.id)
    assert sorted(map(str, heard)) == ["0", "1"]


async def test_a_function_of_another_app_is_invoked(stage: Stage) -> None:
    other = inngest.Inngest(app_id="other")

    @other.create_function(fn_id="double", trigger=inngest.TriggerEvent(event="unused"))
    def double(ctx: inngest.ContextSync) -> int:
        return 2 * int(str(ctx.event.data["number"]))

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.invoke_by_id("call", app_id="other", function_id="double", data={"number": 21})

    function = stage.function(body)
    async with stage.engine(function, double) as engine:
        assert await engine.invoke(function) == 42


async def test_any_of_several_events_cancels(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.sleep("long", datetime.timedelta(days=1))

    cancel = [inngest.Cancel(event=f"stop/{n}", timeout=datetime.timedelta(hours=1)) for n in range(5)]
    function = stage.function(body, cancel=cancel)
    async with stage.engine(function) as engine:
        for n in (0, 4):
            (event_id,) = await engine.send(inngest.Event(name="test/start"))
            (run,) = await engine.runs(event_id=event_id)
            await engine.send(inngest.Event(name=f"stop/{n}"))
            with pytest.raises(RunCancelledError):
                await engine.wait(run.id)


async def test_a_limit_of_an_account_is_one_of_an_environment(stage: Stage) -> None:
    """There is one of each; what counts is that both are taken, and hold."""
    limits = [inngest.Concurrency(limit=1, key="'all'", scope=scope) for scope in ("account", "env")]
    at_once, most = 0, 0

    async def work() -> None:
        nonlocal at_once, most
        at_once += 1
        most = max(most, at_once)
        for _ in range(100):  # turns in which another could begin
            await asyncio.sleep(0)
        at_once -= 1

    async def body(ctx: inngest.Context) -> None:
        await ctx.group.parallel(tuple(functools.partial(ctx.step.run, f"step {n}", work) for n in range(3)))

    await stage.run(body, concurrency=limits)
    assert most == 1


async def test_what_waits_beside_a_body_that_raises_is_recorded_with_the_failure(stage: Stage) -> None:
    async def fail() -> None:
        raise KeyError("total")

    async def body(ctx: inngest.Context) -> None:
        await asyncio.gather(
            ctx.step.sleep("rest", datetime.timedelta(days=1)),
            ctx.step.wait_for_event("paid", event="paid", timeout=datetime.timedelta(days=2)),
            fail(),
        )

    stage.options["retry_interval"] = 3_600  # so that nothing but the failure can have recorded them
    function = stage.function(body)
    async with stage.engine(function) as engine:
        (event_id,) = await engine.send(inngest.Event(name="test/start"))
        (run,) = await engine.runs(event_id=event_id)
        while not run.attempts:
            run = await engine.run(run.id)
        assert {one.id: one.status for one in run.steps} == {"rest": "sleeping", "paid": "waiting"}
