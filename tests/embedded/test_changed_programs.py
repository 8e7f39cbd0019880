"""The programs that the rule for changed code must get right: docs/explanation/changed-code.md numbers them alike.

Most of them are unchanged code that looks changed for a while: a rule that is too simple holds them for ever.
"""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Generator
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.errors import RunFailedError
from inngest.protocol.calls import Failed, Yielded
from tests.embedded.changing import Story
from tests.embedded.shop import Shop
from tests.embedded.stage import until_held


@pytest.fixture
def story() -> Generator[Story]:
    one = Story()
    yield one
    one.close()


def test_01_a_step_beside_a_recorded_one_begins_at_once(story: Story) -> None:
    async def body(ctx: inngest.Context) -> object:
        return await asyncio.gather(ctx.step.run("a", story.does("a")), ctx.step.run("b", story.does("b", ms=50)))

    story.live(body, records=1)
    since = story.seconds
    story.live(body)
    assert (story.did, story.result, round(story.seconds - since, 2)) == (["b"], ["a", "b"], 0.05)


def test_02_a_step_begins_when_another_chain_has_asked_for_the_last_memo(story: Story) -> None:
    async def body(ctx: inngest.Context) -> object:
        async def first() -> object:
            for name in "abe":
                await ctx.step.run(name, story.does(name, ms=10))
            return "first"

        async def second() -> object:
            await ctx.step.run("c", story.does("c", ms=15))
            return await ctx.step.run("d", story.does("d", ms=1_000))

        return await asyncio.gather(first(), second())

    story.live(body, records=4)
    assert story.steps == ["a", "c", "b", "e"]
    since = story.seconds
    story.live(body)
    assert (story.did, story.result, round(story.seconds - since, 2)) == (["d"], ["first", "d"], 1.0)


def test_03_what_follows_the_first_to_complete_begins_when_all_was_asked_for(story: Story) -> None:
    async def body(ctx: inngest.Context) -> object:
        steps = [ctx.step.run("a", story.does("a", ms=90)), ctx.step.run("b", story.does("b", ms=10))]
        steps.append(ctx.step.run("c", story.does("c", ms=2_000)))
        done = []
        for number, one in enumerate(asyncio.as_completed(steps)):
            name = await one
            done.append(name)
            done.append(await ctx.step.run(f"post-{number}", story.does(f"post-{name}")))
        return done

    story.live(body, records=3)
    assert story.steps == ["b", "post-0", "a"]
    story.live(body)
    assert story.did == ["post-a", "c", "post-c"]
    assert story.result == ["b", "post-b", "a", "post-a", "c", "post-c"]


@pytest.mark.parametrize(("before", "holds"), [(2.5, 0), (0.0, 2)])
def test_04_a_branch_may_await_something_else_before_its_recorded_step(story: Story, before: float, holds: int) -> None:
    waits = before

    async def body(ctx: inngest.Context) -> object:
        async def quick() -> None:
            await ctx.step.run("a", story.does("a"))
            await ctx.step.run("more", story.does("more", ms=9_000))

        async def slow() -> None:
            await asyncio.sleep(waits)
            await ctx.step.run("b", story.does("b"))

        await asyncio.gather(quick(), slow())
        return "both"

    story.live(body, records=2)
    assert story.steps == ["a", "b"]
    waits = 2.5
    story.live(body, holds=9)
    assert (story.result, story.state.code.holds) == ("both", holds)
    assert story.did == ["more"], "once, whatever was held"


def test_05_a_task_that_goes_on_when_the_body_returns_is_passed_over(story: Story) -> None:
    attempts = 0

    async def body(ctx: inngest.Context) -> object:
        nonlocal attempts
        attempts += 1

        async def aside() -> None:
            await ctx.step.run("s1", story.does("s1"))
            await asyncio.sleep(0.2)
            await ctx.step.run("s2", story.does("s2"))
            await asyncio.sleep(5)

        task = asyncio.create_task(aside())
        await asyncio.sleep(0.5 if attempts == 1 else 0.01)
        if attempts == 1:
            raise ValueError("once")
        return task.done()

    story.live(body)
    assert (story.result, story.state.code.unasked) == (False, ("s2",))


def test_06_a_handler_that_lets_another_branch_go_on_cannot_be_told_from_a_rename(story: Story) -> None:
    told = asyncio.Event()

    async def body(ctx: inngest.Context) -> object:
        async def tells() -> object:
            told.set()
            return await story.does("x", ms=500)()

        async def listens() -> object:
            await told.wait()
            return await ctx.step.run("m", story.does("m"))

        return await asyncio.gather(ctx.step.run("x", tells), listens())

    story.live(body, records=1)
    told.clear()
    story.live(body, holds=3)
    assert (story.did, story.why) == ([], ("called", "m", "x"))
    story.follows = True  # as Engine.release does
    story.live(body, holds=1)
    assert story.result == ["x", "m"]


def test_07_new_code_that_gives_up_its_call_is_not_recorded(story: Story) -> None:
    async def old(ctx: inngest.Context) -> None:
        await ctx.step.run("a", story.does("a"))
        await ctx.step.run("b", story.does("b"))

    async def new(ctx: inngest.Context) -> None:
        try:
            await asyncio.wait_for(ctx.step.run("check", story.does("check")), 0.5)
        except TimeoutError:
            await ctx.step.run("a", story.does("a"))

    story.live(old, records=1)
    since = story.seconds
    story.live(new)
    assert (story.did, story.steps, story.why) == ([], ["a"], ("called", "a", "check"))
    assert round(story.seconds - since, 2) == 0.5


async def _sleeps(ctx: inngest.Context) -> None:
    await ctx.step.sleep("new", 10)


async def _waits(ctx: inngest.Context) -> None:
    await ctx.step.wait_for_event("new", event="app/x", timeout=1_000)


async def _invokes(ctx: inngest.Context) -> None:
    await ctx.step.invoke_by_id("new", function_id="g", timeout=1_000)


async def _sends(ctx: inngest.Context) -> None:
    await ctx.step.send_event("new", inngest.Event(name="app/x"))


async def _signals(ctx: inngest.Context) -> None:
    await ctx.step.send_signal("new", signal="x")


async def _defers(ctx: inngest.Context) -> None:
    ctx.defer("new", function="app-g")
    await ctx.step.run("other", _nothing)


def _nothing() -> None:
    """A step."""


@pytest.mark.parametrize("new", [_sleeps, _waits, _invokes, _sends, _signals, _defers])
def test_08_nothing_of_a_new_call_is_recorded_where_a_memo_is_left(story: Story, new: Callable[..., Any]) -> None:
    async def old(ctx: inngest.Context) -> None:
        await ctx.step.run("a", story.does("a"))
        await ctx.step.run("b", story.does("b"))

    story.live(old, records=1)
    story.live(new)
    assert (story.steps, story.state.defers, story.outcomes[-1].ops) == (["a"], {}, ())
    assert story.why == ("called", "a", "other" if new is _defers else "new")


def test_09_a_failed_step_goes_on_while_a_memo_is_not_asked_for(story: Story) -> None:
    waits = 0.0

    async def body(ctx: inngest.Context) -> object:
        async def slow() -> None:
            await asyncio.sleep(waits)
            await ctx.step.run("m", story.does("m"))

        await asyncio.gather(ctx.step.run("flaky", story.does("flaky", fails=1)), slow())
        return story.clock.now()

    story.live(body, records=2)
    assert sorted(story.steps) == ["?flaky", "m"]
    waits = 3.0
    story.live(body, ms=2_500)
    assert story.did == ["flaky"]


def test_09a_a_failed_step_waits_for_the_history_while_its_run_is_on_hold(story: Story) -> None:
    tries: list[float] = []

    def flaky() -> str:
        tries.append(story.seconds)
        if len(tries) == 1:
            raise inngest.RetryAfterError("later", 10_000)
        return "done"

    def branches(name: str) -> Any:
        async def body(ctx: inngest.Context) -> object:
            async def chain() -> None:
                await ctx.step.run(name, story.does(name))
                await ctx.step.run("b", story.does("b", ms=5_000))

            return (await asyncio.gather(ctx.step.run("flaky", flaky), chain()))[0]

        return body

    story.live(branches("a"), records=2)
    assert sorted(story.steps) == ["?flaky", "a"]
    story.live(branches("a2"), holds=5)
    assert (len(tries), story.state.code.holds, len(story.outcomes)) == (1, 6, 6)
    assert story.why == ("called", "a", "a2")
    story.live(branches("a"), holds=1)  # a rollback
    assert (story.result, len(tries), story.did) == ("done", 2, ["b"])


def test_10_an_invocation_in_which_only_recorded_calls_wait_ends_waiting(story: Story) -> None:
    waits = 0.0

    async def body(ctx: inngest.Context) -> object:
        async def slow() -> None:
            await asyncio.sleep(waits)
            await ctx.step.run("m", story.does("m"))

        await asyncio.gather(ctx.step.sleep("z", 60_000), slow())
        return "both"

    story.live(body, ms=10_000)
    waits = 0.2
    story.live(body)
    assert isinstance(story.outcomes[0], Yielded)
    assert story.result == "both"


def test_11_what_a_loser_of_a_race_had_recorded_is_passed_over(story: Story) -> None:
    waits = 0.0

    async def body(ctx: inngest.Context) -> object:
        async def wins() -> str:
            await ctx.step.run("a", story.does("a", ms=10))
            return str(await ctx.step.run("b", story.does("b", ms=100)))

        async def loses() -> str:
            await ctx.step.run("c", story.does("c", ms=20))
            await asyncio.sleep(waits)
            return str(await ctx.step.run("d", _stubborn(story)))

        winner, _ = await ctx.group.race((wins, loses))
        await ctx.step.run("e", story.does("e"))
        return [winner, await ctx.step.run("f", story.does("f", ms=9_000))]

    story.live(body, records=5)
    assert story.steps == ["a", "c", "b", "d", "e"]
    waits = 9.0
    story.live(body)
    assert (story.did, story.result, story.state.code.unasked) == (["f"], [0, "f"], ("d",))


def _stubborn(story: Story) -> Callable[[], Any]:
    """A handler that finishes, whoever cancels it."""

    async def handler() -> str:
        story.did.append("d")
        for _ in range(2):
            try:
                await asyncio.sleep(0.15)
            except asyncio.CancelledError:
                break
        return "d"

    return handler


def test_12_a_time_limit_around_steps_takes_as_long_as_it_did(story: Story) -> None:
    async def body(ctx: inngest.Context) -> object:
        try:
            async with asyncio.timeout(5):
                await ctx.step.run("a", story.does("a"))
                await ctx.step.run("b", story.does("b", ms=60_000))
        except TimeoutError:
            await ctx.step.sleep("z", 1_000)
        return await ctx.step.run("end", story.does("end"))

    story.live(body, ms=5_100)
    assert story.steps[:2] == ["a", "-b"]
    story.live(body)
    assert (story.did, story.result, story.state.code.holds) == (["end"], "end", 0)


def test_13_a_branch_that_the_code_cancelled_is_given_up(story: Story) -> None:
    waits = 0.0

    async def body(ctx: inngest.Context) -> object:
        async def first() -> None:
            await ctx.step.run("a", story.does("a", ms=100))

        async def second() -> None:
            await ctx.step.run("c", story.does("c", ms=20))
            await asyncio.sleep(waits)
            await ctx.step.run("d", _stubborn(story))

        tasks = [asyncio.create_task(first()), asyncio.create_task(second())]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        for task in pending:
            task.cancel()
        await asyncio.wait(pending)
        return [len(done), await ctx.step.run("end", story.does("end", ms=9_000))]

    story.live(body, records=3)
    assert story.steps == ["c", "a", "d"]
    waits = 9.0
    story.live(body)
    assert (story.did, story.result, story.state.code.unasked) == (["end"], [1, "end"], ("d",))


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

    database = f"sqlite:///{tmp_path}/inngest.db"
    async with inngest.Engine(app("refund"), database=database) as engine:
        await engine.send(inngest.Event(name="app/start"))
        (failed,) = await engine.runs()
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
