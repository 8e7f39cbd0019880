"""Programs whose way depends on which of several open steps is answered first: it must be the same in every replay."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

import inngest
from inngest.sdk.function import Function
from tests.simulation.outside import Outside
from tests.simulation.scenario import APP, End, Program


def _payers(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="payers", trigger=inngest.TriggerEvent(event=f"{APP}/payers"))
    async def payers(ctx: inngest.Context) -> Sequence[tuple[str, str, str]]:
        async def pay(who: str) -> tuple[str, str, str]:
            fetched = await ctx.step.run("fetch-x", out.does(f"{who} owes"))
            return who, fetched, await ctx.step.run("charge", out.does(f"{who} paid"))

        return await asyncio.gather(pay("alice"), pay("bob"))

    return [payers]


def _nobody_pays_for_the_other(end: End) -> bool:
    return end.value == [[who, f"{who} owes", f"{who} paid"] for who in ("alice", "bob")]


def _first(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="first", trigger=inngest.TriggerEvent(event=f"{APP}/first"))
    async def first(ctx: inngest.Context) -> list[str]:
        left = asyncio.create_task(ctx.step.run("left", out.does("left")))
        right = asyncio.create_task(ctx.step.run("right", out.does("right")))
        done, _ = await asyncio.wait([left, right], return_when=asyncio.FIRST_COMPLETED)
        winner = next(iter(done)).result()
        taken = await ctx.step.run(f"take-{winner}", out.does(winner))
        return [winner, taken, *(await asyncio.gather(left, right))]

    return [first]


def _first_is_first(end: End) -> bool:
    winner = "left" if end.place("left") < end.place("right") else "right"
    return end.value == [winner, winner, "left", "right"]


def _hasty(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="hasty", trigger=inngest.TriggerEvent(event=f"{APP}/hasty"))
    async def hasty(ctx: inngest.Context) -> str:
        tasks = [asyncio.create_task(ctx.step.run(name, out.does(name))) for name in ("left", "right")]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return next(iter(done)).result()

    return [hasty]


def _winner_came_first(end: End) -> bool:
    return end.value == ("left" if end.place("left") < end.place("right") else "right")


def _completed(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="completed", trigger=inngest.TriggerEvent(event=f"{APP}/completed"))
    async def completed(ctx: inngest.Context) -> list[list[str]]:
        # Tasks, because as_completed begins bare coroutines in an order that depends on where they lie in memory.
        tasks = [asyncio.create_task(ctx.step.run(name, out.does(name))) for name in "abcd"]
        order: list[list[str]] = []
        for number, task in enumerate(asyncio.as_completed(tasks)):
            name = await task
            order.append([name, await ctx.step.run(f"note-{number}", out.does(name))])
        return order

    return [completed]


def _in_order_of_commits(end: End) -> bool:
    order = sorted("abcd", key=end.place)
    return end.value == [[name, name] for name in order]


def _deep(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="deep", trigger=inngest.TriggerEvent(event=f"{APP}/deep"))
    async def deep(ctx: inngest.Context) -> list[list[Any]]:
        async def nest(tree: int, leaf: int) -> list[str]:
            await ctx.step.run("a", out.does(None))
            names = (f"b{tree}{leaf}", f"c{tree}{leaf}")
            return await asyncio.gather(*(ctx.step.run("bc", out.does(name)) for name in names))

        async def tree(number: int) -> list[Any]:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(nest(number, leaf)) for leaf in range(2)]
            return await ctx.step.run("join", out.does([number, [task.result() for task in tasks]]))

        trees = [asyncio.create_task(tree(number)) for number in range(2)]
        return sorted([await one for one in asyncio.as_completed(trees)])

    return [deep]


_TREES = [[tree, [[f"b{tree}{leaf}", f"c{tree}{leaf}"] for leaf in range(2)]] for tree in range(2)]


def _race_with_sleep(client: inngest.Inngest, out: Outside, _: int) -> Sequence[Function[Any]]:
    @client.create_function(fn_id="race", trigger=inngest.TriggerEvent(event=f"{APP}/race"))
    async def race(ctx: inngest.Context) -> list[str]:
        async def work() -> str:
            await ctx.step.run("work", out.does(None, ms=900))
            return await ctx.step.run("more", out.does("worked", ms=900))

        async def clock() -> str:
            await ctx.step.sleep("tick", 500)
            await ctx.step.sleep("tick", 700)
            return "slept"

        tasks = [asyncio.create_task(work()), asyncio.create_task(clock())]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        winner = next(iter(done)).result()
        return [winner, await ctx.step.run("note", out.does(winner)), *(await asyncio.gather(*tasks))]

    return [race]


def _race_was_decided(end: End) -> bool:
    winner = "worked" if end.place("more") < end.place("tick:1") else "slept"
    return end.value == [winner, winner, "worked", "slept"]


PROGRAMS = (
    Program("payers", _payers, {"payers": _nobody_pays_for_the_other}),
    Program("first", _first, {"first": _first_is_first}),
    Program("hasty", _hasty, {"hasty": _winner_came_first}),
    Program("completed", _completed, {"completed": _in_order_of_commits}),
    Program("deep", _deep, {"deep": lambda end: end.value == _TREES}),
    Program("race", _race_with_sleep, {"race": _race_was_decided}),
)
