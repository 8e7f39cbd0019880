"""A slot belongs to a handler until it returns, whatever becomes of its run meanwhile."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import inngest
from inngest import Rule
from tests.embedded import databases
from tests.wall_clock import WallClock

SLOW = 20_000
"""Milliseconds after which a test that would hang fails."""


class Hall:
    """Handlers that go on until they are let go, and how many do so at a time."""

    def __init__(self) -> None:
        self.doors: list[threading.Event] = []
        self.open = False
        self.most = 0
        self.entered = threading.Event()  # somebody has
        self._here = 0
        self._lock = threading.Lock()

    def enter(self) -> None:
        """A plain handler, or body: here until its door opens."""
        door = threading.Event()
        with self._lock:
            self._here += 1
            self.most = max(self.most, self._here)
            self.doors.append(door)
            if self.open:
                door.set()
        self.entered.set()
        door.wait()
        with self._lock:
            self._here -= 1

    def open_all(self) -> None:
        """Let all go on, and whoever comes."""
        with self._lock:
            self.open = True
            doors = list(self.doors)
        for door in doors:
            door.set()


@pytest.fixture
def hall() -> Iterator[Hall]:
    hall = Hall()
    yield hall
    hall.open_all()


@pytest.fixture
def database(tmp_path: Path) -> str:
    return databases.url_in(tmp_path)


class Cast:
    """Plain functions that may execute one at a time, by all of its limits."""

    def __init__(self, hall: Hall) -> None:
        self.client = client = inngest.Inngest(app_id="slots")

        @client.create_function(
            fn_id="steps",
            trigger=inngest.TriggerEvent(event="steps"),
            concurrency=[inngest.Concurrency(limit=1)],
            cancel=[inngest.Cancel(event="stop")],
        )
        def steps(ctx: inngest.ContextSync) -> None:
            ctx.step.run("enter", hall.enter)

        @client.create_function(
            fn_id="body", trigger=inngest.TriggerEvent(event="body"), concurrency=[inngest.Concurrency(limit=1)]
        )
        def body(ctx: inngest.ContextSync) -> None:
            hall.enter()

        @client.create_function(
            fn_id="late",
            trigger=inngest.TriggerEvent(event="late"),
            concurrency=[inngest.Concurrency(limit=1)],
            timeouts=inngest.Timeouts(finish=3_600_000),
        )
        def late(ctx: inngest.ContextSync) -> None:
            ctx.step.run("enter", hall.enter)

        @client.create_function(
            fn_id="broad",
            trigger=inngest.TriggerEvent(event="broad"),
            concurrency=[inngest.Concurrency(limit=3)],
        )
        def broad(ctx: inngest.ContextSync) -> None:
            ctx.group.parallel(tuple(lambda: ctx.step.run("enter", hall.enter) for _ in range(3)))


@pytest.fixture
async def engine(hall: Hall, database: str) -> AsyncIterator[inngest.Engine]:
    async with inngest.Engine(Cast(hall).client, database=database) as engine:
        yield engine
        hall.open_all()


async def send(engine: inngest.Engine, name: str) -> str:
    (event_id,) = await engine.send(inngest.Event(name=name))
    (run,) = await engine.runs(event_id=event_id)
    return run.id


async def here(hall: Hall, count: int) -> None:
    """Wait until so many have come in."""
    async with asyncio.timeout(SLOW / 1000):
        while len(hall.doors) < count:  # noqa: ASYNC110 - threads come in, and nothing tells the loop
            await asyncio.sleep(0.01)


async def waits_for(engine: inngest.Engine, run_id: str, rule: Rule) -> str:
    """Wait until a rule holds a run; what is said of it."""
    async with asyncio.timeout(SLOW / 1000):
        while True:
            for reason in (await engine.explain(run_id)).reasons:
                if reason.rule is rule:
                    return reason.text
            await asyncio.sleep(0.01)


async def gone(engine: inngest.Engine, run_id: str) -> None:
    """Wait until a run keeps no slot."""
    async with asyncio.timeout(SLOW / 1000):
        while True:
            if all(one.rule is not Rule.RETURNING for one in (await engine.explain(run_id)).reasons):
                return
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("name", ["steps", "body"])
async def test_a_run_that_is_cancelled_keeps_its_slot_until_its_code_returns(
    engine: inngest.Engine, hall: Hall, name: str
) -> None:
    first = await send(engine, name)
    await here(hall, 1)
    assert await engine.cancel(first)
    second = await send(engine, name)

    said = await waits_for(engine, second, Rule.CONCURRENCY)
    assert f"by run {first} (over, but its code has not returned)" in said
    said = await waits_for(engine, first, Rule.RETURNING)
    assert "it keeps 1 slot" in said
    assert (await engine.run(first)).status == "CANCELLED"

    hall.doors[0].set()
    await here(hall, 2)
    await gone(engine, first)
    hall.open_all()
    await engine.wait(second, timeout=SLOW)
    assert hall.most == 1


async def test_a_run_that_an_event_cancels_keeps_it(engine: inngest.Engine, hall: Hall) -> None:
    first = await send(engine, "steps")
    await here(hall, 1)
    await engine.send(inngest.Event(name="stop"))
    second = await send(engine, "steps")
    await waits_for(engine, second, Rule.CONCURRENCY)
    hall.open_all()
    await engine.wait(second, timeout=SLOW)
    assert (await engine.run(first)).status == "CANCELLED"
    assert hall.most == 1


async def test_a_run_that_has_had_its_time_keeps_it(wall: WallClock, engine: inngest.Engine, hall: Hall) -> None:
    first = await send(engine, "late")
    await here(hall, 1)
    wall.forward(3_600_000)
    await waits_for(engine, first, Rule.RETURNING)
    second = await send(engine, "late")
    await waits_for(engine, second, Rule.CONCURRENCY)
    hall.open_all()
    await here(hall, 2)
    assert hall.most == 1


async def test_each_slot_is_free_when_its_own_handler_returns(engine: inngest.Engine, hall: Hall) -> None:
    first = await send(engine, "broad")
    await here(hall, 3)
    assert await engine.cancel(first)
    second = await send(engine, "broad")
    await waits_for(engine, second, Rule.CONCURRENCY)
    hall.doors[0].set()
    await here(hall, 4)
    assert "it keeps 2 slots" in await waits_for(engine, first, Rule.RETURNING)
    hall.open_all()
    await engine.wait(second, timeout=SLOW)
    assert hall.most == 3


async def test_a_run_that_fails_while_a_handler_of_a_branch_runs_keeps_its_slot(hall: Hall, database: str) -> None:
    client = inngest.Inngest(app_id="slots")

    class Breaks(inngest.MiddlewareSync):
        """Fails the attempt, and not the step."""

        def transform_output(self, result: inngest.TransformOutputResult) -> None:
            if result.step is not None and result.step.id == "breaks":
                raise RuntimeError("the middleware is broken")

    @client.create_function(
        fn_id="torn",
        trigger=inngest.TriggerEvent(event="torn"),
        concurrency=[inngest.Concurrency(limit=2)],
        middleware=[Breaks],
        retries=0,
    )
    def torn(ctx: inngest.ContextSync) -> None:
        def breaks() -> None:
            ctx.step.run("breaks", hall.entered.wait)

        ctx.group.parallel((lambda: ctx.step.run("enter", hall.enter), breaks))

    async with inngest.Engine(client, database=database) as engine:
        first = await send(engine, "torn")
        with pytest.raises(inngest.errors.RunFailedError, match="the middleware is broken"):
            await engine.wait(first, timeout=SLOW)
        assert "it keeps 1 slot" in await waits_for(engine, first, Rule.RETURNING)
        hall.open_all()
        await gone(engine, first)


async def test_a_worker_that_ends_keeps_nothing(hall: Hall, database: str) -> None:
    async with inngest.Engine(Cast(hall).client, database=database, drain_timeout=0) as engine:
        first = await send(engine, "steps")
        await here(hall, 1)
        assert await engine.cancel(first)
        second = await send(engine, "steps")
        await waits_for(engine, second, Rule.CONCURRENCY)
    hall.open_all()
    async with inngest.Engine(Cast(hall).client, database=database) as engine:
        await engine.wait(second, timeout=SLOW)


async def test_a_worker_that_cancels_the_run_of_another_leaves_it_its_slot(hall: Hall, database: str) -> None:
    async with inngest.Engine(Cast(hall).client, database=database) as engine:
        async with inngest.Engine([], database=database) as other:
            first = await send(engine, "steps")
            await here(hall, 1)
            assert await other.cancel(first)
            second = await send(other, "steps")
            await waits_for(other, second, Rule.CONCURRENCY)
            hall.doors[0].set()
            await here(hall, 2)
            hall.open_all()
            await engine.wait(second, timeout=SLOW)
        assert hall.most == 1


async def test_an_async_handler_keeps_it_while_it_unwinds(database: str) -> None:
    client = inngest.Inngest(app_id="slots")
    begun: asyncio.Queue[str] = asyncio.Queue()
    unwound = asyncio.Event()

    async def work(name: str) -> None:
        begun.put_nowait(name)
        if name == "first":
            try:
                await asyncio.Event().wait()
            finally:
                await unwound.wait()

    @client.create_function(
        fn_id="slow", trigger=inngest.TriggerEvent(event="slow"), concurrency=[inngest.Concurrency(limit=1)]
    )
    async def slow(ctx: inngest.Context) -> None:
        await ctx.step.run("work", work, str(ctx.event.data["name"]))

    async with inngest.Engine(client, database=database) as engine:
        (event_id,) = await engine.send(inngest.Event(name="slow", data={"name": "first"}))
        (first,) = await engine.runs(event_id=event_id)
        assert await begun.get() == "first"
        assert await engine.cancel(first.id)
        (event_id,) = await engine.send(inngest.Event(name="slow", data={"name": "second"}))
        (second,) = await engine.runs(event_id=event_id)
        await waits_for(engine, second.id, Rule.CONCURRENCY)
        assert begun.empty()
        unwound.set()
        await engine.wait(second.id, timeout=SLOW)
        assert await begun.get() == "second"
