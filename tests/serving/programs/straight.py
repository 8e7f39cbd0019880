"""Programs that do one thing after the other."""

from __future__ import annotations

import asyncio
import datetime

import inngest
from tests.serving.corpus import Handler, program
from tests.serving.world import World


@program([0, 1, 2])
def sequence(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        return [await ctx.step.run(f"s{n}", world.does(f"s{n}", n)) for n in range(3)]

    return run


@program([0, 1, 2, 3])
def repeated_ids(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        return [await ctx.step.run("again", world.does(f"a{n}", n)) for n in range(4)]

    return run


@program([[1, "two"], [3]])
def arguments(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        return [await ctx.step.run("a", world.does("a"), 1, "two"), await ctx.step.run("b", world.does("b"), 3)]

    return run


@program("nothing")
def no_steps(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        await asyncio.sleep(0.05)
        return "nothing"

    return run


@program(["one", "two", "cleanup"])
def step_in_finally(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        done: list[str] = []
        try:
            done.append(await ctx.step.run("one", world.does("one", "one")))
            done.append(await ctx.step.run("two", world.does("two", "two")))
        finally:
            done.append(await ctx.step.run("cleanup", world.does("cleanup", "cleanup")))
        return done

    return run


@program(error="ValueError")
def step_in_finally_of_a_failure(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        try:
            await ctx.step.run("one", world.does("one", "one"))
            raise ValueError("no")
        finally:
            await ctx.step.run("cleanup", world.does("cleanup", "cleanup"))

    return run


@program([1, 2, 3])
def sleeps_between(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        one = await ctx.step.run("a", world.does("a", 1))
        await ctx.step.sleep("nap", 50)
        two = await ctx.step.run("b", world.does("b", 2))
        await ctx.step.sleep("none", 0)
        return [one, two, await ctx.step.run("c", world.does("c", 3))]

    return run


@program(7)
def sleeps_until_a_time_that_is_over(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        await ctx.step.sleep_until("then", datetime.datetime(2001, 1, 1, tzinfo=datetime.UTC))
        return await ctx.step.run("a", world.does("a", 7))

    return run
