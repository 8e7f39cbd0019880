"""Very many runs that limit themselves by key: what holds for six must hold for ten thousand."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, Program

AT_A_TIME = 100
"""Events that one starter sends."""

LIMIT = 2
"""Slots of each key."""


def crowding(keys: int) -> Program:
    """A program each of whose events starts AT_A_TIME runs, spread over so many keys.

    Most runs execute one step, then another; one in five has three steps side by side, which need slots of their own.
    """

    def make(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
        @client.create_function(fn_id="crowding", trigger=inngest.TriggerEvent(event=f"{APP}/crowding"))
        async def crowding(ctx: inngest.Context) -> int:
            number = ctx.event.data["number"]
            assert isinstance(number, int)
            places = range(number * AT_A_TIME, (number + 1) * AT_A_TIME)
            data = [{"user": f"user-{place % keys:02}", "place": place} for place in places]
            await ctx.step.send_event("send", [inngest.Event(name=f"{APP}/crowded", data=one) for one in data])
            return len(data)

        @client.create_function(
            fn_id="crowded",
            trigger=inngest.TriggerEvent(event=f"{APP}/crowded"),
            concurrency=[inngest.Concurrency(limit=LIMIT, key="event.data.user")],
        )
        async def at_capacity(ctx: inngest.Context) -> int:
            place = ctx.event.data["place"]
            assert isinstance(place, int)
            if place // keys % 5 == 0:
                await asyncio.gather(*(ctx.step.run("one", out.does(None)) for _ in range(3)))
            else:
                await ctx.step.run("first", out.does(None))
            if place // keys % 7 == 0:
                await ctx.step.sleep("nap", 300)
            return await ctx.step.run("last", out.does(place))

        return [crowding, at_capacity]

    return Program(
        "crowding",
        make,
        {"crowding": lambda end: end.value == AT_A_TIME, "crowded": lambda end: end.value == end.data["place"]},
        {"crowded": AT_A_TIME},
    )
