"""Signals: a message to exactly one run."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import inngest
from inngest.errors import RunFailedError, StepArgumentError
from tests.embedded import databases

client = inngest.Inngest(app_id="signals")


@client.create_function(fn_id="waits", trigger=inngest.TriggerEvent(event="s/wait"))
async def waits(ctx: inngest.Context) -> object:
    return await ctx.step.wait_for_signal("w", signal="approval/1", timeout=3_600_000)


@client.create_function(fn_id="replaces", trigger=inngest.TriggerEvent(event="s/replace"))
def replaces(ctx: inngest.ContextSync) -> object:
    return ctx.step.wait_for_signal("w", signal="approval/1", timeout=3_600_000, on_conflict="replace")


@client.create_function(fn_id="brief", trigger=inngest.TriggerEvent(event="s/brief"))
async def brief(ctx: inngest.Context) -> object:
    return await ctx.step.wait_for_signal("w", signal="never", timeout=1)


@client.create_function(fn_id="sends", trigger=inngest.TriggerEvent(event="s/send"))
async def sends(ctx: inngest.Context) -> object:
    first = await ctx.step.send_signal("one", "approval/1", {"by": "step"})
    return [first, await ctx.step.send_signal("two", "approval/1", "again")]


@pytest.fixture
def database(tmp_path: Path) -> str:
    return databases.url_in(tmp_path)


async def begun(engine: inngest.Engine, event: str) -> str:
    (event_id,) = await engine.send(inngest.Event(name=event))
    (run,) = await engine.runs(event_id=event_id)
    while not any(step.status == "waiting" for step in (await engine.run(run.id)).steps):  # noqa: ASYNC110
        await asyncio.sleep(0)
    return run.id


async def test_a_client_wakes_the_run_that_waits(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        assert await client.send_signal("approval/1", {"by": "nobody yet"}) is None
        run = await begun(engine, "s/wait")
        assert await client.send_signal("approval/2") is None
        assert await client.send_signal("approval/1", {"by": "client"}) == run
        assert await engine.wait(run) == {"by": "client"}
        assert await client.send_signal("approval/1") is None


async def test_a_step_wakes_the_run_that_waits_once(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        run = await begun(engine, "s/wait")
        assert await engine.invoke(sends) == [run, None]
        assert await engine.wait(run) == {"by": "step"}


async def test_the_time_runs_out(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        assert await engine.invoke(brief) is None


async def test_a_second_waiter_fails(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        run = await begun(engine, "s/wait")
        with pytest.raises(RunFailedError, match="another run waits for signal 'approval/1' already"):
            await engine.invoke(waits)
        assert await client.send_signal("approval/1", 1) == run


async def test_a_second_waiter_replaces_the_first(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        first = await begun(engine, "s/wait")
        second = await begun(engine, "s/replace")
        with pytest.raises(RunFailedError, match=f"run {second} waits for signal 'approval/1' now"):
            await engine.wait(first)
        assert await client.send_signal("approval/1", 2) == second
        assert await engine.wait(second) == 2


async def test_mistakes_are_named(database: str) -> None:
    async with inngest.Engine(client, database=database):
        with pytest.raises(StepArgumentError, match="send_signal: signal: expected a name"):
            await client.send_signal("")
        with pytest.raises(StepArgumentError, match="send_signal: data is not JSON"):
            await client.send_signal("a", object())


def test_from_a_plain_thread(database: str) -> None:
    with inngest.Engine(client, database=database) as engine:
        assert client.send_signal_sync("approval/1") is None
        assert engine.invoke_sync(brief) is None
