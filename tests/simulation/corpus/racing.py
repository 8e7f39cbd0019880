"""Programs in which the first branch to finish wins: who wins is told by the order of commits, and nothing is left of
the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, End, Looking, Posting, Program

from .waiting import MINE, came


def _races(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="races", retries=1, trigger=inngest.TriggerEvent(event=f"{APP}/races"))
    async def races(ctx: inngest.Context) -> list[object]:
        async def works() -> object:
            try:
                await ctx.step.run("work", out.does(None, fails=1))
                return await ctx.step.run("more", out.does("worked"))
            finally:
                await ctx.step.run("tidy", out.does(None))

        async def waits() -> object:
            found = await ctx.step.wait_for_event("go", event=f"{APP}/races-go", timeout=60_000, if_exp=MINE)
            return None if found is None else "came"

        async def sleeps() -> object:
            await ctx.step.sleep("nap", 1_100)
            return "slept"

        winner, value = await ctx.group.race((works, waits, sleeps))
        await ctx.step.sleep("then", 800)
        return [winner, value, await ctx.step.run("end", out.does("end"))]

    return [races]


_LAST = ("more", "go", "nap")
"""The last steps of the branches."""


def _first_is_first(end: End) -> bool:
    done = [(end.place(step), index) for index, step in enumerate(_LAST) if _is_done(end, step)]
    # The branch that works comes to its end with the step that tidies.
    places = [(end.place("tidy"), 0) if index == 0 else (place, index) for place, index in done]
    if not places:
        return False
    winner = min(places)[1]
    value = ("worked", came(end, "go"), "slept")[winner]
    closed = all(end.memo(step) is None or end.place(step) < end.place("then") for step in (*_LAST, "work", "tidy"))
    return end.value == [winner, value, "end"] and closed


def _is_done(end: End, step: str) -> bool:
    memo = end.memo(step)
    return memo is not None and not memo["cancelled"]


def _head_to_head(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="head-to-head", trigger=inngest.TriggerEvent(event=f"{APP}/head-to-head"))
    async def head_to_head(ctx: inngest.Context) -> list[object]:
        async def short(number: int) -> object:
            return await ctx.step.run(f"short-{number}", out.does("short", ms=10))

        async def long(number: int) -> object:
            await ctx.step.run(f"long-{number}", out.does(None, ms=10 + number))
            return await ctx.step.run(f"longer-{number}", out.does("long", ms=1))

        races = [await ctx.group.race((lambda n=n: long(n), lambda n=n: short(n))) for n in range(6)]  # type: ignore[misc]
        return [value for _, value in races]

    return [head_to_head]


def _who_lost_did_nothing_more(end: End) -> bool:
    """What the loser had done is recorded; what it would have begun after it lost was never begun."""
    for number in range(6):
        done = end.place(f"short-{number}") < end.place(f"long-{number}")
        if done and end.memo(f"longer-{number}") is not None:
            return False
    return isinstance(end.value, list) and set(end.value) <= {"short", "long"}


def _races_plainly(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    trigger = inngest.TriggerEvent(event=f"{APP}/races-plainly")

    @client.create_function(fn_id="races-plainly", trigger=trigger)
    def races_plainly(ctx: inngest.ContextSync) -> list[object]:
        def quick() -> str:
            return ctx.step.run("quick", out.does_plain("quick", ms=200))

        def slow() -> str:
            ctx.step.run("slow", out.does_plain(None, ms=9_000, looks=True))
            return ctx.step.run("slower", out.does_plain("slower"))

        def sleepy() -> str:
            ctx.step.sleep("nap", 30_000)
            return "slept"

        winner, value = ctx.group.race((slow, quick, sleepy))
        ctx.step.sleep("then", 800)
        return [winner, value, ctx.step.run("end", out.does_plain("end"))]

    return [races_plainly]


def _stopped_when_asked(end: End) -> bool:
    return end.value == [1, "quick", "end"] and not _is_done(end, "slow") and not _is_done(end, "nap")


def _loses_its_work(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="fails-first", retries=0, trigger=inngest.TriggerEvent(event=f"{APP}/fails-first"))
    async def fails_first(ctx: inngest.Context) -> list[object]:
        async def fails() -> object:
            return await ctx.step.run("bad", out.does("?", ms=100, fails=9))

        async def lasts() -> object:
            return await ctx.step.run("long", out.does("?", ms=9_000))

        try:
            said: object = await ctx.group.race((lasts, fails))
        except inngest.StepError as error:
            said = error.message
        return [said, await ctx.step.run("end", out.does("end"))]

    return [fails_first]


def _value(value: object) -> Any:
    return lambda end: end.status == "COMPLETED" and end.value == value


PROGRAMS = (
    Program(
        "races",
        _races,
        {"races": _first_is_first},
        meanwhile=(Posting("races-go", (0, 2_500)),),
        looks={"go": Looking()},
    ),
    Program("head-to-head", _head_to_head, {"head-to-head": _who_lost_did_nothing_more}),
    Program("races-plainly", _races_plainly, {"races-plainly": _stopped_when_asked}),
    Program("fails-first", _loses_its_work, {"fails-first": _value(["attempt 0", "end"])}),
)
