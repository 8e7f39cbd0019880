"""Concurrency, throttle and priority as a developer sees them."""

from __future__ import annotations

import asyncio
import datetime
import functools
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from pathlib import Path

import pytest

import inngest
from inngest import Run
from tests.embedded.stage import Stage
from tests.processes import PATIENCE

START = "test/start"


class Meter:
    """How many execute at the same time, by key."""

    def __init__(self) -> None:
        self.now: Counter[object] = Counter()
        self.most: Counter[object] = Counter()
        self.seen: list[object] = []

    async def work(self, key: object = None) -> None:
        """Execute for some turns of the loop, so that others can be seen beside."""
        self.seen.append(key)
        self.now[key] += 1
        self.most[key] = max(self.most[key], self.now[key])
        try:
            for _ in range(50):
                await asyncio.sleep(0)
        finally:
            self.now[key] -= 1


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def send(engine: inngest.Engine, *data: Mapping[str, object]) -> list[Run]:
    """Start runs, and wait until all have ended."""
    await engine.send([inngest.Event(name=START, data=one) for one in data])
    runs = await engine.runs(limit=1_000)
    await asyncio.gather(*(engine.wait(run.id) for run in runs))
    return await engine.runs(limit=1_000)


def limited(meter: Meter) -> Callable[[inngest.Context], Awaitable[None]]:
    async def body(ctx: inngest.Context) -> None:
        key = ctx.event.data.get("user")
        await ctx.step.run("first", meter.work, key)
        await ctx.step.sleep("nap", 5)
        await ctx.step.run("second", meter.work, key)

    return body


async def test_each_user_has_slots_of_their_own(stage: Stage) -> None:
    meter = Meter()
    function = stage.function(limited(meter), concurrency=[inngest.Concurrency(limit=2, key="event.data.user")])
    async with stage.engine(function) as engine:
        runs = await send(engine, *[{"user": "a"}] * 9, *[{"user": "b"}] * 5)
    assert {run.status for run in runs} == {"COMPLETED"}
    assert meter.most == {"a": 2, "b": 2}
    assert len(meter.seen) == 28


async def test_a_run_that_sleeps_has_no_slot(stage: Stage) -> None:
    """The first run sleeps until the second, which needs the only slot, has let it go on."""
    woken = asyncio.Event()

    async def body(ctx: inngest.Context) -> str:
        if ctx.event.data["first"]:
            await ctx.step.sleep("long", 3_600_000)
            return "never"

        async def wake() -> None:
            woken.set()

        await ctx.step.run("wake", wake)
        return "done"

    function = stage.function(body, concurrency=[inngest.Concurrency(limit=1)])
    async with stage.engine(function) as engine:
        await engine.send([inngest.Event(name=START, data={"first": first}) for first in (True, False)])
        await asyncio.wait_for(woken.wait(), PATIENCE)


async def test_steps_of_one_run_need_slots_too(stage: Stage) -> None:
    meter = Meter()

    async def body(ctx: inngest.Context) -> int:
        await asyncio.gather(*(ctx.step.run(f"step-{index}", meter.work) for index in range(50)))
        return 50

    function = stage.function(body, concurrency=[inngest.Concurrency(limit=1)])
    async with stage.engine(function) as engine:
        assert await engine.invoke(function) == 50
    assert (meter.most[None], len(meter.seen)) == (1, 50)


async def test_a_run_takes_the_slots_that_are_free_and_gives_them_back(stage: Stage) -> None:
    meter = Meter()
    together = asyncio.Barrier(4)

    async def meet() -> None:
        await together.wait()

    async def body(ctx: inngest.Context) -> None:
        await asyncio.gather(*(ctx.step.run(f"meet-{index}", meet) for index in range(4)))
        await asyncio.gather(*(ctx.step.run(f"step-{index}", meter.work) for index in range(30)))

    function = stage.function(body, concurrency=[inngest.Concurrency(limit=4)])
    async with stage.engine(function) as engine:
        for _ in range(3):
            await engine.invoke(function)
    assert meter.most[None] <= 4  # and four of them met


def test_plain_functions_have_slots(stage: Stage) -> None:
    now = most = 0

    def work() -> None:
        nonlocal now, most
        now += 1
        most = max(most, now)
        now -= 1

    def body(ctx: inngest.ContextSync) -> int:
        ctx.group.parallel(tuple(functools.partial(ctx.step.run, f"s{index}", work) for index in range(20)))
        return 20

    function = stage.function(body, concurrency=[inngest.Concurrency(limit=1)])
    with inngest.Engine([function], database=stage.database) as engine:
        assert engine.invoke_sync(function) == 20
    assert most == 1


async def test_a_call_that_is_given_up_while_it_waits_for_a_slot_never_runs(stage: Stage) -> None:
    started: list[str] = []
    running, gate = asyncio.Event(), asyncio.Event()

    async def body(ctx: inngest.Context) -> None:
        async def hold() -> None:
            started.append("hold")
            running.set()
            await gate.wait()

        async def waits() -> None:
            started.append("waits")

        holding = asyncio.ensure_future(ctx.step.run("hold", hold))
        await running.wait()
        waiting = asyncio.ensure_future(ctx.step.run("waits", waits))
        for _ in range(20):
            await asyncio.sleep(0)
        waiting.cancel()
        gate.set()
        await asyncio.wait([holding, waiting])
        await ctx.step.run("after", waits)

    function = stage.function(body, concurrency=[inngest.Concurrency(limit=1)])
    async with stage.engine(function) as engine:
        await engine.invoke(function)
    assert started == ["hold", "waits"]


async def test_functions_share_a_limit_of_the_environment(stage: Stage) -> None:
    meter = Meter()
    shared = [inngest.Concurrency(limit=2, key="event.data.user", scope="env")]
    functions = [stage.function(limited(meter), name, concurrency=shared) for name in ("one", "two")]
    async with stage.engine(*functions) as engine:
        await send(engine, *[{"user": "a"}] * 6)
    assert meter.most == {"a": 2}


async def test_a_run_that_fails_gives_its_slot_back(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        raise ValueError("no")

    function = stage.function(body, concurrency=[inngest.Concurrency(limit=1)], retries=2)
    async with stage.engine(function) as engine:
        await engine.send([inngest.Event(name=START) for _ in range(4)])
        runs = await engine.runs()
        ended = await asyncio.gather(*(engine.wait(run.id) for run in runs), return_exceptions=True)
    assert [str(error).rpartition(" ")[2] for error in ended] == ["no"] * 4


async def test_slots_survive_a_restart(stage: Stage) -> None:
    meter = Meter()
    function = stage.function(limited(meter), concurrency=[inngest.Concurrency(limit=1)])
    stage.options["drain_timeout"] = 0
    async with stage.engine(function) as engine:
        await engine.send([inngest.Event(name=START) for _ in range(6)])
    async with stage.engine(function) as engine:
        runs = await engine.runs()
        await asyncio.gather(*(engine.wait(run.id) for run in runs))
    assert meter.most[None] == 1
    assert len(runs) == 6


async def test_starts_are_spread_over_time(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.sleep("nap", 1)

    function = stage.function(body, throttle=inngest.Throttle(limit=20, period=1_000, burst=3))
    async with stage.engine(function) as engine:
        runs = await send(engine, *[{}] * 8)
    starts = sorted(run.started_at for run in runs if run.started_at is not None)
    assert len(starts) == 8
    since_first = [(start - starts[0]) // datetime.timedelta(milliseconds=1) for start in starts]
    assert all(elapsed >= 50 * (place - 2) for place, elapsed in enumerate(since_first))


async def test_a_priority_lets_a_run_begin_first(stage: Stage) -> None:
    order: list[object] = []

    async def body(ctx: inngest.Context) -> None:
        order.append(ctx.event.data["rank"])

    function = stage.function(
        body, concurrency=[inngest.Concurrency(limit=1)], priority=inngest.Priority(run="event.data.rank")
    )
    async with stage.engine(function) as engine:
        await send(engine, *({"rank": rank} for rank in (0, -5, 5, 600)))
    assert order == [0, 600, 5, -5]


async def test_one_tenant_does_not_keep_another_waiting(stage: Stage) -> None:
    """Beside 300 runs of one, the first run of another begins within two turns of the slots that they share."""
    order: list[object] = []

    async def body(ctx: inngest.Context) -> None:
        order.append(ctx.event.data["user"])

    limits = [inngest.Concurrency(limit=2), inngest.Concurrency(limit=2, key="event.data.user")]
    function = stage.function(body, concurrency=limits)
    async with stage.engine(function) as engine:
        await send(engine, *[{"user": "big"}] * 300, {"user": "small"})
    assert order.index("small") <= 6
    assert len(order) == 301
