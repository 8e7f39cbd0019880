"""A run leaves nothing behind that only the garbage collector could remove: it would be a fifth of the time of runs."""

import asyncio
import gc
import threading
import weakref
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import inngest
from tests.embedded import databases

client = inngest.Inngest(app_id="garbage")

RUNS = 40


async def echo(value: int) -> int:
    return value


def fail() -> None:
    raise ValueError("no")


@client.create_function(fn_id="sequence", trigger=inngest.TriggerEvent(event="garbage/sequence"))
async def sequence(ctx: inngest.Context) -> int:
    return sum([await ctx.step.run("echo", echo, index) for index in range(3)])


@client.create_function(fn_id="side-by-side", trigger=inngest.TriggerEvent(event="garbage/side-by-side"))
async def side_by_side(ctx: inngest.Context) -> int:
    return sum(await asyncio.gather(*(ctx.step.run("echo", echo, index) for index in range(3))))


@client.create_function(fn_id="plain", trigger=inngest.TriggerEvent(event="garbage/plain"))
def plain(ctx: inngest.ContextSync) -> int:
    return sum(ctx.step.run("len", len, "four") for _ in range(3))


@client.create_function(fn_id="waits", trigger=inngest.TriggerEvent(event="garbage/waits"))
async def waits(ctx: inngest.Context) -> int:
    await ctx.step.sleep("moment", 1)
    await ctx.step.send_event("tell", inngest.Event(name="garbage/told"))
    return await ctx.step.invoke("other", function=sequence)


@client.create_function(fn_id="fails", trigger=inngest.TriggerEvent(event="garbage/fails"), retries=0)
async def fails(ctx: inngest.Context) -> int:
    try:
        await ctx.step.run("fail", fail)
    except inngest.StepError:
        return 1
    return 0


FUNCTIONS = [sequence, side_by_side, plain, waits, fails]


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[inngest.Engine]:
    async with inngest.Engine(FUNCTIONS, database=f"sqlite:///{tmp_path / 'inngest.db'}") as engine:
        yield engine


@pytest.fixture
def uncollected() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.id.removeprefix("garbage-"))
async def test_a_run_leaves_no_garbage(
    engine: inngest.Engine, uncollected: None, function: inngest.Function[int]
) -> None:
    found = []
    for _ in range(5):
        await asyncio.gather(*(engine.invoke(function) for _ in range(RUNS)))
        await asyncio.sleep(0)  # the last run's task ends after its result is known
        found.append(gc.collect())
    assert min(found) < RUNS, found  # now and then a statement is compiled for a number of rows that is new


class Treasure:
    """Something that says when it is gone."""

    def __init__(self) -> None:
        self.gone = threading.Event()
        weakref.finalize(self, self.gone.set)


def comes_true(event: threading.Event) -> bool:
    """Whether it is set, now or soon; the traceback of code that was unwound leads back to its frames."""
    for _ in range(600):
        gc.collect()
        if event.wait(0.1):
            return True
    return False


async def test_an_idle_thread_keeps_nothing_of_its_last_run(tmp_path: Path) -> None:
    shop = inngest.Inngest(app_id="shop")
    gone: list[threading.Event] = []

    @shop.create_function(fn_id="keeps", trigger=inngest.TriggerEvent(event="shop/keeps"))
    def keeps(ctx: inngest.ContextSync) -> int:
        body, branch, handler = Treasure(), Treasure(), Treasure()
        gone.extend((body.gone, branch.gone, handler.gone))
        ctx.step.run("handler", lambda: id(handler))
        ctx.group.parallel((lambda: ctx.step.run("a", lambda: id(branch)), lambda: ctx.step.run("b", lambda: 1)))
        return id(body) and 1

    async with inngest.Engine([keeps], database=databases.url_in(tmp_path)) as engine:
        assert await engine.invoke(keeps) == 1
        for one in gone:
            assert await asyncio.to_thread(comes_true, one)


async def test_a_handler_that_outlived_its_run_is_forgotten_when_it_ends(tmp_path: Path) -> None:
    shop = inngest.Inngest(app_id="shop")
    entered, go_on = threading.Event(), threading.Event()
    gone: list[threading.Event] = []

    @shop.create_function(fn_id="left", trigger=inngest.TriggerEvent(event="shop/left"))
    def left(ctx: inngest.ContextSync) -> None:
        treasure = Treasure()
        gone.append(treasure.gone)

        def wait() -> int:
            entered.set()
            go_on.wait(60)
            return id(treasure)

        ctx.step.run("wait", wait)

    async with inngest.Engine([left], database=databases.url_in(tmp_path)) as engine:
        await engine.send(inngest.Event(name="shop/left"))
        await asyncio.to_thread(entered.wait)
        (run,) = await engine.runs()
        await engine.cancel(run.id)
        (running,) = engine.running_steps
        assert running.step == "wait"
        go_on.set()
        assert await asyncio.to_thread(comes_true, gone[0])
        assert engine.running_steps == []
