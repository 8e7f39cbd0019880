"""Cron triggers through the public door. Time passes by moving a timer back while no engine runs."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path
from typing import Literal

import inngest
from inngest import Run
from tests.embedded import databases

MINUTES = 3


def client_with(catch_up: Literal["none", "last", "all"] = "none") -> inngest.Inngest:
    client = inngest.Inngest(app_id="crons")
    trigger = inngest.TriggerCron(cron="* * * * *", catch_up=catch_up)

    @client.create_function(fn_id="tick", trigger=[trigger, inngest.TriggerEvent(event="crons/now")])
    async def tick(ctx: inngest.Context) -> object:
        return await ctx.step.run("see", lambda: [ctx.event.name, ctx.event.data.get("cron")])

    return client


def let_pass(path: Path) -> None:
    """The armed tick, and more after it, go by."""
    connection = sqlite3.connect(path)
    (payload,) = connection.execute("SELECT payload FROM inngest_timers WHERE kind = 'cron'").fetchone()
    with connection:
        connection.execute(
            "UPDATE inngest_timers SET due_at = due_at - :ms, "
            "payload = json_set(payload, '$.scheduled_at', json_extract(payload, '$.scheduled_at') - :ms)",
            {"ms": MINUTES * 60_000},
        )
    connection.close()
    assert "scheduled_at" in payload


async def runs_after_a_while(path: Path, client: inngest.Inngest, count: int) -> list[Run]:
    database = f"sqlite:///{path}"
    async with inngest.Engine(client, database=database):
        pass
    let_pass(path)
    async with inngest.Engine(client, database=database) as engine:
        while len(found := await engine.runs()) < count:  # noqa: ASYNC110 - they start by themselves
            await asyncio.sleep(0)
        for run in found:
            assert await engine.wait(run.id) == ["inngest/scheduled.timer", "* * * * *"]
        return found


async def test_missed_ticks_start_a_run_each(tmp_path: Path) -> None:
    found = await runs_after_a_while(tmp_path / "i.db", client_with(catch_up="all"), MINUTES)
    assert len(found) >= MINUTES


async def test_the_last_missed_tick_starts_a_run(tmp_path: Path) -> None:
    await runs_after_a_while(tmp_path / "i.db", client_with(catch_up="last"), 1)


async def test_the_function_is_started_by_events_too(tmp_path: Path) -> None:
    async with inngest.Engine(client_with(), database=databases.url_in(tmp_path)) as engine:
        (event_id,) = await engine.send(inngest.Event(name="crons/now"))
        (run,) = await engine.runs(event_id=event_id)
        assert await engine.wait(run.id) == ["crons/now", None]
