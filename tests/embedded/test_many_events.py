"""Many events of one call: all or none, and each with its runs."""

from __future__ import annotations

import asyncio
from pathlib import Path

import inngest

client = inngest.Inngest(app_id="many")
COUNT = 600


@client.create_function(fn_id="one", trigger=inngest.TriggerEvent(event="one"), retries=0)
async def one(ctx: inngest.Context) -> object:
    return ctx.event.data["number"]


@client.create_function(fn_id="sender", trigger=inngest.TriggerEvent(event="sender"), retries=0)
async def sender(ctx: inngest.Context) -> list[str]:
    return await ctx.step.send_event("all", _events())


def _events() -> list[inngest.Event]:
    return [inngest.Event(name="one", data={"number": number}) for number in range(COUNT)]


async def test_every_event_of_a_large_call_has_its_run_when_the_call_returns(tmp_path: Path) -> None:
    async with inngest.Engine([one], database=tmp_path / "many.db", durability="normal") as engine:
        ids = await engine.send(_events())
        found = await engine.runs(function=one, limit=10_000)
        assert sorted(run.event_id for run in found) == sorted(ids)
        results = await asyncio.gather(*(engine.wait(run.id, timeout=60_000) for run in found))
        assert sorted(results, key=str) == sorted(range(COUNT), key=str)


async def test_events_that_a_step_sends_start_their_runs_in_pages(tmp_path: Path) -> None:
    async with inngest.Engine([one, sender], database=tmp_path / "many.db", durability="normal") as engine:
        ids = await engine.invoke(sender, timeout=60_000)
        assert len(set(ids)) == COUNT
        while len(found := await engine.runs(function=one, limit=10_000)) < COUNT:  # noqa: ASYNC110 - a page at a time
            await asyncio.sleep(0)
        assert sorted(run.event_id for run in found) == sorted(ids)
        await asyncio.gather(*(engine.wait(run.id, timeout=60_000) for run in found))


async def test_a_large_call_with_a_mistake_stores_nothing(tmp_path: Path) -> None:
    async with inngest.Engine([one], database=tmp_path / "many.db", durability="normal") as engine:
        try:
            await engine.send([*_events(), inngest.Event(name="")])
        except inngest.errors.EventInvalidError:
            assert await engine.runs(function=one) == []
        else:
            raise AssertionError("it was accepted")
