"""Programs that defer: what was not aborted starts once, when the run has ended, whatever happened to it before."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, Cancelling, End, Program


def _tidy(client: inngest.Inngest, out: Outside, name: str) -> Function[Any]:
    @client.create_function(fn_id=name, trigger=inngest.TriggerEvent(event=f"{APP}/{name}"))
    async def tidy(ctx: inngest.Context) -> object:
        await ctx.step.run("tidy", out.does(None))
        return ctx.event.data["of"]

    return tidy


def _defers(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    kept, dropped, last = (_tidy(client, out, f"defers-{name}") for name in ("kept", "dropped", "last"))

    @client.create_function(fn_id="defers", trigger=inngest.TriggerEvent(event=f"{APP}/defers"))
    async def defers(ctx: inngest.Context) -> list[str]:
        ctx.defer("d", function=kept, data={"of": "first"})
        undo = ctx.defer("d", function=dropped, data={"of": "nothing"})
        first = await ctx.step.run("one", out.does("one"))

        async def branch(name: str, ms: int) -> str:
            await ctx.step.sleep("nap", ms)
            ctx.defer("d", function=kept, data={"of": name})
            return await ctx.step.run("work", out.does(name))

        both = await asyncio.gather(branch("long", 1_200), branch("short", 300), ctx.step.run("flaky", _flaky(out)))
        undo.abort()
        await ctx.step.sleep("nap", 500)
        undo.abort()
        ctx.defer("d", function=last, data={"of": "last"})
        return [first, *both]

    return [kept, dropped, last, defers]


def _flaky(out: Outside) -> Any:
    return out.does("flaky", fails=1)


def _defers_plainly(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    names = ("kept", "dropped", "failed")
    kept, dropped, failed = (_tidy(client, out, f"defers-plainly-{name}") for name in names)

    def on_failure(ctx: inngest.ContextSync) -> None:
        ctx.defer("told", function=failed, data={"of": "failure"})

    trigger = inngest.TriggerEvent(event=f"{APP}/defers-plainly")

    @client.create_function(fn_id="defers-plainly", retries=1, trigger=trigger, on_failure=on_failure)
    def defers_plainly(ctx: inngest.ContextSync) -> None:
        undo = ctx.defer("d", function=dropped, data={"of": "nothing"})

        def branch(name: str, ms: int) -> None:
            ctx.defer("d", function=kept, data={"of": name})
            ctx.step.sleep(name, ms)
            ctx.step.run(f"{name} work", out.does_plain(name))

        ctx.group.parallel((lambda: branch("a", 200), lambda: branch("b", 700)))
        undo.abort()
        ctx.step.run("fails", out.does_plain("?", fails=9))

    return [kept, dropped, failed, defers_plainly]


def _defers_in_vain(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    """A run that may be cancelled: how many others start depends on that, so what it defers is nobody's."""

    @client.create_function(fn_id="defers-in-vain", trigger=inngest.TriggerEvent(event=f"{APP}/defers-in-vain"))
    async def defers_in_vain(ctx: inngest.Context) -> str:
        ctx.defer("d", function=f"{APP}-nobody", data={"of": "first"})
        await ctx.step.run("one", out.does("one"))
        ctx.defer("d", function=f"{APP}-nobody").abort()
        await ctx.step.sleep("nap", 900)
        ctx.defer("d", function=f"{APP}-nobody", data={"of": "last"})
        return await ctx.step.run("two", out.does("two"))

    return [defers_in_vain]


def _of(*values: str) -> Any:
    return lambda end: end.status == "COMPLETED" and end.value in values


def _perhaps(end: End) -> bool:
    return end.value == "two" if end.status == "COMPLETED" else end.status == "CANCELLED"


PROGRAMS = (
    Program(
        "defers",
        _defers,
        {
            "defers": lambda end: end.value == ["one", "long", "short", "flaky"],
            "defers-kept": _of("first", "long", "short"),
            "defers-dropped": _of(),
            "defers-last": _of("last"),
        },
        {"defers-kept": 3, "defers-dropped": 0},
    ),
    Program(
        "defers-plainly",
        _defers_plainly,
        {
            "defers-plainly": lambda end: end.status == "FAILED",
            "defers-plainly-failure": lambda end: end.status == "COMPLETED",
            "defers-plainly-kept": _of("a", "b"),
            "defers-plainly-dropped": _of(),
            "defers-plainly-failed": _of("failure"),
        },
        {"defers-plainly-kept": 2, "defers-plainly-dropped": 0},
    ),
    Program(
        "defers-in-vain",
        _defers_in_vain,
        {"defers-in-vain": _perhaps},
        meanwhile=(Cancelling("defers-in-vain", (0, 2_000)),),
    ),
)
