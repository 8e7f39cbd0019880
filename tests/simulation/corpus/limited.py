"""Programs that limit themselves: how many execute, and how often they begin."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, Program

MANY = 6
FIRST = "event.data.user == 'user-1' ? 60 : 0"


def _limited(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="limited", trigger=inngest.TriggerEvent(event=f"{APP}/limited"))
    async def limited(ctx: inngest.Context) -> int:
        users = [f"user-{number % 3}" for number in range(MANY)]
        calls = [inngest.Event(name=f"{APP}/limited.call", data={"user": user}) for user in users]
        await ctx.step.send_event("call", calls)
        return len(users)

    @client.create_function(
        fn_id="caller",
        trigger=inngest.TriggerEvent(event=f"{APP}/limited.call"),
        concurrency=[inngest.Concurrency(limit=3), inngest.Concurrency(limit=1, key="event.data.user")],
        priority=inngest.Priority(run=FIRST),
        retries=2,
    )
    async def caller(ctx: inngest.Context) -> list[object]:
        first = await ctx.step.run("first", out.does("first", fails=1))
        await ctx.step.sleep("nap", 700)
        rest = await asyncio.gather(*(ctx.step.run("one", out.does(number)) for number in range(4)))
        return [first, *rest]

    return [limited, caller]


def _shared(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    def limits(limit: int) -> list[inngest.Concurrency]:
        return [inngest.Concurrency(limit=limit, key='"shared"', scope="env")]

    event = inngest.TriggerEvent(event=f"{APP}/shared")

    @client.create_function(fn_id="small", trigger=event, concurrency=limits(1))
    async def small(ctx: inngest.Context) -> list[str]:
        return list(await asyncio.gather(*(ctx.step.run("work", out.does("w")) for _ in range(3))))

    @client.create_function(fn_id="large", trigger=event, concurrency=limits(3))
    async def large(ctx: inngest.Context) -> list[str]:
        done = list(await asyncio.gather(*(ctx.step.run("work", out.does("w")) for _ in range(6))))
        return [*done, await ctx.step.run("after", out.does("after"))]

    @client.create_function(fn_id="medium", trigger=event, concurrency=limits(2))
    def medium(ctx: inngest.ContextSync) -> list[str]:
        work = out.does_plain("w")
        return list(ctx.group.parallel(tuple((lambda: ctx.step.run("work", work)) for _ in range(4))))

    return [small, large, medium]


def _spaced(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="spaced", trigger=inngest.TriggerEvent(event=f"{APP}/spaced"))
    async def spaced(ctx: inngest.Context) -> None:
        await ctx.step.send_event("call", [inngest.Event(name=f"{APP}/slowly") for _ in range(4)])

    @client.create_function(
        fn_id="slowly",
        trigger=inngest.TriggerEvent(event=f"{APP}/slowly"),
        throttle=inngest.Throttle(limit=1, period=2_000, burst=2),
        concurrency=[inngest.Concurrency(limit=2)],
    )
    async def slowly(ctx: inngest.Context) -> list[str]:
        said = [await ctx.step.run("before", out.does("before"))]
        await ctx.step.sleep("nap", 500)
        return [*said, await ctx.step.run("after", out.does("after"))]

    @client.create_function(  # a lane without budgets
        fn_id="evenly",
        trigger=inngest.TriggerEvent(event=f"{APP}/slowly"),
        throttle=inngest.Throttle(limit=2, period=1_000),
    )
    async def evenly(ctx: inngest.Context) -> str:
        return await ctx.step.run("work", out.does("through"))

    return [spaced, slowly, evenly]


def _gives(value: object) -> Any:
    return lambda end: end.status == "COMPLETED" and end.value == value


PROGRAMS = (
    Program(
        "limited",
        _limited,
        {"limited": _gives(MANY), "caller": _gives(["first", 0, 1, 2, 3])},
        {"caller": MANY},
        means={FIRST: lambda data: 60 if data["user"] == "user-1" else 0},
    ),
    Program(
        "shared",
        _shared,
        {"small": _gives(["w"] * 3), "large": _gives([*["w"] * 6, "after"]), "medium": _gives(["w"] * 4)},
    ),
    Program(
        "spaced",
        _spaced,
        {"spaced": _gives(None), "slowly": _gives(["before", "after"]), "evenly": _gives("through")},
        {"slowly": 4, "evenly": 4},
    ),
)
