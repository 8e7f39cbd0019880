"""Programs that give up some of their steps."""

from __future__ import annotations

import asyncio

import inngest
from tests.serving.corpus import Handler, program
from tests.serving.world import World


@program([1, "fast", "next"], paced=True)
def race_of_steps(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        branches = (
            lambda: ctx.step.run("slow", world.does("slow", "slow", 400)),
            lambda: ctx.step.run("fast", world.does("fast", "fast", 10)),
        )
        index, value = await ctx.group.race(branches)
        return [index, value, await ctx.step.run("next", world.does("next", "next"))]

    return run


@program([0, "work", "next"], races=True)
def race_against_a_sleep(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        async def times_out() -> object:
            await ctx.step.sleep("deadline", 60_000)
            return "late"

        async def works() -> object:
            return await ctx.step.run("work", world.does("work", "work", 20))

        index, value = await ctx.group.race((works, times_out))
        return [index, value, await ctx.step.run("next", world.does("next", "next"))]

    return run


@program([1, "late", "undone", "next"], races=True)
def race_that_cleans_up(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        undone: list[object] = []

        async def waits() -> object:
            try:
                return await ctx.step.wait_for_event("approval", event="test/approved", timeout=3_600_000)
            finally:
                undone.append(await ctx.step.run("undo", world.does("undo", "undone")))

        async def times_out() -> object:
            await ctx.step.sleep("deadline", 40)
            return "late"

        index, value = await ctx.group.race((waits, times_out))
        return [index, value, *undone, await ctx.step.run("next", world.does("next", "next"))]

    return run


@program(["gave up", "next"])
def a_timeout_around_a_step(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        try:
            async with asyncio.timeout(0.05):
                found = await ctx.step.run("slow", world.does("slow", "slow", 1_000))
        except TimeoutError:
            found = "gave up"
        return [found, await ctx.step.run("next", world.does("next", "next"))]

    return run


@program(["cancelled", "work", "next"], races=True)
def a_task_that_is_cancelled(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        async def sleeps() -> str:
            try:
                await ctx.step.sleep("nap", 100_000)
            except asyncio.CancelledError:
                return "cancelled"
            return "slept"

        task = asyncio.create_task(sleeps())
        work = await ctx.step.run("work", world.does("work", "work", 30))
        task.cancel()
        return [await task, work, await ctx.step.run("next", world.does("next", "next"))]

    return run
