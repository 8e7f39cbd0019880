"""Programs whose code is changed at each start of a process, and changed back at the next (P9).

A run that other code began is put on hold, or goes on where the codes do not differ; nothing that the wrong code would
do happens. While a run is on hold the world deploys (`World._deploy`), so every run completes. Each says in its result
which version finished it: then what is recorded is what that version does, step by step, and nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import FlakyError, Outside
from tests.simulation.scenario import APP, End, Program

Steps = tuple[str, ...]


def _value(step: str) -> str | None:
    return None if step.startswith("~") else f"did {step}"


def _changing(name: str, before: Steps, after: Steps, **options: Any) -> Program:
    """A program that calls steps in sequence; a step named `~x` is the step x as a sleep."""

    def make(client: inngest.Inngest, out: Outside, version: int) -> Sequence[Function[Any]]:
        changed = version % 2
        trigger = inngest.TriggerEvent(event=f"{APP}/{name}")

        @client.create_function(fn_id=name, retries=1, trigger=trigger, **options)
        async def changing(ctx: inngest.Context) -> list[Any]:
            said: list[Any] = ["after" if changed else "before"]
            for step in after if changed else before:
                if step.startswith("~"):
                    await ctx.step.sleep(step[1:], 100)
                    said.append(None)
                else:
                    said.append(await ctx.step.run(step, out.does(f"did {step}")))
            return said

        return [changing]

    return Program(name, make, {name: _as_one_of(before, after)}, replays=False)


def _as_one_of(before: Steps, after: Steps) -> Callable[[End], bool]:
    def judge(end: End) -> bool:
        if end.status != "COMPLETED" or not isinstance(end.value, list):
            return False
        steps = after if end.value[0] == "after" else before
        if end.value[1:] != [_value(step) for step in steps]:
            return False
        kinds = [(name, str(row["kind"])) for name, row in end.memos]
        return kinds == [(step.lstrip("~"), "Sleep" if step.startswith("~") else "StepRun") for step in steps]

    return judge


def _plainly(client: inngest.Inngest, out: Outside, version: int) -> Sequence[Function[Any]]:
    trigger = inngest.TriggerEvent(event=f"{APP}/plainly-changed")

    @client.create_function(fn_id="plainly-changed", retries=1, trigger=trigger)
    def plainly_changed(ctx: inngest.ContextSync) -> list[Any]:
        steps = ("a", "x", "b") if version % 2 else ("a", "b")
        return [
            "after" if version % 2 else "before",
            *(ctx.step.run(one, out.does_plain(f"did {one}")) for one in steps),
        ]

    return [plainly_changed]


def _patched(client: inngest.Inngest, out: Outside, version: int) -> Sequence[Function[Any]]:
    """The first process has the old code, all others the new one, which knows the old way."""
    trigger = inngest.TriggerEvent(event=f"{APP}/patched")

    @client.create_function(fn_id="patched", retries=1, trigger=trigger)
    async def patched(ctx: inngest.Context) -> list[Any]:
        said = [await ctx.step.run("a", out.does("did a"))]
        if version and ctx.patched("mail"):
            said.append(await ctx.step.run("mail", out.does("did mail")))
        await ctx.step.sleep("z", 300)
        said.append(await ctx.step.run("b", out.does("did b", fails=1)))
        return said

    return [patched]


def _took_one_way(end: End) -> bool:
    """The new step is done where it stands, or not at all: never where the old code had gone on."""
    mailed = end.memo("mail") is not None
    names = [name for name, _ in end.memos]
    return names == (["a", "mail", "z", "b"] if mailed else ["a", "z", "b"]) and end.value == [
        f"did {name}" for name in names if name != "z"
    ]


def _beside(client: inngest.Inngest, out: Outside, version: int) -> Sequence[Function[Any]]:
    """A step is renamed while another one beside it waits for its next attempts."""
    names = ("a2", "b") if version % 2 else ("a", "b")

    @client.create_function(
        fn_id="renamed-beside", retries=3, trigger=inngest.TriggerEvent(event=f"{APP}/renamed-beside")
    )
    async def renamed_beside(ctx: inngest.Context) -> list[Any]:
        async def chain() -> list[Any]:
            return [await ctx.step.run(one, out.does(f"did {one}")) for one in names]

        flaky = out.does("flaky", fails=3, error=lambda: inngest.RetryAfterError("later", 4_000))
        side, said = await asyncio.gather(ctx.step.run("flaky", flaky), chain())
        return [side, *said]

    return [renamed_beside]


def _did_one_chain(end: End) -> bool:
    chains = (["a", "b"], ["a2", "b"])
    done = [name for name, _ in end.memos if name != "flaky"]
    return done in chains and end.value == ["flaky", *(f"did {name}" for name in done)]


def _away(name: str, *seconds: float, deploys: bool = True) -> Program:
    """Unchanged: a branch awaits something outside its steps, in each process for another while."""

    def make(client: inngest.Inngest, out: Outside, version: int) -> Sequence[Function[Any]]:
        away_for = seconds[version % len(seconds)] if deploys else seconds[min(version, len(seconds) - 1)]

        @client.create_function(fn_id=name, retries=1, trigger=inngest.TriggerEvent(event=f"{APP}/{name}"))
        async def away(ctx: inngest.Context) -> list[Any]:
            async def far() -> object:
                await asyncio.sleep(away_for)
                return await ctx.step.run("far", out.does("far"))

            async def near() -> object:
                await ctx.step.run("near", out.does(None))
                return await ctx.step.run("nearer", out.does("near", ms=4_000))

            return list(await asyncio.gather(near(), far()))

        return [away]

    ends = {name: lambda end: end.value == ["near", "far"]}
    return Program(name, make, ends, replays=len(seconds) == 1, deploys=deploys)


def _aside(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    """Unchanged: a task makes steps aside; the body fails once, then returns before the task comes to its second."""

    @client.create_function(fn_id="aside", retries=8, trigger=inngest.TriggerEvent(event=f"{APP}/aside"))
    async def aside(ctx: inngest.Context) -> str:
        again = ctx.attempt > 0

        async def side() -> None:
            await ctx.step.run("s1", out.does("s1", ms=1))
            await asyncio.sleep(3_600 if again else 0.3)
            await ctx.step.run("s2", out.does("s2", ms=1))
            await asyncio.sleep(60)

        task = asyncio.create_task(side())
        await asyncio.sleep(0.1 if again else 3.0)
        if not again:
            raise FlakyError
        return "ended" if task.done() else "goes on"

    return [aside]


def _lost(client: inngest.Inngest, out: Outside, version: int) -> Sequence[Function[Any]]:
    """Unchanged: what a loser had recorded it does not come to in other processes, where it is away for longer."""

    @client.create_function(fn_id="lost", retries=1, trigger=inngest.TriggerEvent(event=f"{APP}/lost"))
    async def lost(ctx: inngest.Context) -> list[Any]:
        async def stubborn() -> str:
            with contextlib.suppress(asyncio.CancelledError):
                await asyncio.sleep(0.3)
            return "d"

        async def wins() -> object:
            await ctx.step.run("a", out.does("a", ms=10))
            return await ctx.step.run("b", out.does("b", ms=100))

        async def loses() -> object:
            await ctx.step.run("c", out.does("c", ms=20))
            await asyncio.sleep(9.0 if version else 0)
            return await ctx.step.run("d", stubborn)

        winner, _ = await ctx.group.race((wins, loses))
        return [winner, await ctx.step.run("e", out.does("e", ms=2_000))]

    return [lost]


CHANGED = (
    _changing("changed-kind", ("a", "b", "c"), ("a", "~b", "c")),
    _changing("changed-back", ("a", "~b", "c"), ("a", "b", "c")),
    _changing("removed", ("a", "b", "c"), ("a", "c")),
    _changing("cut", ("a", "b", "c"), ("a", "b")),
    _changing("inserted", ("a", "b"), ("a", "x", "b")),
    _changing("slept", ("a", "b"), ("a", "~x", "b")),
    _changing("swapped", ("a", "b", "c"), ("b", "a", "c")),
    _changing("renamed", ("a", "b", "~z", "c"), ("a", "b2", "~z", "c")),
    _changing("renamed-in-line", ("a", "~z", "b"), ("a2", "~z", "b"), concurrency=[inngest.Concurrency(limit=1)]),
    Program("plainly-changed", _plainly, {"plainly-changed": _as_one_of(("a", "b"), ("a", "x", "b"))}, replays=False),
    Program("renamed-beside", _beside, {"renamed-beside": _did_one_chain}, replays=False),
    Program("patched", _patched, {"patched": _took_one_way}, replays=False),
    _away("away", 2.5),
    _away("away-for-longer", 0.0, 2.5, 0.3),
    _away("away-for-good", 0.0, 6.0, deploys=False),
    Program("aside", _aside, {"aside": lambda end: end.value == "goes on"}, replays=False, deploys=False),
    Program("lost", _lost, {"lost": lambda end: end.value in ([0, "e"], [1, "e"])}, replays=False, deploys=False),
)
