"""The programs of docs/explanation/changed-code.md from number 14 on: their code was changed under the run."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.errors import RunFailedError
from inngest.protocol.calls import Failed
from tests.embedded import databases
from tests.embedded.changing import Story
from tests.embedded.shop import Shop
from tests.embedded.stage import until_held


@pytest.fixture
def story() -> Generator[Story]:
    one = Story()
    yield one
    one.close()


def test_14_swapped_steps_are_put_on_hold(story: Story) -> None:
    async def old(ctx: inngest.Context) -> None:
        await ctx.step.run("a", story.does("a"))
        await ctx.step.sleep("z", 700)
        await ctx.step.run("b", story.does("b", ms=9_000))

    async def new(ctx: inngest.Context) -> None:
        await ctx.step.sleep("z", 700)
        await ctx.step.run("a", story.does("a"))
        await ctx.step.run("b", story.does("b"))

    story.live(old, ms=1_000)
    story.live(new)
    assert (story.did, story.why) == ([], ("called", "a", "z"))


def test_15_a_loop_that_is_longer_in_the_middle_is_put_on_hold(story: Story) -> None:
    def items(count: int) -> Any:
        async def body(ctx: inngest.Context) -> None:
            for number in range(count):
                await ctx.step.run("item", story.does(f"item {number}"))
            await ctx.step.sleep("z", 700)
            await ctx.step.run("end", story.does("end", ms=9_000))

        return body

    story.live(items(3), ms=1_000)
    story.live(items(4))
    assert (story.did, story.why) == ([], ("called", "z", "item:3"))


def test_16_a_loop_that_is_longer_at_the_end_goes_on(story: Story) -> None:
    def items(count: int) -> Any:
        async def body(ctx: inngest.Context) -> object:
            return [await ctx.step.run("item", story.does(f"item {number}", ms=10)) for number in range(count)]

        return body

    story.live(items(3), records=2)
    story.live(items(4))
    assert (story.did, story.ended is not None) == (["item 2", "item 3"], True)


def test_17_new_code_does_not_pass_an_open_wait_that_it_dropped(story: Story) -> None:
    async def old(ctx: inngest.Context) -> None:
        await ctx.step.run("order", story.does("order"))
        await ctx.step.wait_for_event("approval", event="app/approved", timeout=60_000)
        await ctx.step.run("ship", story.does("ship"))

    async def new(ctx: inngest.Context) -> None:
        await ctx.step.run("order", story.does("order"))
        await ctx.step.run("ship", story.does("ship"))

    story.live(old, ms=1_000)
    assert story.steps == ["order", "?approval"]
    story.live(new)
    assert (story.did, story.why) == ([], ("called", "approval", "ship"))


def test_18_a_changed_kind_raises_nothing_into_the_code(story: Story) -> None:
    caught: list[Exception] = []

    async def old(ctx: inngest.Context) -> None:
        await ctx.step.run("a", story.does("a"))
        await ctx.step.run("b", story.does("b"))

    async def new(ctx: inngest.Context) -> None:
        try:
            await ctx.step.sleep("a", 700)
        except Exception as error:
            caught.append(error)
            await ctx.step.run("b", story.does("b"))

    story.live(old, records=1)
    since = story.seconds
    story.live(new)
    assert (caught, story.did, story.why, story.seconds) == ([], [], ("kind", "a", "a"), since)


def test_18a_a_handler_that_runs_is_recorded_first(story: Story) -> None:
    def beside(*, sleeps: bool) -> Any:
        async def body(ctx: inngest.Context) -> None:
            async def other() -> None:
                if sleeps:
                    await ctx.step.sleep("a", 700)
                else:
                    await ctx.step.run("a", story.does("a"))

            await asyncio.gather(ctx.step.run("flaky", story.does("flaky", ms=500, fails=1)), other())

        return body

    story.live(beside(sleeps=False), ms=1_000)
    assert story.steps == ["a", "?flaky"]
    story.loop.now_us += 5_000_000
    story.live(beside(sleeps=True))
    assert (story.did, story.why, story.steps) == (["flaky"], ("kind", "a", "a"), ["a", "flaky"])


def test_18b_a_defer_where_a_step_was_is_a_changed_kind(story: Story) -> None:
    async def old(ctx: inngest.Context) -> None:
        await ctx.step.run("a", story.does("a"))
        await ctx.step.run("b", story.does("b"))

    async def new(ctx: inngest.Context) -> None:
        try:
            ctx.defer("a", function="app-g")
        except Exception:
            await ctx.step.run("b", story.does("b"))

    story.live(old, records=1)
    story.live(new)
    assert (story.did, story.why) == ([], ("kind", "a", "a"))


def test_19_a_body_that_raises_while_memos_are_left_is_a_failed_attempt(story: Story) -> None:
    async def old(ctx: inngest.Context) -> None:
        await ctx.step.run("a", story.does("a"))
        await ctx.step.run("b", story.does("b"))

    async def new(_: inngest.Context) -> None:
        raise ValueError("a bug")

    story.live(old, records=1)
    story.live(new)
    assert all(isinstance(outcome, Failed) for outcome in story.outcomes)
    assert (len(story.outcomes), story.hold) == (5, None)


def test_20_a_plain_function_is_decided_at_once(story: Story) -> None:
    def old(ctx: inngest.ContextSync) -> None:
        ctx.step.run("a", story.does_plain("a"))
        ctx.step.run("b", story.does_plain("b"))

    def new(ctx: inngest.ContextSync) -> None:
        ctx.step.run("check", story.does_plain("check"))
        ctx.step.run("a", story.does_plain("a"))

    story.live(old, records=1)
    since = story.seconds
    story.live(new)
    assert (story.did, story.why, story.seconds) == ([], ("called", "a", "check"), since)


def test_20b_a_plain_function_that_returns_early_is_decided_at_once(story: Story) -> None:
    def old(ctx: inngest.ContextSync) -> None:
        ctx.step.run("a", story.does_plain("a"))
        ctx.step.run("b", story.does_plain("b"))

    def new(_: inngest.ContextSync) -> str:
        return "nothing to do"

    story.live(old, records=1)
    since = story.seconds
    story.live(new)
    assert (story.why, story.ended, story.seconds) == (("returned", "a", ""), None, since)


class Telling(inngest.MiddlewareSync):
    """Notes its hooks."""

    heard: list[str] = []  # noqa: RUF012 - the test empties it

    def before_execution(self) -> None:
        self.heard.append("before_execution")

    def after_execution(self) -> None:
        self.heard.append("after_execution")

    def transform_output(self, result: object) -> None:
        self.heard.append("transform_output")


def test_21_no_hook_and_no_log_goes_live_for_a_new_call(caplog: pytest.LogCaptureFixture) -> None:
    story = Story(middleware=[Telling])

    async def old(ctx: inngest.Context) -> None:
        await ctx.step.run("a", story.does("a"))
        await ctx.step.run("b", story.does("b"))

    async def new(ctx: inngest.Context) -> None:
        ctx.logger.warning("before the new step")
        await ctx.step.run("check", story.does("check"))

    story.live(old, records=1)
    Telling.heard.clear()
    story.live(new, holds=3)
    assert (Telling.heard, caplog.messages, story.why, story.did) == ([], [], ("called", "a", "check"), [])
    story.close()


async def test_22_the_handler_of_a_failure_is_a_run_under_the_same_rule(tmp_path: Path) -> None:
    did: list[str] = []

    def app(step: str) -> inngest.Inngest:
        client = inngest.Inngest(app_id="app")

        async def tidy(ctx: inngest.Context) -> str:
            await ctx.step.run(step, lambda: did.append(step))
            await ctx.step.wait_for_event("go", event="app/go", timeout=3_600_000)
            return str(await ctx.step.run("close", lambda: "closed"))

        @client.create_function(
            fn_id="order", retries=0, trigger=inngest.TriggerEvent(event="app/start"), on_failure=tidy
        )
        async def order(_: inngest.Context) -> None:
            raise ValueError("no stock")

        return client

    database = databases.url_in(tmp_path)
    async with inngest.Engine(app("refund"), database=database) as engine:
        (event_id,) = await engine.send(inngest.Event(name="app/start"))
        (failed,) = await engine.runs(event_id=event_id)
        with pytest.raises(RunFailedError):
            await engine.wait(failed.id)
        (tidying,) = [run for run in await engine.runs() if run.id != failed.id]
        while not (await engine.run(tidying.id)).steps[1:]:  # noqa: ASYNC110 - the engine tells nobody
            await asyncio.sleep(0.01)
    async with inngest.Engine(app("pay back"), database=database) as engine:
        await engine.send(inngest.Event(name="app/go"))
        run = await until_held(engine, tidying.id)
        assert run.hold is not None
        assert (run.hold.step, run.hold.call, run.hold.times, did) == ("refund", "pay back", 1, ["refund"])
    async with inngest.Engine(app("refund"), database=database) as engine:
        assert (await engine.wait(tidying.id), did) == ("closed", ["refund"])


async def test_23_runs_on_hold_block_nobody_in_their_line(tmp_path: Path) -> None:
    shop, limit = Shop(tmp_path), {"concurrency": [inngest.Concurrency(limit=1)]}
    run_id = await shop.begun(**limit)
    async with shop.engine("charge card", "ship", **limit) as (engine, order):
        await until_held(engine, run_id)
        while (hold := (await engine.run(run_id)).hold) is not None and hold.times < 2:
            assert await engine.invoke(order) == ["charge card", "ship"]
        assert hold is not None


def test_24_a_run_that_a_bad_deploy_puts_on_hold_is_entered_at_last_every_ten_minutes(story: Story) -> None:
    entered: list[float] = []

    def body(name: str) -> Any:
        def steps(ctx: inngest.ContextSync) -> None:
            entered.append(story.seconds)
            ctx.step.run(name, story.does_plain(name))
            ctx.step.run("b", story.does_plain("b"))

        return steps

    story.live(body("a"), records=1)
    entered.clear()
    story.live(body("a2"), holds=13)
    pauses = [round(after - before) for before, after in itertools.pairwise(entered)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600, 600]
    assert (story.why, story.state.code.holds, story.did) == (("called", "a", "a2"), 14, [])
