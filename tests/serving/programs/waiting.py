"""Programs that wait for something from outside, send, or defer."""

from __future__ import annotations

import asyncio

import inngest
from inngest.protocol.errors import ErrorInfo
from tests.serving.corpus import Handler, program
from tests.serving.world import World


@program(
    [{"n": 1}, None, "signal", {"out": 2}, "after"],
    arrivals={
        "hit": (40, '{"id":"1","name":"test/hit","data":{"n":1},"ts":1}'),
        "signal": (30, '"signal"'),
        "invoke": (50, '{"out":2}'),
    },
)
def waits_of_all_kinds(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        hit = await ctx.step.wait_for_event("hit", event="test/hit", timeout=1_000)
        missed = await ctx.step.wait_for_event("missed", event="test/hit", timeout=200)
        signal = await ctx.step.wait_for_signal("signal", signal="go", timeout=1_000)
        invoked = await ctx.step.invoke_by_id("invoke", function_id="other", data={"x": 1})
        after = await ctx.step.run("after", world.does("after", "after"))
        return [hit and hit.data, missed, signal, invoked, after]

    return run


@program(
    ["hit", "invoked", "work", "after"],
    arrivals={"hit": (45, '{"id":"1","name":"test/hit","data":{},"ts":1}'), "invoke": (70, '"invoked"')},
)
def waits_beside_steps(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        hit, invoked, work = await asyncio.gather(
            ctx.step.wait_for_event("hit", event="test/hit", timeout=1_000),
            ctx.step.invoke_by_id("invoke", function_id="other"),
            ctx.step.run("work", world.does("work", "work", 30)),
        )
        assert hit is not None
        return [hit.name.partition("/")[2], invoked, work, await ctx.step.run("after", world.does("after", "after"))]

    return run


@program(["failed: no", "timed out"], arrivals={"bad": (20, ErrorInfo("OtherError", "no"))})
def invocations_that_fail(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        found: list[str] = []
        try:
            await ctx.step.invoke_by_id("bad", function_id="other")
        except inngest.StepError as error:
            found.append(f"failed: {error.message}")
        hit = await ctx.step.wait_for_event("never", event="test/never", timeout=100)
        return [*found, "timed out" if hit is None else "came"]

    return run


@program([200, "hi"], arrivals={"page": (35, '{"status_code":200,"headers":{},"body":"hi","url":"http://x/"}')})
def a_request(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        answer = await ctx.step.fetch("page", "http://x/")
        return [answer.status_code, answer.body]

    return run


@program([["sent"], "woken by go", "after"])
def sends(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        ids = await ctx.step.send_event("send", inngest.Event(name="test/sent", data={"n": 1}))
        await asyncio.gather(
            ctx.step.send_event("more", [inngest.Event(name="test/more", id="mine")]),
            ctx.step.run("beside", world.does("beside", 1, 30)),
        )
        woken = await ctx.step.send_signal("signal", "go", {"n": 1})
        return [["sent"] * len(ids), woken, await ctx.step.run("after", world.does("after", "after"))]

    return run


@program(["a", "b"])
def defers(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        ctx.defer("first", function="test-other", data={"n": 1})
        a = await ctx.step.run("a", world.does("a", "a"))
        second = ctx.defer("second", function="test-other")
        b = await ctx.step.run("b", world.does("b", "b"))
        second.abort()
        ctx.defer("third", function="test-other")
        return [a, b]

    return run


@program(["charged", "sent"], ours=True)
def at_most_once(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        charged = await ctx.step.options(on_crash="fail").run("charge", world.does("charge", "charged"))
        return [charged, await ctx.step.run("send", world.does("send", "sent"))]

    return run
