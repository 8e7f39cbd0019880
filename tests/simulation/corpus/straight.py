"""Programs without surprises: sequences, loops, branches, events."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, End, Program


def _sequential(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="sequential", trigger=inngest.TriggerEvent(event=f"{APP}/sequential"))
    async def sequential(ctx: inngest.Context) -> list[int]:
        values: list[int] = []
        for number in range(5):
            values.append(await ctx.step.run(f"s{number}", out.does(sum(values) + number + 1)))
        return values

    return [sequential]


def _loop(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="loop", trigger=inngest.TriggerEvent(event=f"{APP}/loop"))
    async def loop(ctx: inngest.Context) -> list[int]:
        return [await ctx.step.run("again", out.does(number)) for number in range(6)]

    return [loop]


def _branches(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="branches", trigger=inngest.TriggerEvent(event=f"{APP}/branches"))
    async def branches(ctx: inngest.Context) -> list[list[str]]:
        async def branch(name: str) -> list[str]:
            first = await ctx.step.run(f"{name}1", out.does(f"{name}-one"))
            return [first, await ctx.step.run(f"{name}2", out.does(f"{name}-two"))]

        return list(await ctx.group.parallel(tuple(functools.partial(branch, name) for name in "abc")))

    return [branches]


def _fifty(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="fifty", trigger=inngest.TriggerEvent(event=f"{APP}/fifty"))
    async def fifty(ctx: inngest.Context) -> list[int]:
        return await asyncio.gather(*(ctx.step.run("one", out.does(number)) for number in range(50)))

    return [fifty]


def _sends(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="sends", trigger=inngest.TriggerEvent(event=f"{APP}/sends"))
    async def sends(ctx: inngest.Context) -> int:
        before = await ctx.step.run("before", out.does("x"))
        one = inngest.Event(name=f"{APP}/sent", data={"from": before})
        ids = await ctx.step.send_event("send", [one, inngest.Event(name=f"{APP}/sent", data={"from": "y"})])
        ids += await ctx.step.send_event("send", inngest.Event(name=f"{APP}/sent", data={"from": "z"}))
        await ctx.step.run("after", out.does(None))
        return len(set(ids))

    @client.create_function(fn_id="sent", trigger=inngest.TriggerEvent(event=f"{APP}/sent"))
    async def sent(ctx: inngest.Context) -> object:
        return await ctx.step.run("take", out.does(ctx.event.data["from"]))

    return [sends, sent]


def _always(value: object) -> Any:
    return lambda end: end.status == "COMPLETED" and end.value == value


def _passed_on(end: End) -> bool:
    return end.status == "COMPLETED" and end.value == end.data["from"] and end.value in {"x", "y", "z"}


PROGRAMS = (
    Program("sequential", _sequential, {"sequential": _always([1, 3, 7, 15, 31])}),
    Program("loop", _loop, {"loop": _always([0, 1, 2, 3, 4, 5])}),
    Program("branches", _branches, {"branches": _always([["a-one", "a-two"], ["b-one", "b-two"], ["c-one", "c-two"]])}),
    Program("fifty", _fifty, {"fifty": _always(list(range(50)))}),
    Program("sends", _sends, {"sends": _always(3), "sent": _passed_on}, {"sent": 3}),
)
