"""Programs whose runs are run again, from a step on or from the start, while others go on."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, End, Program, Rerunning


def _again(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(
        fn_id="again",
        trigger=inngest.TriggerEvent(event=f"{APP}/again"),
        concurrency=[inngest.Concurrency(limit=2)],
    )
    async def again(ctx: inngest.Context) -> list[int]:
        first = await ctx.step.run("first", out.does(1))
        branches = await asyncio.gather(*(ctx.step.run("beside", out.does(number)) for number in range(3)))
        await ctx.step.sleep("nap", 700)
        kept = await ctx.step.run("kept", out.does(first + sum(branches)))
        return [kept, *[await ctx.step.run("after", out.does(number)) for number in range(3)]]

    return [again]


def _as_ever(end: End) -> bool:
    return end.value == [4, 0, 1, 2]


PROGRAMS = (
    Program(
        "again",
        _again,
        {"again": _as_ever},
        runs={"again": None},
        meanwhile=(
            Rerunning("again", (0, 2_500), "kept"),
            Rerunning("again", (0, 2_500), "after:1"),
            Rerunning("again", (500, 2_500)),
        ),
    ),
)
