"""A run begins once in what `inngest dev` tells, also one that keeps steps, and one that its app has begun."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import inngest
from inngest.cli.dev.event_log import EventLog, Record
from inngest.embedded.engine import host_of
from tests.server.endpoint_shop import end, ran, shop_of

GONE = ("run.started", "run.resumed", "run.completed", "run.failed")


def told(records: list[Record], run_id: str) -> list[tuple[Any, ...]]:
    """What was told of a run: the type, how many steps it had, and of which run it is a rerun."""
    return [
        (one["type"], one.get("steps"), one.get("origin_id"))
        for one in records
        if one.get("run_id") == run_id and one["type"] in GONE
    ]


async def test_a_rerun_that_keeps_steps_begins_once(tmp_path: Path) -> None:
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="shop/ordered"))
    async def order(ctx: inngest.Context) -> int:
        first = await ctx.step.run("charge", lambda: 1)
        second = await ctx.step.run("ship", lambda: 2)
        await ctx.step.sleep("rest", 20)
        return first + second

    records: list[Record] = []
    engine = inngest.Engine(client, database=f"sqlite:///{tmp_path}/i.db")
    host_of(engine).observe(EventLog(records.append))
    async with engine:
        (event_id,) = await engine.send(inngest.Event(name="shop/ordered"))
        (run,) = await engine.runs(event_id=event_id)
        await engine.wait(run.id)
        rerun = (await engine.rerun(run.id, from_step="ship")).id
        await engine.wait(rerun)
    first, again = told(records, run.id), told(records, rerun)
    assert first[0] == ("run.started", 0, None)
    assert again[0] == ("run.started", 1, run.id)
    for one in (first, again):
        assert [kind for kind, _, _ in one if kind != "run.resumed"] == ["run.started", "run.completed"]


async def test_a_run_that_its_app_has_begun_begins_once(tmp_path: Path) -> None:
    records: list[Record] = []
    async with shop_of(tmp_path) as shop:
        host_of(shop.engine).observe(EventLog(records.append))
        run_id = await shop.begun(ran("a"))
        await shop.begin(ran("a"), run_id=run_id)  # once more: its answer was lost
        assert (await shop.go_on(run_id, end(1))).status_code == 200
    assert told(records, run_id) == [("run.started", 0, None), ("run.completed", None, None)]
