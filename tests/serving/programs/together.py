"""Programs whose steps run at a time."""

from __future__ import annotations

import asyncio
import functools

import inngest
from tests.serving.corpus import RACE, Handler, program
from tests.serving.world import World


@program(["first", 0, 1, 2, "last"])
def gathered(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        first = await ctx.step.run("first", world.does("first", "first"))
        rest = await asyncio.gather(*(ctx.step.run(f"g{n}", world.does(f"g{n}", n, 10 + 7 * n)) for n in range(3)))
        return [first, *rest, await ctx.step.run("last", world.does("last", "last"))]

    return run


@program([["a1", "a2"], ["b1", "b2"]], paced=True)
def chains(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        async def chain(name: str, ms: float) -> list[object]:
            one = await ctx.step.run(f"{name}1", world.does(f"{name}1", f"{name}1", ms))
            return [one, await ctx.step.run(f"{name}2", world.does(f"{name}2", f"{name}2", ms))]

        return await asyncio.gather(chain("a", 10), chain("b", 33))

    return run


def _grouped_chains(world: World, mode: inngest.ParallelMode) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        async def chain(name: str, ms: float) -> list[object]:
            one = await ctx.step.run(f"{name}1", world.does(f"{name}1", f"{name}1", ms))
            return [one, await ctx.step.run(f"{name}2", world.does(f"{name}2", f"{name}2", ms))]

        branches = (functools.partial(chain, "a", 10), functools.partial(chain, "b", 33))
        return [*await ctx.group.parallel(branches, mode), await ctx.step.run("end", world.does("end", "end"))]

    return run


@program([["a1", "a2"], ["b1", "b2"], "end"], paced=True)
def parallel_wait(world: World) -> Handler:
    return _grouped_chains(world, inngest.ParallelMode.WAIT)


@program([["a1", "a2"], ["b1", "b2"], "end"], paced=True)
def parallel_race(world: World) -> Handler:
    return _grouped_chains(world, RACE)


@program([["x"], []])
def parallel_of_one_and_of_none(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        one = await ctx.group.parallel((lambda: ctx.step.run("x", world.does("x", "x")),))
        return [list(one), list(await ctx.group.parallel(()))]

    return run


@program([["t0", "t1"], ["n1", "n2"]])
def nested_task_groups(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        async def nested() -> object:
            return await asyncio.gather(
                ctx.step.run("n1", world.does("n1", "n1", 15)), ctx.step.run("n2", world.does("n2", "n2", 25))
            )

        async with asyncio.TaskGroup() as group:
            tasks = [
                group.create_task(ctx.step.run(f"t{n}", world.does(f"t{n}", f"t{n}", 20 + 20 * n))) for n in range(2)
            ]
            inner = group.create_task(nested())
        return [[task.result() for task in tasks], inner.result()]

    return run


@program([["c2", "c1", "c0"], "after c2"])
def as_completed(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        steps = [ctx.step.run(f"c{n}", world.does(f"c{n}", f"c{n}", 50 * (3 - n))) for n in range(3)]
        order = [await one for one in asyncio.as_completed(steps)]
        return [order, await ctx.step.run(f"after {order[0]}", world.does("after", f"after {order[0]}"))]

    return run


@program(["fast", "then"], paced=True)
def first_completed(world: World) -> Handler:
    """The slow step is left behind."""

    async def run(ctx: inngest.Context) -> object:
        tasks = [
            asyncio.create_task(ctx.step.run("slow", world.does("slow", "slow", 300))),
            asyncio.create_task(ctx.step.run("fast", world.does("fast", "fast", 10))),
        ]
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        return [done.pop().result(), await ctx.step.run("then", world.does("then", "then", 20))]

    return run


@program(["soon", "late"])
def a_branch_in_io(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        await asyncio.sleep(0.05)
        await ctx.step.run("i1", world.does("i1", 1))

        async def late() -> object:
            await asyncio.sleep(0.1)
            return await ctx.step.run("late", world.does("late", "late", 200))

        return await asyncio.gather(ctx.step.run("soon", world.does("soon", "soon", 40)), late())

    return run


@program([["q1", "q2"], "after"], paced=True)
def a_branch_that_sleeps(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        async def works() -> list[object]:
            one = await ctx.step.run("q1", world.does("q1", "q1", 20))
            return [one, await ctx.step.run("q2", world.does("q2", "q2", 20))]

        async def sleeps() -> object:
            await ctx.step.sleep("nap", 30)
            return await ctx.step.run("after", world.does("after", "after", 25))

        return await asyncio.gather(works(), sleeps())

    return run


@program([list(range(20)), 190])
def many_of_one_id(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        values = await asyncio.gather(*(ctx.step.run("one", world.does(f"m{n}", n, 10 + n)) for n in range(20)))
        return [values, await ctx.step.run("sum", world.does("sum", sum(values)))]

    return run


@program([["r1", ["p1", "p2"]], "done"], paced=True)
def a_parallel_in_a_race(world: World) -> Handler:
    async def run(ctx: inngest.Context) -> object:
        async def both() -> list[object]:
            pair = (
                lambda: ctx.step.run("p1", world.does("p1", "p1", 15)),
                lambda: ctx.step.run("p2", world.does("p2", "p2", 35)),
            )
            return list(await ctx.group.parallel(pair))

        async def one() -> object:
            return await ctx.step.run("r1", world.does("r1", "r1", 25))

        found = await ctx.group.parallel((one, both), RACE)
        return [list(found), await ctx.step.run("done", world.does("done", "done"))]

    return run
