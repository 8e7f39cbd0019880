"""Programs whose steps, or bodies, fail."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import inngest
from tests.serving.corpus import Handler, program
from tests.serving.world import World


@program(["ok", "after"], retries=2)
def retried_alone(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        value = await ctx.step.run("flaky", world.does("flaky", "ok", 10, fails=2))
        return [value, await ctx.step.run("after", world.does("after", "after"))]

    return run


@program([["ok", "slow"], "after"], retries=2)
def retried_beside_others(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        values = await asyncio.gather(
            ctx.step.run("flaky", world.does("flaky", "ok", 10, fails=2)),
            ctx.step.run("slow", world.does("slow", "slow", 1_500)),
        )
        return [values, await ctx.step.run("after", world.does("after", "after"))]

    return run


@program(["caught ValueError: bad is not ready", "after"], retries=1)
def caught_after_the_last_attempt(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        try:
            value: object = await ctx.step.run("bad", world.does("bad", "", fails=5))
        except inngest.StepError as error:
            value = f"caught {error.name}: {error.message}"
        return [value, await ctx.step.run("after", world.does("after", "after"))]

    return run


@program(error="ValueError", retries=1)
def not_caught(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        await asyncio.gather(
            ctx.step.run("bad", world.does("bad", "", fails=5)), ctx.step.run("good", world.does("good", 1, 400))
        )
        return "never"

    return run


@program("final", retries=3)
def not_retriable(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        fails = world.does("bad", "", fails=1, error=lambda: inngest.NonRetriableError("never"))
        try:
            return await ctx.step.run("bad", fails)
        except inngest.NonRetriableError:
            return "final"

    return run


@program("ok", retries=1)
def retried_after_a_time(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        fails = world.does("later", "ok", fails=1, error=lambda: inngest.RetryAfterError("later", 5_000))
        return await ctx.step.run("later", fails)

    return run


@program("ok", retries=0)
def retries_of_a_step(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        return await ctx.step.options(retries=3, backoff=100).run("flaky", world.does("flaky", "ok", fails=3))

    return run


@program("no more", retries=5)
def fewer_retries_of_a_step(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        try:
            return await ctx.step.options(retries=1).run("flaky", world.does("flaky", "ok", fails=3))
        except inngest.StepError:
            return "no more"

    return run


@program("in time", retries=1)
def a_step_with_a_timeout(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        async def handler() -> str:
            world.begun["handler"] += 1
            await asyncio.sleep(5 if world.begun["handler"] == 1 else 0.01)
            return "in time"

        return await ctx.step.options(timeout=100).run("handler", handler)

    return run


@program(["a", 1, "b"], retries=1)
def a_body_that_fails_once(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        first = await ctx.step.run("a", world.does("a", "a"))
        attempt = ctx.attempt
        if attempt == 0:
            raise ValueError("once")
        return [first, attempt, await ctx.step.run("b", world.does("b", "b"))]

    return run


@program(error="ValueError", retries=1)
def a_body_that_fails(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        await ctx.step.run("a", world.does("a", "a"))
        raise ValueError("always")

    return run


@program([0, [1, 0], 1], retries=2)
def attempts(world: World) -> Handler:
    """`ctx.attempt` inside handlers, of a step alone and of steps beside others."""

    async def run(ctx: inngest.Context) -> object:
        def tells(name: str, fails: int, ms: float) -> Callable[[], Any]:
            async def handler() -> int:
                await asyncio.sleep(ms / 1000)
                world.begun[name] += 1
                if world.begun[name] <= fails:
                    raise ValueError("again")
                return ctx.attempt

            return handler

        alone = await ctx.step.run("alone", tells("alone", 0, 10))
        beside = await asyncio.gather(ctx.step.run("x", tells("x", 1, 10)), ctx.step.run("y", tells("y", 0, 20)))
        return [alone, beside, await ctx.step.run("last", tells("last", 1, 10))]

    return run
