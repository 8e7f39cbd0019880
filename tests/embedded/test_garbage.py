"""A run leaves nothing behind that only the garbage collector could remove: it would be a fifth of the time of runs."""

import asyncio
import gc
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

import inngest

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
