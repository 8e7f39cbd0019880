"""Ids tell when something was made, whatever is to happen later."""

from __future__ import annotations

import datetime
from pathlib import Path

import pytest
from ulid import ULID

import inngest
from tests.embedded import databases

client = inngest.Inngest(app_id="ids")
DAY = datetime.timedelta(days=1)


@client.create_function(fn_id="sleeps", trigger=inngest.TriggerEvent(event="ids/sleep"))
async def sleeps(ctx: inngest.Context) -> None:
    await ctx.step.sleep("rest", DAY)


@client.create_function(
    fn_id="timed", trigger=inngest.TriggerEvent(event="ids/timed"), timeouts=inngest.Timeouts(finish=DAY)
)
async def timed(ctx: inngest.Context) -> None: ...


@client.create_function(fn_id="plain", trigger=inngest.TriggerEvent(event="ids/plain"))
async def plain(ctx: inngest.Context) -> None: ...


@pytest.mark.parametrize(("name", "days"), [("ids/sleep", 0), ("ids/timed", 0), ("ids/plain", 1)])
async def test_what_is_due_later_does_not_make_later_ids(tmp_path: Path, name: str, days: int) -> None:
    async with inngest.Engine(client, database=databases.url_in(tmp_path)) as engine:
        ahead = round((datetime.datetime.now(datetime.UTC) + days * DAY).timestamp() * 1_000)
        (event_id,) = await engine.send(inngest.Event(name=name, ts=ahead))
        (first,) = await engine.runs(event_id=event_id)
        if name == "ids/sleep":
            while not (await engine.run(first.id)).steps:
                pass
        await engine.send(inngest.Event(name="ids/plain"))
        (second, *_) = await engine.runs(function=plain)
        assert second.created_at - DAY / 2 < ULID.from_str(second.id).datetime < second.created_at + DAY / 2


async def test_runs_are_listed_newest_first_after_a_sleep_in_another_engine(tmp_path: Path) -> None:
    database = databases.url_in(tmp_path)
    async with inngest.Engine([sleeps], database=database) as engine:
        (event_id,) = await engine.send(inngest.Event(name="ids/sleep"))
        (sleeper,) = await engine.runs(event_id=event_id)
        while not (await engine.run(sleeper.id)).steps:
            pass
        await engine.send(inngest.Event(name="ids/sleep"))
    async with inngest.Engine([plain], database=database) as other:
        await other.invoke(plain)
        assert [run.function_id for run in await other.runs()] == ["ids-plain", "ids-sleeps", "ids-sleeps"]
