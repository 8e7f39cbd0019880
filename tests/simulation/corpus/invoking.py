"""Programs that invoke others: a parent always learns how its child ended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, Cancelling, End, Looking, Program

from .waiting import MINE, came

OVERFLOWED = "FunctionOverflowedError"


async def _or_error(waiting: Any) -> object:
    try:
        return await waiting
    except inngest.StepError as error:
        return error.name


def _invokes(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="doubles", trigger=inngest.TriggerEvent(event=f"{APP}/doubles"))
    async def doubles(ctx: inngest.Context) -> int:
        given = ctx.event.data["given"]
        assert isinstance(given, int)
        await ctx.step.run("think", out.does(None))
        return 2 * given

    @client.create_function(fn_id="refuses", retries=1, trigger=inngest.TriggerEvent(event=f"{APP}/refuses"))
    async def refuses(ctx: inngest.Context) -> None:
        await ctx.step.run("no", out.does(None, fails=9))

    @client.create_function(fn_id="invokes", trigger=inngest.TriggerEvent(event=f"{APP}/invokes"))
    async def invokes(ctx: inngest.Context) -> list[object]:
        first = await ctx.step.invoke("first", function=doubles, data={"given": 1})
        both = await asyncio.gather(
            ctx.step.invoke("second", function=doubles, data={"given": first}),
            _or_error(ctx.step.invoke("bad", function=refuses)),
            _or_error(ctx.step.invoke_by_id("nobody", function_id="nobody")),
            ctx.step.run("beside", out.does("beside", ms=9_000)),
        )
        return [first, *both]

    return [doubles, refuses, invokes]


def _outgrows(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="brings", trigger=inngest.TriggerEvent(event=f"{APP}/brings"))
    async def brings(ctx: inngest.Context) -> str:
        return await ctx.step.run("fetch", out.does("fetched"))

    @client.create_function(fn_id="outgrows", trigger=inngest.TriggerEvent(event=f"{APP}/outgrows"))
    async def outgrows(ctx: inngest.Context) -> None:
        for number in range(9):
            await ctx.step.invoke(f"in-{number}", function=brings)

    @client.create_function(fn_id="outgrows-at-once", trigger=inngest.TriggerEvent(event=f"{APP}/outgrows"))
    async def outgrows_at_once(ctx: inngest.Context) -> None:
        naps = [ctx.step.sleep(f"nap-{number}", 900) for number in range(3)]
        await asyncio.gather(*(ctx.step.invoke(f"in-{number}", function=brings) for number in range(3)), *naps)

    return [brings, outgrows, outgrows_at_once]


def _impatient(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="slow", trigger=inngest.TriggerEvent(event=f"{APP}/slow"))
    async def slow(ctx: inngest.Context) -> str:
        await ctx.step.sleep("nap", 700)
        return await ctx.step.run("end", out.does("slow"))

    @client.create_function(fn_id="impatient", trigger=inngest.TriggerEvent(event=f"{APP}/impatient"))
    async def impatient(ctx: inngest.Context) -> list[object]:
        said = [await _or_error(ctx.step.invoke(f"in-{ms}", function=slow, timeout=ms)) for ms in (100, 900, 9_000)]
        return [*said, await ctx.step.run("end", out.does("end"))]

    return [slow, impatient]


def _as_long_as_it_takes(end: End) -> bool:
    said = ["slow" if (memo := end.memo(f"in-{ms}")) and memo["error"] is None else _LATE for ms in (100, 900, 9_000)]
    return end.value == [*said, "end"] and said[0] == _LATE


_LATE = "InngestInvokeTimeoutError"


def _orphans(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="ward", trigger=inngest.TriggerEvent(event=f"{APP}/ward"))
    async def ward(ctx: inngest.Context) -> str:
        await ctx.step.sleep("nap", 900)
        return await ctx.step.run("last", out.does("through", ms=700))

    @client.create_function(fn_id="orphans", trigger=inngest.TriggerEvent(event=f"{APP}/orphans"))
    async def orphans(ctx: inngest.Context) -> object:
        data = {"number": ctx.event.data["number"]}
        return await asyncio.gather(
            _or_error(ctx.step.invoke("child", function=ward, data=data)), ctx.step.run("work", out.does("work"))
        )

    return [ward, orphans]


def _child_is_known(end: End) -> bool:
    return end.value in (["through", "work"], ["InvokedRunCancelledError", "work"])


def _chain(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="link", trigger=inngest.TriggerEvent(event=f"{APP}/link"))
    async def link(ctx: inngest.Context) -> str:
        event = inngest.Event(name=f"{APP}/linked", data={"number": ctx.event.data["number"]})
        await ctx.step.send_event("tell", event)
        return await ctx.step.run("end", out.does("linked"))

    @client.create_function(fn_id="chain", trigger=inngest.TriggerEvent(event=f"{APP}/chain"))
    async def chain(ctx: inngest.Context) -> list[object]:
        wait = ctx.step.wait_for_event("told", event=f"{APP}/linked", timeout=30_000, if_exp=MINE)
        data = {"number": ctx.event.data["number"]}
        found, linked = await asyncio.gather(wait, ctx.step.invoke("link", function=link, data=data))
        return [found and "came", linked]

    return [link, chain]


PROGRAMS = (
    Program(
        "invokes",
        _invokes,
        {
            "doubles": lambda end: end.value == 2 * end.data["given"],
            "refuses": lambda end: end.status == "FAILED" and end.error is not None,
            "invokes": lambda end: end.value == [2, 4, "FlakyError", "Error", "beside"],
        },
        {"doubles": 2},
    ),
    Program(
        "impatient",
        _impatient,
        {"slow": lambda end: end.value == "slow", "impatient": _as_long_as_it_takes},
        {"slow": 3},
    ),
    Program(
        "orphans",
        _orphans,
        {
            "ward": lambda end: end.value == "through" if end.status == "COMPLETED" else end.status == "CANCELLED",
            "orphans": _child_is_known,
        },
        meanwhile=(Cancelling("ward", (0, 2_500)),),
    ),
    Program(
        "chain",
        _chain,
        {
            "link": lambda end: end.value == "linked",
            "chain": lambda end: end.value == [came(end, "told"), "linked"],
        },
        looks={"told": Looking()},
    ),
)

OUTGROWING = Program(
    "outgrows",
    _outgrows,
    {
        "brings": lambda end: end.value == "fetched",
        **dict.fromkeys(
            ("outgrows", "outgrows-at-once"),
            lambda end: end.status == "FAILED" and end.error is not None and end.error["name"] == OVERFLOWED,
        ),
    },
    runs={"brings": None},
    replays=False,
)
"""In a world where a run may have few steps: it fails by an answer from outside."""
