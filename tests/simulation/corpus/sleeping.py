"""Programs that sleep, give up waiting, and clean up."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.ports import EPOCH
from tests.simulation.scenario import APP, End, Program


def _sleeps(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="sleeps", trigger=inngest.TriggerEvent(event=f"{APP}/sleeps"))
    async def sleeps(ctx: inngest.Context) -> list[str]:
        done: list[str] = []
        for number in range(3):
            done.append(await ctx.step.run("work", out.does(f"w{number}")))
            await ctx.step.sleep("nap", datetime.timedelta(seconds=2))
        await ctx.step.sleep_until("then", datetime.datetime.fromtimestamp(EPOCH / 1000 + 15, datetime.UTC))
        await ctx.step.sleep_until("past", datetime.datetime.fromtimestamp(EPOCH / 1000, datetime.UTC))
        await ctx.step.sleep("none", 0)
        return done

    return [sleeps]


def _gathered(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="gathered", trigger=inngest.TriggerEvent(event=f"{APP}/gathered"))
    async def gathered(ctx: inngest.Context) -> tuple[str, None, str]:
        return await asyncio.gather(
            ctx.step.run("a", out.does("a")), ctx.step.sleep("s", 10_000), ctx.step.run("b", out.does("b"))
        )

    return [gathered]


def _finally(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="finally", trigger=inngest.TriggerEvent(event=f"{APP}/finally"))
    async def clean_up(ctx: inngest.Context) -> str:
        try:
            await ctx.step.run("take", out.does(None))
            await ctx.step.sleep("hold", 3_000)
        finally:
            released = await ctx.step.run("release", out.does("released"))
        return released

    return [clean_up]


def _released_at_the_end(end: End) -> bool:
    return end.value == "released" and [name for name, _ in end.memos] == ["take", "hold", "release"]


def _charge(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="charge", trigger=inngest.TriggerEvent(event=f"{APP}/charge"))
    async def charge(ctx: inngest.Context) -> list[str]:
        said: list[str] = []
        for limit in (0.003, 0.06, 0.7):
            try:
                said.append(await asyncio.wait_for(ctx.step.run("charge", out.does("charged")), limit))
            except TimeoutError:
                said.append(await ctx.step.run("void", out.does("gave up")))
        return said

    return [charge]


def _said_what_is_recorded(end: End) -> bool:
    charges = [row for name, row in end.memos if name.partition(":")[0] == "charge"]
    return end.value == ["gave up" if row["cancelled"] else "charged" for row in charges] and len(charges) == 3


def _gives_up(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="gives-up", trigger=inngest.TriggerEvent(event=f"{APP}/gives-up"))
    async def gives_up(ctx: inngest.Context) -> list[str]:
        async def tries() -> str:
            try:
                await ctx.step.run("long", out.does(None, ms=2_000))
                await ctx.step.sleep("longer", 3_000)
            except asyncio.CancelledError:
                return await ctx.step.run("undo", out.does("undone"))
            return "done"

        task = asyncio.create_task(tries())
        first = await ctx.step.run("short", out.does("short"))
        await ctx.step.sleep("wait", 2_500)
        task.cancel()
        return [first, await task]

    return [gives_up]


def _undone_if_cancelled(end: End) -> bool:
    cancelled = any(row["cancelled"] for _, row in end.memos)
    return end.value == ["short", "undone" if cancelled else "done"]


class Lingering(inngest.Middleware):
    """Takes its time when an invocation is over: code between two looks at the clock takes none in these worlds."""

    async def after_execution(self) -> None:
        await asyncio.sleep(0.01)


def _momentary(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    trigger = inngest.TriggerEvent(event=f"{APP}/momentary")

    @client.create_function(fn_id="momentary", trigger=trigger, middleware=[Lingering])
    async def momentary(ctx: inngest.Context) -> list[str]:
        done: list[str] = []
        for number in range(3):
            done.append(await ctx.step.run("work", out.does(f"w{number}", ms=number)))
            soon = EPOCH / 1000 + asyncio.get_running_loop().time() + 0.005
            await ctx.step.sleep_until("moment", datetime.datetime.fromtimestamp(soon, datetime.UTC))
        return done

    return [momentary]


MOMENTARY = Program("momentary", _momentary, {"momentary": lambda end: end.value == ["w0", "w1", "w2"]})
"""Its sleeps are over before they are recorded."""

PROGRAMS = (
    Program("sleeps", _sleeps, {"sleeps": lambda end: end.value == ["w0", "w1", "w2"]}),
    Program("gathered", _gathered, {"gathered": lambda end: end.value == ["a", None, "b"]}),
    Program("finally", _finally, {"finally": _released_at_the_end}),
    Program("charge", _charge, {"charge": _said_what_is_recorded}),
    Program("gives-up", _gives_up, {"gives-up": _undone_if_cancelled}),
)
