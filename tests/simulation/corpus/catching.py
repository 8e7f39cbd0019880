"""Programs that catch what takes them down, and act on it: what they do then must not be taken for their decision."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, End, Program


def _undoing(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="undoing", trigger=inngest.TriggerEvent(event=f"{APP}/undoing"))
    async def undoing(ctx: inngest.Context) -> list[str]:
        """Undoes what was cancelled."""

        async def pay(who: str) -> str:
            try:
                return await ctx.step.run("pay", out.does(f"{who} paid"))
            except asyncio.CancelledError:
                await ctx.step.run("refund", out.does(f"{who} refunded"))
                raise

        paid = [await pay("alice"), *(await asyncio.gather(pay("bob"), pay("carol")))]
        await ctx.step.sleep("rest", 300)
        return paid

    return [undoing]


def _translating(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="translating", retries=0, trigger=inngest.TriggerEvent(event=f"{APP}/translating"))
    async def translating(ctx: inngest.Context) -> list[str]:
        """Its handlers make a failure for good of a cancellation; so does its body."""

        async def handler() -> str:
            try:
                return await out.does("done")()
            except asyncio.CancelledError:
                raise inngest.NonRetriableError("interrupted", quiet=True) from None

        try:
            return [
                await ctx.step.run("alone", handler),
                *(await asyncio.gather(ctx.step.run("left", handler), ctx.step.run("right", handler))),
            ]
        except BaseException:
            raise inngest.NonRetriableError("interrupted", quiet=True) from None

    return [translating]


def _returning(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="returning", trigger=inngest.TriggerEvent(event=f"{APP}/returning"))
    async def returning(ctx: inngest.Context) -> str:
        """Returns something else when it is cancelled, and waits outside of steps."""
        try:
            first = await ctx.step.run("first", out.does("done"))
            await asyncio.sleep(0.2)
            return await ctx.step.run("second", out.does(first))
        except asyncio.CancelledError:
            return "cancelled"

    return [returning]


def _giving_up(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="giving-up", trigger=inngest.TriggerEvent(event=f"{APP}/giving-up"))
    async def giving_up(ctx: inngest.Context) -> list[str]:
        """Gives up calls by itself, too."""
        said: list[str] = []
        for number, patience in enumerate((0.05, 0.5)):
            try:
                async with asyncio.timeout(patience):
                    said.append(await ctx.step.run(f"slow{number}", out.does("in time", ms=300)))
            except TimeoutError:
                said.append("too late")
        return said

    return [giving_up]


def _in_time_or_given_up(end: End) -> bool:
    """What it waited for is a matter of the clock; that a step which was given up has no result is not."""
    value = end.value
    if not isinstance(value, list) or len(value) != 2:
        return False
    rows = [end.memo("slow0"), end.memo("slow1")]
    given_up = [row is not None and bool(row["cancelled"]) for row in rows]
    return None not in rows and [said == "too late" for said in value] == given_up


def _nobody_is_refunded(end: End) -> bool:
    return end.value == ["alice paid", "bob paid", "carol paid"] and end.memo("refund") is None


PROGRAMS = (
    Program("undoing", _undoing, {"undoing": _nobody_is_refunded}),
    Program("translating", _translating, {"translating": lambda end: end.value == ["done"] * 3}),
    Program("returning", _returning, {"returning": lambda end: end.value == "done"}),
    Program("giving-up", _giving_up, {"giving-up": _in_time_or_given_up}),
)
