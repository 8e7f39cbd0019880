"""`step.wait_for_event`: what comes is found, whenever it comes; what does not match is not."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Any

import pytest

import inngest
from inngest.errors import RunFailedError
from tests.embedded import databases

client = inngest.Inngest(app_id="shop")
HOUR = datetime.timedelta(hours=1)


@client.create_function(fn_id="order", trigger=inngest.TriggerEvent(event="order/placed"))
async def order(ctx: inngest.Context) -> object:
    paid = await ctx.step.wait_for_event(
        "paid", event="order/paid", timeout=HOUR, if_exp="event.data.order == async.data.order"
    )
    return None if paid is None else [paid.name, dict(paid.data), paid.id]


@client.create_function(fn_id="brief", trigger=inngest.TriggerEvent(event="brief"))
async def brief(ctx: inngest.Context) -> object:
    return await ctx.step.wait_for_event("never", event="never", timeout=1)


@client.create_function(fn_id="late", trigger=inngest.TriggerEvent(event="late"))
async def late(ctx: inngest.Context) -> object:
    found = await ctx.step.wait_for_event(
        "paid",
        event="order/paid",
        timeout=HOUR,
        since=HOUR,
        if_exp="async.data.order == event.data.order && async.data.amount > 10",
    )
    return None if found is None else found.data["amount"]


class Gate:
    """What a handler waits for."""

    opened: asyncio.Event


@client.create_function(fn_id="beside", trigger=inngest.TriggerEvent(event="beside"))
async def beside(ctx: inngest.Context) -> object:
    """The event comes while another step of the invocation runs, which ends only after what follows the event."""

    async def waits() -> object:
        found = await ctx.step.wait_for_event("go", event="go", timeout=HOUR)
        assert found is not None
        await ctx.step.run("open", Gate.opened.set)
        return found.data["n"]

    return await asyncio.gather(waits(), ctx.step.run("long", Gate.opened.wait))


@client.create_function(fn_id="sync", trigger=inngest.TriggerEvent(event="sync"))
def plain(ctx: inngest.ContextSync) -> object:
    found = ctx.step.wait_for_event("go", event="go", timeout=HOUR)
    return None if found is None else found.data["n"]


async def begun(engine: inngest.Engine, event: str, **data: object) -> str:
    """Send an event, and wait until the run that it starts waits itself."""
    (event_id,) = await engine.send(inngest.Event(name=event, data=data))
    (run,) = await engine.runs(event_id=event_id)
    await waiting(engine, run.id)
    return run.id


async def waiting(engine: inngest.Engine, run_id: str) -> None:
    while not any(step.status == "waiting" for step in (await engine.run(run_id)).steps):  # noqa: ASYNC110
        await asyncio.sleep(0)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return databases.url_in(tmp_path)


async def test_the_event_that_matches_is_given(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        one = await begun(engine, "order/placed", order=1)
        two = await begun(engine, "order/placed", order=2)
        await engine.send(inngest.Event(name="order/paid", data={"order": 3}))
        await engine.send(inngest.Event(name="order/paid", data={"order": 2, "by": "card"}, id="payment-2"))
        assert await engine.wait(two) == ["order/paid", {"order": 2, "by": "card"}, "payment-2"]
        assert (await engine.run(one)).status == "RUNNING"
        (last,) = await engine.send(inngest.Event(name="order/paid", data={"order": 1}))
        assert await engine.wait(one) == ["order/paid", {"order": 1}, last]


async def test_one_event_wakes_all_who_wait_for_it(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        runs = [await begun(engine, "order/placed", order=1) for _ in range(5)]
        (event_id,) = await engine.send(inngest.Event(name="order/paid", data={"order": 1}))
        for run in runs:
            assert await engine.wait(run) == ["order/paid", {"order": 1}, event_id]


async def test_nothing_comes(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        assert await engine.invoke(brief) is None


async def test_it_survives_a_restart(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        run = await begun(engine, "order/placed", order=1)
    async with inngest.Engine([], database=database) as sender:
        (last,) = await sender.send(inngest.Event(name="order/paid", data={"order": 1}))
    async with inngest.Engine(client, database=database) as engine:
        assert await engine.wait(run) == ["order/paid", {"order": 1}, last]


async def test_it_looks_back(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        for amount in (5, 20, 30):
            await engine.send(inngest.Event(name="order/paid", data={"order": 1, "amount": amount}))
        assert await engine.invoke(late, data={"order": 1}) == 20


async def test_the_event_comes_while_the_invocation_goes_on(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        Gate.opened = asyncio.Event()
        run = await begun(engine, "beside")
        await engine.send(inngest.Event(name="go", data={"n": 7}))
        assert await engine.wait(run) == [7, True]


async def test_in_a_plain_function(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        run = await begun(engine, "sync")
        await engine.send(inngest.Event(name="go", data={"n": 3}))
        assert await engine.wait(run) == 3


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"event": "", "timeout": 1}, "event: expected the name of an event, got ''"),
        ({"event": "a", "timeout": "1h"}, "timeout: expected milliseconds as int, or a timedelta, got str"),
        ({"event": "a", "timeout": 1, "if_exp": "async.data.x =="}, "if_exp: "),
        ({"event": "a", "timeout": 1, "since": "yesterday"}, "since: expected"),
        ({"event": "a", "timeout": datetime.timedelta(days=400)}, "at most 366 days"),
    ],
)
async def test_mistakes_are_named(database: str, arguments: Any, message: str) -> None:
    own = inngest.Inngest(app_id="mistakes")

    @own.create_function(fn_id="wrong", trigger=inngest.TriggerEvent(event="wrong"))
    async def wrong(ctx: inngest.Context) -> object:
        return await ctx.step.wait_for_event("w", **arguments)

    async with inngest.Engine(own, database=database) as engine:
        with pytest.raises(RunFailedError, match='step "w"') as caught:
            await engine.invoke(wrong)
        assert message in str(caught.value)
