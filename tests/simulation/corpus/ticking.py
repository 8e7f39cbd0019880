"""Programs that start by the clock. Which ticks start a run is asked by the checker of ticks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, End, Program

LONG = 80_000
"""Milliseconds that every third run of those takes that may overlap: longer than from one tick to the next."""

EVERY_MINUTE = "* * * * *"


def _ticking(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="ticking", trigger=inngest.TriggerEvent(event=f"{APP}/ticking"))
    async def ticking(ctx: inngest.Context) -> str:
        return await ctx.step.run("work", out.does("through"))

    def ticks(name: str, trigger: inngest.TriggerCron) -> Function[Any]:
        @client.create_function(fn_id=name, trigger=trigger)
        async def ticked(ctx: inngest.Context) -> str:
            return await ctx.step.run("work", out.does("through"))

        return ticked

    def overlaps(overlap: Literal["skip", "cancel"]) -> Function[Any]:
        trigger = inngest.TriggerCron(cron=EVERY_MINUTE, overlap=overlap)

        @client.create_function(fn_id=f"overlaps-{overlap}", trigger=trigger)
        async def overlapping(ctx: inngest.Context) -> str:
            minute = int(str(ctx.event.data["scheduledAt"])[14:16])
            await ctx.step.sleep("nap", LONG if minute % 3 == 0 else 5_000)
            return await ctx.step.run("work", out.does("through"))

        return overlapping

    return [
        ticking,
        ticks("ticks", inngest.TriggerCron(cron=EVERY_MINUTE)),
        ticks("catches-up", inngest.TriggerCron(cron="*/2 * * * *", jitter="5s", catch_up="all")),
        ticks("catches-last", inngest.TriggerCron(cron=EVERY_MINUTE, catch_up="last")),
        overlaps("skip"),
        overlaps("cancel"),
    ]


def _through_or_cancelled(end: End) -> bool:
    return end.status == "CANCELLED" or end.value == "through"


_NAMES = ("ticks", "catches-up", "catches-last", "overlaps-skip", "overlaps-cancel")

PROGRAMS = (
    Program(
        "ticking",
        _ticking,
        {"ticking": lambda end: end.value == "through", **dict.fromkeys(_NAMES, _through_or_cancelled)},
        dict.fromkeys(_NAMES),
        lasts=205_000,
    ),
)
