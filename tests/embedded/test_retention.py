"""Runs that ended long ago are removed, while the engine has nothing else to do, and when it starts."""

from __future__ import annotations

import asyncio
import datetime
import sqlite3
from pathlib import Path

import pytest

import inngest
from inngest.embedded.engine import host_of
from inngest.engine.pruner import Retention
from inngest.errors import EngineConfigError, RunNotFoundError
from inngest.protocol import limits

WEEK = datetime.timedelta(days=7)
client = inngest.Inngest(app_id="shop")


@client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="order"))
async def order(ctx: inngest.Context) -> object:
    return await ctx.step.run("pack", lambda: "packed")


@client.create_function(fn_id="rest", trigger=inngest.TriggerEvent(event="rest"))
async def rest(ctx: inngest.Context) -> None:
    await ctx.step.run("begin", lambda: None)
    await ctx.step.sleep("rest", datetime.timedelta(days=300))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "inngest.db"


def grow_old(path: Path, age: datetime.timedelta) -> None:
    """Everything that has happened so far happened so much earlier."""
    connection = sqlite3.connect(path, isolation_level=None)
    ms = age // datetime.timedelta(milliseconds=1)
    connection.execute("UPDATE inngest_runs SET ended_at = ended_at - ?, created_at = created_at - ?", [ms, ms])
    connection.execute("UPDATE inngest_events SET received_at = received_at - ?", [ms])
    connection.execute("UPDATE inngest_idempotency SET expires_at = expires_at - ?", [ms])
    connection.execute("UPDATE inngest_meta SET value = value - ? WHERE key = 'retention_since' AND value > 0", [ms])
    connection.close()


def rows(path: Path) -> dict[str, int]:
    """How many rows the tables have that grow."""
    connection = sqlite3.connect(path)
    tables = ("runs", "steps", "attempts", "events", "idempotency")
    count = {name: connection.execute(f"SELECT count(*) FROM inngest_{name}").fetchone()[0] for name in tables}
    connection.close()
    return count


async def until_removed(engine: inngest.Engine, run_id: str) -> None:
    """Look until a run is gone."""
    while True:
        try:
            await engine.run(run_id)
        except RunNotFoundError:
            return


async def fill(path: Path) -> list[str]:
    """Three runs that ended, one that sleeps, and an event that nobody hears; the ids of the runs."""
    async with inngest.Engine(client, database=f"sqlite:///{path}") as engine:
        await engine.send([inngest.Event(name="order", id=f"order-{number}") for number in range(3)])
        await engine.send([inngest.Event(name="rest"), inngest.Event(name="nothing")])
        runs = [run.id for run in await engine.runs(function=order)]
        for run_id in runs:
            assert await engine.wait(run_id) == "packed"
        (sleeping,) = await engine.runs(function=rest)
        while len((await engine.run(sleeping.id)).steps) < 2:
            pass  # it is not asleep yet
    return [*runs, sleeping.id]


async def test_what_is_old_is_removed_and_what_is_needed_stays(path: Path) -> None:
    *ended, sleeping = await fill(path)
    assert rows(path) == {"runs": 4, "steps": 5, "attempts": 0, "events": 5, "idempotency": 3}
    grow_old(path, WEEK + datetime.timedelta(seconds=1))
    async with inngest.Engine(client, database=f"sqlite:///{path}") as engine:
        (event_id,) = await engine.send(inngest.Event(name="order"))
        (young,) = await engine.runs(event_id=event_id)
        assert await engine.wait(young.id) == "packed"
    async with inngest.Engine([], database=f"sqlite:///{path}", retention=WEEK) as engine:
        await until_removed(engine, ended[-1])
        await until_removed(engine, ended[0])
        assert [run.id for run in await engine.runs()] == [young.id, sleeping]
        assert [step.id for step in (await engine.run(young.id)).steps] == ["pack"]
        assert [step.id for step in (await engine.run(sleeping)).steps] == ["begin", "rest"]
        while rows(path)["events"] > 2:  # one that nobody heard is removed after the runs
            await engine.runs()
    assert rows(path) == {"runs": 2, "steps": 3, "attempts": 0, "events": 2, "idempotency": 0}


async def test_what_grows_old_while_the_engine_is_idle_is_removed(path: Path) -> None:
    database = f"sqlite:///{path}"
    async with inngest.Engine(client, database=database, retention=datetime.timedelta(seconds=10)) as engine:
        assert await engine.invoke(order) == "packed"
        (run,) = await engine.runs()
        grow_old(path, WEEK)
        await until_removed(engine, run.id)


async def test_without_retention_everything_stays(path: Path) -> None:
    await fill(path)
    grow_old(path, datetime.timedelta(days=10_000))
    async with inngest.Engine(client, database=f"sqlite:///{path}", retention=None) as engine:
        await until_keys_are_gone(path)
        assert len(await engine.runs()) == 4
    assert rows(path) == {"runs": 4, "steps": 5, "attempts": 0, "events": 5, "idempotency": 0}


async def until_keys_are_gone(path: Path) -> None:
    """They have an end of their own, and are looked for first."""
    while (await asyncio.to_thread(rows, path))["idempotency"]:
        pass


@pytest.mark.parametrize(("days", "left"), [(29, 4), (31, 1)])
async def test_nobody_says_how_long_and_runs_stay_for_thirty_days(path: Path, days: int, left: int) -> None:
    *ended, _ = await fill(path)
    grow_old(path, datetime.timedelta(days=days))
    async with inngest.Engine(client, database=f"sqlite:///{path}") as engine:
        await until_keys_are_gone(path)
        if left == 1:
            for run_id in ended:
                await until_removed(engine, run_id)
        assert len(await engine.runs()) == left


async def test_what_ended_before_there_was_a_retention_stays_and_that_is_told_once(
    path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    database = f"sqlite:///{path}"
    *ended, sleeping = await fill(path)
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("DELETE FROM inngest_meta WHERE key = 'retention_since'")  # as an engine before has left it
    connection.close()
    assert [one for one in caplog.records if "are removed 30 days after" in one.message] == []
    grow_old(path, datetime.timedelta(days=10_000))
    async with inngest.Engine(client, database=database) as engine:
        await until_keys_are_gone(path)
        assert await engine.invoke(order) == "packed"
        (young, *_) = await engine.runs(function=order)
    grow_old(path, datetime.timedelta(days=31))
    async with inngest.Engine(client, database=database) as engine:
        await until_removed(engine, young.id)
        assert {run.id for run in await engine.runs()} == {*ended, sleeping}
    (told,) = [one for one in caplog.records if "are removed 30 days after" in one.message]
    assert told.levelname == "WARNING"
    async with inngest.Engine(client, database=database, retention=WEEK) as engine:  # what somebody chooses is for all
        await until_removed(engine, ended[0])


def test_on_a_server_it_is_seven_days() -> None:
    engine = inngest.Engine([], database="postgresql://shop@db.internal/shop")
    assert host_of(engine).settings.retention == Retention(7 * limits.DAY, chosen=False)


async def test_who_waits_for_a_run_that_is_removed_is_told(path: Path) -> None:
    """As when the process was held up while another one ended and removed the run."""
    *_, sleeping = await fill(path)
    retention = datetime.timedelta(seconds=10)
    async with inngest.Engine([], database=f"sqlite:///{path}", retention=retention) as engine:
        waiting = asyncio.ensure_future(engine.wait(sleeping))
        await engine.runs()  # it waits by now
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("DELETE FROM inngest_runs WHERE id = ?", [sleeping])
        connection.close()
        with pytest.raises(RunNotFoundError, match=sleeping):
            await waiting


@pytest.mark.parametrize("retention", [-1, datetime.timedelta(days=-1), "a week", 1.5, 30])
def test_a_retention_is_a_duration(path: Path, retention: object) -> None:
    with pytest.raises(EngineConfigError, match="retention: "):
        inngest.Engine([], database=f"sqlite:///{path}", retention=retention)  # type: ignore[arg-type] # pyright: ignore[reportArgumentType]
