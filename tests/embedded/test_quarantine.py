"""A run on which workers died waits until it can be tried alone; the others go on."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import inngest
from inngest import Rule
from tests.embedded import databases
from tests.embedded.stage import Stage


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def test_others_go_on_while_a_run_must_be_tried_alone(stage: Stage) -> None:
    begun, ended = asyncio.Event(), asyncio.Event()

    async def long(ctx: inngest.Context) -> str:
        async def hold() -> str:
            begun.set()
            await ended.wait()
            return "ended"

        return await ctx.step.run("hold", hold)

    async def quick(ctx: inngest.Context) -> str:
        return "quick"

    async def suspect(ctx: inngest.Context) -> str:
        await ctx.step.sleep("rest", 3_600_000)
        return "alive"

    holding, brief, killing = stage.function(long, "long"), stage.function(quick, "quick"), stage.function(suspect, "s")
    async with stage.engine(killing) as engine:
        run_id = (await engine.send(inngest.Event(name="test/start")))[0]
        (run,) = await engine.runs(event_id=run_id)
        while [one.rule for one in (await engine.explain(run.id)).reasons] != [Rule.SLEEPING]:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    async with stage.engine(holding, brief, killing) as engine:
        held = asyncio.ensure_future(engine.invoke(holding))
        await begun.wait()
        for sql in (
            f"UPDATE inngest_steps SET due_at = 0 WHERE run_id = '{run.id}'",
            f"UPDATE inngest_jobs SET queue_class = 1, due_at = 0, score = 0 WHERE run_id = '{run.id}'",
            f"UPDATE inngest_runs SET takeovers = 3 WHERE id = '{run.id}'",
        ):
            databases.execute(stage.folder, sql)
        assert await engine.invoke(brief) == "quick"
        (reason,) = (await engine.explain(run.id)).reasons[:1]
        assert reason.rule is Rule.ALONE
        assert not held.done()
        ended.set()
        assert await held == "ended"
        assert await engine.wait(run.id) == "alive"
