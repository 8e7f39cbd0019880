"""Ids in the queue that cannot be read: what has one is put off, and all else goes on."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path

import pytest

import inngest
from inngest import Rule
from tests.embedded.bad_rows import HOUR, Rows, sql, until, wake
from tests.embedded.stage import Stage, until_held

NO_TEXTS = ["CAST(x'61ff' AS TEXT)", "x'00ff'"]


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


@pytest.mark.parametrize("value", NO_TEXTS)
@pytest.mark.parametrize("column", ["jobs.id", "lanes.id", "lanes.turn"])
async def test_an_id_that_cannot_be_read_stops_no_other_queue(stage: Stage, column: str, value: str) -> None:
    async def body(ctx: inngest.Context) -> str:
        return "begun"

    table, column = column.split(".")
    limit = [inngest.Concurrency(limit=1)] if table == "lanes" else None
    functions = [stage.function(body, name, concurrency=limit) for name in ("bad", "good")]
    async with stage.engine(*functions) as engine:
        for function in functions:
            await engine.pause(function)
        await engine.send([inngest.Event(name="test/start")] * 3)
        others = [run.id for run in await engine.runs(function=functions[1])]
    wake(stage)  # all at the same time
    sql(
        stage,
        f"UPDATE inngest_{table} SET {column} = {value} WHERE id = (SELECT min(id) FROM inngest_{table}"
        " WHERE function_id = 'test-bad')",
    )
    async with stage.engine(*functions) as engine:
        for function in functions:
            await engine.resume(function)
        assert [await engine.wait(run_id) for run_id in others] == ["begun"] * 3
        for function in functions if table == "jobs" else functions[1:]:
            assert await engine.invoke(function) == "begun"


@pytest.mark.parametrize("value", NO_TEXTS)
async def test_a_job_on_hold_that_cannot_be_read_stops_no_other(stage: Stage, value: str) -> None:
    async def old(ctx: inngest.Context) -> None:
        await ctx.step.run("first", lambda: "done")
        await ctx.step.sleep("rest", HOUR)

    async def new(ctx: inngest.Context) -> None:
        await ctx.step.run("renamed", lambda: "done")

    before = stage.function(old)
    async with stage.engine(before) as engine:
        await engine.send([inngest.Event(name="test/start")] * 3)
        runs = [run.id for run in await engine.runs()]
        for run_id in runs:
            await until(engine, run_id, Rule.SLEEPING)
    wake(stage)
    later = Stage(stage.folder)
    changed, other = later.function(new), later.function(lambda ctx: "begun", "other")
    async with later.engine(changed, other) as engine:
        for run_id in runs:
            await until_held(engine, run_id)
    sql(stage, f"UPDATE inngest_jobs SET id = {value} WHERE id = (SELECT min(id) FROM inngest_jobs)")
    async with later.engine(changed, other) as engine:
        assert await engine.invoke(other) == "begun"
        for run_id in runs:
            await engine.release(run_id)
        assert [await engine.wait(run_id) for run_id in runs] == [None] * 3


@pytest.mark.parametrize("lane", [False, True])
@pytest.mark.parametrize("value", NO_TEXTS)
@pytest.mark.parametrize("column", ["id", "run_id"])
async def test_a_job_that_cannot_be_read_holds_up_no_other(stage: Stage, column: str, value: str, lane: bool) -> None:
    async def body(ctx: inngest.Context) -> str:
        return "begun"

    function = stage.function(body, concurrency=[inngest.Concurrency(limit=1)] if lane else None)
    async with stage.engine(function) as engine:
        await engine.pause(function)
        await engine.send([inngest.Event(name="test/start")] * 3)
        first, *others = [run.id for run in reversed(await engine.runs())]
        rows = Rows(stage, "jobs", "run_id = ?", first)
        rows.change(f"{column} = {value}")
        before = time.time_ns() // 1_000_000
        await engine.resume(function)
        assert [await engine.wait(run_id) for run_id in others] == ["begun"] * 2
        assert await engine.invoke(function) == "begun"
    assert [row[0] for row in sql(stage, "SELECT key FROM inngest_troubles WHERE kind = 'job'")]
    (job,) = sql(stage, "SELECT due_at FROM inngest_jobs")
    assert job[0] > before
    rows.mend()
    wake(stage)
    async with stage.engine(function) as engine:
        assert await engine.wait(first) == "begun"


NO_LANES = ["'no {'", "''", "NULL", *NO_TEXTS]


@pytest.mark.parametrize(
    "damage", ["runs.lane = NULL", "jobs.lane = 'no {'", "lanes.id = 'no {'", "lanes.function_id = 'x'"]
)
async def test_a_queued_run_whose_lane_is_lost_finds_it(stage: Stage, damage: str) -> None:
    async def body(ctx: inngest.Context) -> str:
        return "begun"

    function = stage.function(body, concurrency=[inngest.Concurrency(limit=1)])
    async with stage.engine(function) as engine:
        await engine.pause(function)
        await engine.send([inngest.Event(name="test/start")] * 3)
        first, *others = [run.id for run in reversed(await engine.runs())]
    table, change = damage.split(".")
    where = {"runs": f"WHERE id = '{first}'", "jobs": f"WHERE run_id = '{first}'"}.get(table, "")
    sql(stage, f"UPDATE inngest_{table} SET {change} {where}")
    async with stage.engine(function) as engine:
        await engine.resume(function)
        assert [await engine.wait(run_id) for run_id in (*others, first)] == ["begun"] * 3
        assert await engine.invoke(function) == "begun"


@pytest.mark.parametrize("how", ["it ends", "it is cancelled", "its worker stops"])
@pytest.mark.parametrize("value", NO_LANES)
async def test_a_slot_is_given_back_if_its_lane_cannot_be_read_by_then(stage: Stage, value: str, how: str) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def body(ctx: inngest.Context) -> str:
        begun.set()
        await go_on.wait()
        return "begun"

    function = stage.function(body, concurrency=[inngest.Concurrency(limit=1)])
    stage.options["drain_timeout"] = 0
    async with stage.engine(function) as engine:
        await engine.send([inngest.Event(name="test/start")] * 2)
        await begun.wait()
        first, other = [run.id for run in reversed(await engine.runs())]
        sql(stage, f"UPDATE inngest_runs SET lane = {value} WHERE id = ?", first)
        if how == "it is cancelled":
            await engine.cancel(first)
        if how != "its worker stops":
            go_on.set()
            assert await engine.wait(other) == "begun"
    go_on.set()
    async with stage.engine(function) as engine:
        assert await engine.wait(other) == "begun"
        assert await engine.invoke(function) == "begun"
