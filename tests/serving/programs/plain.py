"""Plain functions, whose code runs in threads."""

from __future__ import annotations

import functools

import inngest
from tests.serving.corpus import RACE, Handler, program
from tests.serving.world import World


@program([0, 1, 2])
def plain_sequence(world: World) -> Handler:
    def run(ctx: inngest.ContextSync) -> object:
        return [ctx.step.run(f"s{n}", world.does_sync(f"s{n}", n)) for n in range(3)]

    return run


@program([["y0", "y1", "y2"], "end"])
def plain_parallel(world: World) -> Handler:
    def run(ctx: inngest.ContextSync) -> object:
        branches = tuple(
            functools.partial(ctx.step.run, f"y{n}", world.does_sync(f"y{n}", f"y{n}", 20 + 9 * n)) for n in range(3)
        )
        return [list(ctx.group.parallel(branches)), ctx.step.run("end", world.does_sync("end", "end"))]

    return run


@program([["a1", "a2"], ["b1", "b2"]], paced=True)
def plain_chains(world: World) -> Handler:
    def run(ctx: inngest.ContextSync) -> object:
        def chain(name: str, ms: float) -> list[object]:
            one = ctx.step.run(f"{name}1", world.does_sync(f"{name}1", f"{name}1", ms))
            return [one, ctx.step.run(f"{name}2", world.does_sync(f"{name}2", f"{name}2", ms))]

        return list(ctx.group.parallel((lambda: chain("a", 10), lambda: chain("b", 33)), RACE))

    return run


@program([6, 15])
def more_plain_branches_than_at_a_time(world: World) -> Handler:
    """There are four at a time, see `test_modes`."""

    def run(ctx: inngest.ContextSync) -> object:
        branches = [functools.partial(ctx.step.run, "one", world.does_sync(f"w{n}", n, 10 + n)) for n in range(6)]
        values = ctx.group.parallel(branches)
        return [len(values), sum(values)]

    return run


@program([1, "fast", "next"], races=True)
def plain_race(world: World) -> Handler:
    def run(ctx: inngest.ContextSync) -> object:
        def sleeps() -> object:
            ctx.step.sleep("nap", 50_000)
            return "slept"

        index, value = ctx.group.race((sleeps, lambda: ctx.step.run("fast", world.does_sync("fast", "fast", 10))))
        return [index, value, ctx.step.run("next", world.does_sync("next", "next"))]

    return run


@program(["ok", 2, "woken by go"], retries=2)
def plain_failures_and_sends(world: World) -> Handler:
    def run(ctx: inngest.ContextSync) -> object:
        value = ctx.step.run("flaky", world.does_sync("flaky", "ok", fails=2))
        ids = ctx.step.send_event("send", [inngest.Event(name="test/one"), inngest.Event(name="test/two")])
        return [value, len(ids), ctx.step.send_signal("signal", "go")]

    return run


@program(["work", "after"], arrivals={"hit": (80, '{"id":"1","name":"test/hit","data":{},"ts":1}')})
def plain_waits(world: World) -> Handler:
    def run(ctx: inngest.ContextSync) -> object:
        def waits() -> object:
            return ctx.step.wait_for_event("hit", event="test/hit", timeout=1_000) is not None

        _, work = ctx.group.parallel((waits, lambda: ctx.step.run("work", world.does_sync("work", "work", 30))))
        return [work, ctx.step.run("after", world.does_sync("after", "after"))]

    return run
