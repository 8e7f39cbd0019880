"""Requests that the engine makes: every answer gets to its step, and every key to its request."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.ports import SimHttp
from tests.simulation.scenario import APP, Program

KEY = {"authorization": SimHttp.KEY}


def _fetching(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="fetching", retries=20, trigger=inngest.TriggerEvent(event=f"{APP}/fetching"))
    async def fetching(ctx: inngest.Context) -> list[Any]:
        first = await ctx.step.fetch("open", "http://sim/open")
        second, third, said = await asyncio.gather(
            ctx.step.fetch("secret", "http://sim/secret", headers=KEY),
            ctx.step.fetch("open", "http://sim/open", method="POST", body={"a": 1}),
            ctx.step.run("work", out.does("worked")),
        )
        await ctx.step.run("after", out.does(None))
        return [first.status_code, second.status_code, third.body, said]

    return [fetching]


def _fetching_plainly(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    trigger = inngest.TriggerEvent(event=f"{APP}/fetching-plainly")

    @client.create_function(fn_id="fetching-plainly", retries=20, trigger=trigger)
    def fetching_plainly(ctx: inngest.ContextSync) -> list[Any]:
        both = ctx.group.parallel(
            (
                lambda: ctx.step.fetch("secret", "http://sim/secret", headers=KEY).status_code,
                lambda: ctx.step.sleep("nap", 700),
            )
        )
        return [both[0], ctx.step.run("after", out.does_plain("after"))]

    return [fetching_plainly]


def _fetching_slowly(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    trigger = inngest.TriggerEvent(event=f"{APP}/fetching-slowly")

    @client.create_function(fn_id="fetching-slowly", retries=20, trigger=trigger)
    async def fetching_slowly(ctx: inngest.Context) -> list[Any]:
        urls = [f"http://{host}/{number}" for number in range(2) for host in ("slow", "slowest", "sim")]
        answers = await asyncio.gather(*(ctx.step.fetch(url, url) for url in urls))
        return [answer.status_code for answer in answers]

    return [fetching_slowly]


def _value(value: object) -> Any:
    return lambda end: end.status == "COMPLETED" and end.value == value


PROGRAMS = (
    Program("fetching", _fetching, {"fetching": _value([200, 200, "hello", "worked"])}),
    Program("fetching-plainly", _fetching_plainly, {"fetching-plainly": _value([200, "after"])}),
    Program("fetching-slowly", _fetching_slowly, {"fetching-slowly": _value([200] * 6)}),
)
