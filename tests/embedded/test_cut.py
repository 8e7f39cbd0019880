"""What the body awaits beside calls that wait, as `docs/explanation/replay.md` tells it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

import inngest

from .stage import Stage, step


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


async def never() -> None:
    await asyncio.get_running_loop().create_future()


async def test_what_is_awaited_outside_steps_is_cut_and_begins_again(stage: Stage) -> None:
    begun: list[str] = []

    async def beside() -> None:
        begun.append("beside")
        await never()

    async def body(ctx: inngest.Context) -> None:
        task = asyncio.ensure_future(beside())
        await ctx.step.sleep("nap", 1)
        task.cancel()

    assert (await stage.run(body)).status == "COMPLETED"
    assert begun == ["beside", "beside"]


async def test_a_limit_on_a_step_that_runs_is_seen_in_every_replay(stage: Stage) -> None:
    begun: list[str] = []
    limits: list[asyncio.Timeout] = []

    async def charge() -> None:
        begun.append("charge")
        limits[0].reschedule(asyncio.get_running_loop().time())  # however long it took until it has begun
        await never()

    async def body(ctx: inngest.Context) -> str:
        try:
            async with asyncio.timeout(0.01 if begun else None) as limit:
                limits.append(limit)
                await ctx.step.run("charge", charge)
        except TimeoutError:
            await ctx.step.sleep("nap", 1)
            return "too late"
        return "charged"

    run = await stage.run(body)
    assert (run.output, begun) == ("too late", ["charge"])
    assert step(run, "charge").status == "cancelled"


async def test_a_limit_around_a_sleep_begins_anew_with_each_entry(stage: Stage) -> None:
    limits: set[float | None] = set()

    async def body(ctx: inngest.Context) -> None:
        async with asyncio.timeout(3600) as limit:
            limits.add(limit.when())
            await ctx.step.sleep("nap", 1)

    assert (await stage.run(body)).status == "COMPLETED"
    assert len(limits) == 2


async def test_a_task_that_nobody_awaits_ends_with_the_body(stage: Stage) -> None:
    tasks: list[asyncio.Task[None]] = []
    began = asyncio.Event()

    async def charge() -> None:
        began.set()
        await never()

    async def body(ctx: inngest.Context) -> str:
        tasks.append(asyncio.ensure_future(ctx.step.run("charge", charge)))
        await began.wait()
        return "done"

    run = await stage.run(body)
    assert (run.output, run.steps) == ("done", ())
    assert tasks[0].cancelled()
