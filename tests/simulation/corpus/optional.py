"""Programs whose steps have options of their own, call models, are told to stop, and are steps by decoration."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any

import inngest
from inngest import experimental
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, End, Program


async def _or_error(waiting: Awaitable[object]) -> object:
    try:
        return await waiting
    except inngest.StepError as error:
        return f"{error.name}: {error.message}"


def _choosy(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="choosy", retries=1, trigger=inngest.TriggerEvent(event=f"{APP}/choosy"))
    async def choosy(ctx: inngest.Context) -> list[object]:
        step = ctx.step
        often = step.options(retries=3, backoff=inngest.Backoff(200, factor=3, maximum=1_000))
        picky = step.options(retry_on=(ValueError, ZeroDivisionError))
        said: list[object] = [
            await often.run("often", out.does("often", fails=3)),
            await _or_error(often.run("too-often", out.does("?", fails=9))),
            await _or_error(step.options(retries=0).run("once", out.does("?", fails=1))),
            await _or_error(picky.run("picky", out.does("?", fails=1))),
            await picky.run("pleased", out.does("pleased", fails=1, error=ZeroDivisionError)),
        ]
        return said

    return [choosy]


_CHOSEN = ["often", "FlakyError: attempt 3", "FlakyError: attempt 0", "FlakyError: attempt 0", "pleased"]


def _timely(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="timely", retries=1, trigger=inngest.TriggerEvent(event=f"{APP}/timely"))
    async def timely(ctx: inngest.Context) -> Sequence[object]:
        hurried = ctx.step.options(timeout=300)
        return await asyncio.gather(
            _or_error(hurried.run("early", out.does("early", ms=60))),
            _or_error(hurried.run("late", out.does("?", ms=9_000))),
            _or_error(ctx.step.options(timeout=300, retries=0).run("once", out.does("?", ms=9_000))),
            _or_error(ctx.step.options(timeout=300, retry_on=FloatingPointError).run("picky", out.does("?", ms=9_000))),
            ctx.step.run("beside", out.does("beside")),
        )

    return [timely]


def _timely_plainly(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    trigger = inngest.TriggerEvent(event=f"{APP}/timely-plainly")

    @client.create_function(fn_id="timely-plainly", retries=1, trigger=trigger)
    def timely_plainly(ctx: inngest.ContextSync) -> list[object]:
        hurried = ctx.step.options(timeout=300)

        def late() -> object:
            try:
                return hurried.run("late", out.does_plain("?", ms=9_000, looks=True))
            except inngest.StepError as error:
                return f"{error.name}: {error.message}"

        def deaf() -> object:
            return hurried.run("deaf", out.does_plain("deaf", ms=900))

        return [*ctx.group.parallel((late, deaf)), ctx.step.run("after", out.does_plain("after"))]

    return [timely_plainly]


def _late(step: str) -> str:
    return f'StepTimeoutError: step "{step}" did not end within 300 ms'


def _in_time(end: End) -> bool:
    """A process that stands still may be late with what would be early."""
    expected = [_late("late"), _late("once"), _late("picky"), "beside"]
    given = end.value
    return isinstance(given, list) and given[0] in ("early", _late("early")) and given[1:] == expected


def _modelled(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="modelled", retries=1, trigger=inngest.TriggerEvent(event=f"{APP}/modelled"))
    async def modelled(ctx: inngest.Context) -> list[object]:
        model = await ctx.step.ai.wrap("model", out.does("model", fails=1))
        other = await ctx.step.options(retries=2, backoff=100).ai.wrap("model", out.does("other", fails=2))

        @experimental.step("decorated")
        async def decorated(number: int) -> int:
            return await out.does(number)()

        return [model, other, *[await decorated(number) for number in range(3)]]

    return [modelled]


def _modelled_plainly(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    trigger = inngest.TriggerEvent(event=f"{APP}/modelled-plainly")

    @client.create_function(fn_id="modelled-plainly", retries=1, trigger=trigger)
    def modelled_plainly(ctx: inngest.ContextSync) -> list[object]:
        @experimental.step("decorated")
        def decorated(number: int) -> int:
            return out.does_plain(number)()

        said = ctx.step.ai.wrap("model", out.does_plain("model", fails=1))
        ids = ctx.step.send_event("send", inngest.Event(name=f"{APP}/nobody"))
        return [said, len(ids), *[decorated(number) for number in range(2)]]

    return [modelled_plainly]


def _value(value: object) -> Any:
    return lambda end: end.status == "COMPLETED" and end.value == value


PROGRAMS = (
    Program(
        "choosy",
        _choosy,
        {"choosy": _value(_CHOSEN)},
        retries={"often": 3, "too-often": 3, "once": 0, "picky": 0},
    ),
    Program("timely", _timely, {"timely": _in_time}, retries={"once": 0, "picky": 0}),
    Program("timely-plainly", _timely_plainly, {"timely-plainly": _value([_late("late"), "deaf", "after"])}),
    Program("modelled", _modelled, {"modelled": _value(["model", "other", 0, 1, 2])}, retries={"model:1": 2}),
    Program("modelled-plainly", _modelled_plainly, {"modelled-plainly": _value(["model", 1, 0, 1])}),
)
