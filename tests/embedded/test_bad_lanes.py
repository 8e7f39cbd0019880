"""A lane that cannot be read, or has become another one, keeps no slot of others."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import inngest
from inngest import Rule
from tests.embedded.bad_rows import Rows, sql, until, wake
from tests.embedded.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_a_lane_that_cannot_be_read_holds_up_no_other(stage: Stage) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def body(ctx: inngest.Context) -> object:
        begun.set()
        await go_on.wait()
        return ctx.event.data["key"]

    limit = [inngest.Concurrency(limit=1, key="event.data.key")]
    function = stage.function(body, concurrency=limit)
    async with stage.engine(function) as engine:
        for key in ("a", "a", "b", "b"):
            await engine.send(inngest.Event(name="test/start", data={"key": key}))
        await begun.wait()
        runs = [run.id for run in reversed(await engine.runs())]
        rows = Rows(stage, "lanes", "id = (SELECT lane FROM inngest_runs WHERE id = ?)", runs[1])
        rows.change("id = 'no lane', ready_at = 0, blocked_on = NULL, blocked_at = NULL")
        go_on.set()
        assert [await engine.wait(runs[number]) for number in (0, 2, 3)] == ["a", "b", "b"]
        sql(stage, "DELETE FROM inngest_lanes WHERE id = 'no lane'")
        rows.mend()
        sql(stage, "UPDATE inngest_lanes SET ready_at = 0, blocked_on = NULL, blocked_at = NULL")
        assert await engine.wait(runs[1]) == "a"


LANES = ["no lane", "[1,2,3]", '["test-f",[[1]],null]', '["test-f",[],5]', '{"a":1,"b":2,"c":3}']


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("lane", LANES)
@pytest.mark.parametrize("executes", [False, True])
async def test_a_run_whose_lane_cannot_be_read_keeps_no_slot_of_others(stage: Stage, lane: str, executes: bool) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()
    executing: list[int] = []

    async def handler() -> None:
        executing.append(1)
        assert len(executing) == 1
        await asyncio.sleep(0)
        executing.pop()

    async def body(ctx: inngest.Context) -> str:
        begun.set()
        await go_on.wait()
        await ctx.step.run("one", handler)
        await ctx.step.sleep("rest", 10)
        await ctx.step.run("two", handler)
        return "done"

    limit = [inngest.Concurrency(limit=1, key="event.data.key")]
    function = stage.function(body, concurrency=limit)
    async with stage.engine(function) as engine:
        for _ in range(3):
            await engine.send(inngest.Event(name="test/start", data={"key": "a"}))
        await begun.wait()
        first, second, third = [run.id for run in reversed(await engine.runs())]
        damaged, beside = (first, second) if executes else (second, first)
        rows = Rows(stage, "runs", "id = ?", damaged)
        sql(stage, "UPDATE inngest_runs SET lane = ? WHERE id = ?", lane, damaged)
        go_on.set()
        assert [await engine.wait(beside), await engine.wait(third)] == ["done", "done"]
        await until(engine, damaged, Rule.UNREADABLE)
        rows.change(f"lane = (SELECT lane FROM inngest_runs WHERE id = '{third}')")
        wake(stage)
        await engine.send(inngest.Event(name="test/start", data={"key": "a"}))
        assert [await engine.wait(run.id) for run in await engine.runs()] == ["done"] * 4


OTHER_LANES = ["another budget", "the budget of a run that executes", "another function"]


@pytest.mark.usefixtures("declares_dead_soon")
@pytest.mark.parametrize("lane", OTHER_LANES)
async def test_a_run_whose_lane_has_become_another_keeps_no_slot_of_others(stage: Stage, lane: str) -> None:
    begun = {"a": asyncio.Event(), "b": asyncio.Event()}
    go_on = asyncio.Event()

    async def body(ctx: inngest.Context) -> str:
        begun[str(ctx.event.data["key"])].set()
        await go_on.wait()
        return "done"

    limit = [inngest.Concurrency(limit=1, key="event.data.key")]
    function = stage.function(body, concurrency=limit)
    async with stage.engine(function) as engine:
        for key in ("a", "a", "b", "b"):
            await engine.send(inngest.Event(name="test/start", data={"key": key}))
        await asyncio.gather(*(one.wait() for one in begun.values()))
        first, second, third, fourth = [run.id for run in reversed(await engine.runs())]
        ((of_b,),) = sql(stage, "SELECT lane FROM inngest_runs WHERE id = ?", third)
        damaged = {OTHER_LANES[0]: '["test-f",["of nobody"],null]', OTHER_LANES[1]: of_b}.get(lane, '["g",[],null]')
        sql(
            stage,
            "INSERT INTO inngest_sessions (id, started_at, host, pid, functions) VALUES ('dead', 0, 'h', 1, '[]')",
        )
        sql(stage, "UPDATE inngest_runs SET lane = ?, session_id = 'dead' WHERE id = ?", damaged, first)
        go_on.set()
        assert [await engine.wait(run_id) for run_id in (second, third, fourth)] == ["done"] * 3
