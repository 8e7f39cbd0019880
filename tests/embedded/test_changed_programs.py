"""The programs that the rule for changed code must get right: docs/explanation/changed-code.md numbers them alike.

Most of them are unchanged code that looks changed for a while: a rule that is too simple holds them for ever.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator
from typing import Any

import pytest

import inngest
from inngest.protocol.calls import Yielded
from tests.embedded.changing import Story


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
