"""Plain functions that are cancelled while they execute, or wait for a thread: nothing interrupts a thread."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, Cancelling, End, Program

MANY = 5
LONG = 900
"""Milliseconds that a handler takes, so that it is cancelled while it runs."""


def _halted(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="halted", trigger=inngest.TriggerEvent(event=f"{APP}/halted"))
    async def halted(ctx: inngest.Context) -> None:
        data = {"number": ctx.event.data["number"]}
        for _ in range(MANY):  # some come just when others were cancelled
            await ctx.step.send_event("call", inngest.Event(name=f"{APP}/halted.call", data=data))
            await ctx.step.sleep("pause", LONG // 3)

    @client.create_function(
        fn_id="halting",
        trigger=inngest.TriggerEvent(event=f"{APP}/halted.call"),
        concurrency=[inngest.Concurrency(limit=2)],
        retries=1,
    )
    def halting(ctx: inngest.ContextSync) -> list[object]:
        first = ctx.step.run("first", out.does_plain("first", ms=10, fails=1))

        def branch(number: int, ms: int) -> int:
            return ctx.step.run("one", out.does_plain(number, ms=ms))

        branches = tuple(functools.partial(branch, number, ms) for number, ms in enumerate((LONG, LONG, 10)))
        return [first, *ctx.group.parallel(branches)]

    return [halted, halting]


def _queued(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="queued", trigger=inngest.TriggerEvent(event=f"{APP}/queued"))
    async def queued(ctx: inngest.Context) -> str:
        data = {"number": ctx.event.data["number"]}
        for _ in range(MANY):
            await ctx.step.send_event("call", [inngest.Event(name=f"{APP}/queued.call", data=data) for _ in range(2)])
            await ctx.step.sleep("pause", LONG // 3)
        return await ctx.step.run("beside", out.does("beside"))

    @client.create_function(fn_id="queued-in-threads", trigger=inngest.TriggerEvent(event=f"{APP}/queued.call"))
    def threaded(ctx: inngest.ContextSync) -> str:
        ctx.step.run("work", out.does_plain("work", ms=LONG))
        ctx.step.sleep("nap", 300)
        return ctx.step.run("after", out.does_plain("after"))

    return [queued, threaded]


def _or_cancelled(value: object) -> Any:
    def judge(end: End) -> bool:
        return end.status == "CANCELLED" or (end.status == "COMPLETED" and end.value == value)

    return judge


PROGRAMS = (
    Program(
        "halted",
        _halted,
        {"halted": _or_cancelled(None), "halting": _or_cancelled(["first", 0, 1, 2])},
        {"halting": MANY},
        meanwhile=[Cancelling("halting", (100, 2_500)), Cancelling("halting", (2_500, 6_000))],
    ),
    Program(
        "queued",
        _queued,
        {"queued": _or_cancelled("beside"), "queued-in-threads": _or_cancelled("after")},
        {"queued-in-threads": 2 * MANY},
        meanwhile=[Cancelling("queued-in-threads", (100, 2_500)), Cancelling("queued-in-threads", (2_500, 6_000))],
        threads=2,
    ),
)
