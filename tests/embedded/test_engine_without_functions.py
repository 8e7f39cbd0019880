"""An engine without functions sends and reads: the cron script beside the web server.

A file of its own: no other page is about it.
"""

from __future__ import annotations

import asyncio
from pathlib import Path

import inngest
from tests.embedded import databases


async def test_it_sends_to_the_engine_that_has_the_functions(tmp_path: Path) -> None:
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id="hear", trigger=inngest.TriggerEvent(event="t/said"))
    async def hear(ctx: inngest.Context) -> object:
        return ctx.event.data["word"]

    database = databases.url_in(tmp_path)
    async with inngest.Engine(client, database=database):
        pass
    async with inngest.Engine([], database=database) as sender:
        (event_id,) = await sender.send(inngest.Event(name="t/said", data={"word": "hello"}))
        (run,) = await sender.runs(event_id=event_id)
        assert run.status == "QUEUED"
        await asyncio.sleep(0)  # the loop turns, though a job is due that this engine cannot run
        async with inngest.Engine(client, database=database):
            assert await sender.wait(run.id) == "hello"
