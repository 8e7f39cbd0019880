"""Cancel scopes of anyio around steps: they know their own cancellation, the first time and in every replay."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import anyio
import pytest

import inngest

from .stage import Stage, step

Body = Callable[[inngest.Context], Awaitable[object]]
FOREVER = 3_600_000


async def never() -> None:
    await asyncio.Event().wait()


async def move_on(ctx: inngest.Context) -> object:
    with anyio.move_on_after(0.01) as scope:
        await ctx.step.run("slow", never)
    return scope.cancelled_caught


async def fail(ctx: inngest.Context) -> object:
    try:
        with anyio.fail_after(0.01):
            await ctx.step.run("slow", never)
    except TimeoutError:
        return True
    return False


async def cancelled_from_outside(ctx: inngest.Context) -> object:
    with anyio.CancelScope() as scope:
        asyncio.get_running_loop().call_later(0.01, scope.cancel)
        await ctx.group.parallel((lambda: ctx.step.run("slow", never), lambda: ctx.step.run("other", never)))
    return scope.cancelled_caught


async def around_a_wait(ctx: inngest.Context) -> object:
    async def beside() -> object:
        return await ctx.step.run("beside", asyncio.sleep, 0.05, True)

    task = asyncio.create_task(beside())
    with anyio.move_on_after(0.01) as scope:
        await ctx.step.wait_for_event("slow", event="never", timeout=FOREVER)
    return scope.cancelled_caught and await task


async def group_of_steps(ctx: inngest.Context) -> object:
    async def fails() -> None:
        raise inngest.NonRetriableError("no stock")

    async def child() -> None:
        await ctx.step.run("fails", fails)

    caught = False
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(child)
            await ctx.step.run("slow", never)
    except* inngest.StepError as raised:
        caught = len(raised.exceptions) == 1
    return caught


async def nested(ctx: inngest.Context) -> object:
    reached: list[str] = []
    with anyio.move_on_after(0.01) as outer:
        with anyio.move_on_after(FOREVER):
            await ctx.step.run("slow", never)
        reached.append("after the inner scope")
    return outer.cancelled_caught and not reached


async def around_a_race(ctx: inngest.Context) -> object:
    with anyio.move_on_after(0.01) as scope:
        await ctx.group.race((lambda: ctx.step.run("slow", never), lambda: ctx.step.run("other", never)))
    return scope.cancelled_caught


BODIES: list[Body] = [move_on, fail, cancelled_from_outside, around_a_wait, group_of_steps, nested, around_a_race]


@pytest.mark.parametrize("scope", BODIES, ids=lambda body: body.__name__)
async def test_the_scope_catches_its_own_cancellation(tmp_path: Path, scope: Body) -> None:
    found: list[object] = []

    async def body(ctx: inngest.Context) -> object:
        found.append(await scope(ctx))
        after = await ctx.step.run("after", lambda: "after")
        await ctx.step.sleep("replay", 1)
        return after

    run = await Stage(tmp_path).run(body, retries=0)
    assert (run.status, run.output) == ("COMPLETED", "after")
    assert found == [True, True]
    assert step(run, "slow").status == "cancelled"


async def test_a_call_that_is_cancelled_raises_what_it_was_cancelled_with(tmp_path: Path) -> None:
    seen: list[object] = []

    async def body(ctx: inngest.Context) -> None:
        task = asyncio.create_task(ctx.step.run("slow", never))
        await asyncio.sleep(0.01)
        task.cancel("because")
        try:
            await task
        except asyncio.CancelledError as error:
            seen.append(error.args)
        await ctx.step.sleep("replay", 1)

    await Stage(tmp_path).run(body, retries=0)
    assert seen == [("because",)] * 2


async def test_branches_do_not_outlive_a_group_that_is_cancelled_again_and_again(tmp_path: Path) -> None:
    ended: list[str] = []

    async def body(ctx: inngest.Context) -> list[str]:
        async def branch() -> None:
            try:
                await ctx.step.run("slow", never)
            finally:
                for _ in range(20):
                    await asyncio.sleep(0)
                ended.append("branch")

        with anyio.move_on_after(0.01):
            await ctx.group.parallel((branch,))
        return list(ended)

    assert (await Stage(tmp_path).run(body, retries=0)).output == ["branch"]
