"""`step.invoke`: another function's result, its failure, its cancellation, and the time that runs out."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path

import pytest

import inngest
from inngest import Run
from inngest.errors import RunCancelledError, RunFailedError, StepError
from tests.embedded import databases

client = inngest.Inngest(app_id="calls")
TRIGGER = inngest.TriggerEvent(event="calls/go")


@client.create_function(fn_id="double", trigger=inngest.TriggerEvent(event="calls/double"))
async def double(ctx: inngest.Context) -> int:
    number = ctx.event.data["number"]
    assert isinstance(number, int)
    assert ctx.event.name == "inngest/function.invoked"
    return await ctx.step.run("double", lambda: number * 2)


@client.create_function(fn_id="parent", trigger=TRIGGER)
async def parent(ctx: inngest.Context) -> int:
    first = await ctx.step.invoke("first", function=double, data={"number": 4})
    both = await asyncio.gather(
        *(ctx.step.invoke(f"call {n}", function=double, data={"number": first + n}) for n in range(3))
    )
    return sum(both)


@client.create_function(fn_id="plain", trigger=TRIGGER)
def plain(ctx: inngest.ContextSync) -> object:
    return ctx.step.invoke_by_id("call", function_id="double", data={"number": 21})


@client.create_function(fn_id="fails", trigger=TRIGGER, retries=0)
async def fails(ctx: inngest.Context) -> None:
    raise ValueError("no good")


@client.create_function(fn_id="sleeps", trigger=TRIGGER)
async def sleeps(ctx: inngest.Context) -> None:
    await ctx.step.sleep("long", datetime.timedelta(hours=1))


@client.create_function(fn_id="catches", trigger=TRIGGER)
async def catches(ctx: inngest.Context) -> object:
    try:
        await ctx.step.invoke("call", function=fails)
    except StepError as error:
        return [error.name, error.message]
    return None


@client.create_function(fn_id="impatient", trigger=TRIGGER)
async def impatient(ctx: inngest.Context) -> object:
    return await ctx.step.invoke("call", function=sleeps, timeout=1)


@client.create_function(fn_id="patient", trigger=TRIGGER)
async def patient(ctx: inngest.Context) -> object:
    return await ctx.step.invoke("call", function=sleeps)


@client.create_function(fn_id="lost", trigger=TRIGGER)
async def lost(ctx: inngest.Context) -> object:
    return await ctx.step.invoke_by_id("call", function_id="nobody", app_id="elsewhere")


@pytest.fixture
def database(tmp_path: Path) -> str:
    return databases.url_in(tmp_path)


async def child_of(engine: inngest.Engine, function_id: str) -> Run:
    while True:
        found = await engine.runs(function=function_id)
        if found and found[0].status == "RUNNING":
            return found[0]
        await asyncio.sleep(0)


async def test_the_result_comes_back(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        result: int = await engine.invoke(parent)
        assert result == 2 * (8 + 9 + 10)
        assert await engine.invoke(plain) == 42


async def test_a_failure_is_raised_in_the_parent(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        assert await engine.invoke(catches) == ["ValueError", "no good"]


async def test_a_function_that_is_not_known(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        with pytest.raises(RunFailedError, match="could not find function with ID: elsewhere-nobody"):
            await engine.invoke(lost)


async def test_the_time_runs_out_and_the_child_goes_on(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        with pytest.raises(RunFailedError, match="Timed out waiting for invoked function to complete"):
            await engine.invoke(impatient)
        assert (await child_of(engine, sleeps.id)).status == "RUNNING"


async def test_a_cancelled_child_is_an_error(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        invoked = asyncio.ensure_future(engine.invoke(patient))
        child = await child_of(engine, sleeps.id)
        assert await engine.cancel(child.id) is True
        with pytest.raises(RunFailedError, match=f"run {child.id} of calls-sleeps was cancelled") as caught:
            await invoked
        assert caught.value.error.name == "InvokedRunCancelledError"
        with pytest.raises(RunCancelledError):
            await engine.wait(child.id)
        assert await engine.cancel(child.id) is False
