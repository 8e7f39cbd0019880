"""Steps of which no attempt is begun twice, whatever becomes of its worker."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import inngest
from inngest.errors import StepInterruptedError
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, End, Program

UNKNOWN = "unknown"


def _careful(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="careful", retries=2, trigger=inngest.TriggerEvent(event=f"{APP}/careful"))
    async def careful(ctx: inngest.Context) -> list[object]:
        async def pay(name: str, fails: int) -> str:
            try:
                return await ctx.step.options(on_crash="fail").run(name, out.does(name, fails=fails))
            except StepInterruptedError:
                return UNKNOWN

        said = [await pay("first", 0), await pay("flaky", 2)]
        await ctx.step.run("between", out.does("between"))
        said += await asyncio.gather(pay("left", 0), pay("right", 1))
        await ctx.step.run("after", out.does("after"))
        return list(said)

    return [careful]


def _carefully(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(
        fn_id="carefully",
        retries=1,
        trigger=inngest.TriggerEvent(event=f"{APP}/carefully"),
        concurrency=[inngest.Concurrency(limit=1)],
    )
    def carefully(ctx: inngest.ContextSync) -> list[object]:
        def pay(name: str, fails: int) -> str:
            try:
                return ctx.step.options(on_crash="fail").run(name, out.does_plain(name, fails=fails))
            except StepInterruptedError:
                return UNKNOWN

        said = [pay("first", 1)]
        said += ctx.group.parallel((lambda: pay("left", 0), lambda: pay("right", 1)))
        ctx.step.run("after", out.does_plain("after"))
        return list(said)

    return [carefully]


def _of(*names: str) -> Any:
    def judge(end: End) -> bool:
        if end.status != "COMPLETED" or not isinstance(end.value, list) or len(end.value) != len(names):
            return False
        return all(said in (name, UNKNOWN) for said, name in zip(end.value, names, strict=True))

    return judge


PROGRAMS = (
    Program(
        "careful",
        _careful,
        {"careful": _of("first", "flaky", "left", "right")},
        once=("first", "flaky", "left", "right"),
    ),
    Program("carefully", _carefully, {"carefully": _of("first", "left", "right")}, once=("first", "left", "right")),
)
