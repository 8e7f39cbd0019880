"""`Engine.explain`: why a run waits, by each rule."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path

import pytest

import inngest
from inngest import Explanation, Rule
from inngest.errors import RunFailedError, RunNotFoundError
from tests.embedded import databases

client = inngest.Inngest(app_id="why")
HOUR = datetime.timedelta(hours=1)


@client.create_function(fn_id="sleeps", trigger=inngest.TriggerEvent(event="w/sleep"))
async def sleeps(ctx: inngest.Context) -> None:
    await ctx.step.sleep("rest", HOUR)


@client.create_function(fn_id="event", trigger=inngest.TriggerEvent(event="w/event"))
async def event(ctx: inngest.Context) -> None:
    await ctx.step.wait_for_event(
        "paid", event="order/paid", timeout=HOUR, if_exp="event.data.order == async.data.order && async.data.n > 1"
    )


@client.create_function(fn_id="signal", trigger=inngest.TriggerEvent(event="w/signal"))
async def signal(ctx: inngest.Context) -> None:
    await ctx.step.wait_for_signal("approved", signal="approve/7", timeout=HOUR)


@client.create_function(fn_id="parent", trigger=inngest.TriggerEvent(event="w/parent"))
async def parent(ctx: inngest.Context) -> None:
    await ctx.step.invoke("call", function=sleeps)


@client.create_function(fn_id="retries", trigger=inngest.TriggerEvent(event="w/retry"))
async def retries(ctx: inngest.Context) -> None:
    await ctx.step.run("charge", charge)


@client.create_function(fn_id="fails", trigger=inngest.TriggerEvent(event="w/fail"), retries=0)
async def fails(ctx: inngest.Context) -> None:
    raise ValueError("no good")


@client.create_function(fn_id="done", trigger=inngest.TriggerEvent(event="w/done"))
async def done(ctx: inngest.Context) -> int:
    return 1


@client.create_function(
    fn_id="limited",
    trigger=inngest.TriggerEvent(event="w/limit"),
    concurrency=[inngest.Concurrency(limit=1, key="event.data.order")],
)
async def limited(ctx: inngest.Context) -> None:
    await ctx.step.run("hold", hold)


@client.create_function(
    fn_id="spread",
    trigger=inngest.TriggerEvent(event="w/spread"),
    throttle=inngest.Throttle(limit=1, period=HOUR),
)
async def spread(ctx: inngest.Context) -> None: ...


class Gate:
    """What a handler waits for."""

    entered: asyncio.Event


@client.create_function(fn_id="holds", trigger=inngest.TriggerEvent(event="w/hold"))
async def holds(ctx: inngest.Context) -> None:
    await ctx.step.run("hold", hold)


async def hold() -> None:
    Gate.entered.set()
    await asyncio.Event().wait()


def charge() -> None:
    raise ConnectionError("the bank is closed")


@pytest.fixture
def database(tmp_path: Path) -> str:
    return databases.url_in(tmp_path)


async def why(engine: inngest.Engine, name: str, ts: int = 0) -> Explanation:
    """What holds the run of an event, as soon as no worker has it."""
    (event_id,) = await engine.send(inngest.Event(name=name, data={"order": 7}, ts=ts))
    (run,) = await engine.runs(event_id=event_id)
    while True:
        found = await engine.explain(run.id)
        if [reason.rule for reason in found.reasons] != [Rule.DUE] and found.reasons[0].rule is not Rule.EXECUTING:
            return found
        await asyncio.sleep(0)


@pytest.mark.parametrize(
    ("name", "rule", "text"),
    [
        ("w/sleep", Rule.SLEEPING, 'Step "rest" sleeps.'),
        (
            "w/event",
            Rule.EVENT,
            "Step \"paid\" waits for event 'order/paid' "
            "with `event.data.order == async.data.order && async.data.n > 1`, for this run `async.data.order == 7`.",
        ),
        ("w/signal", Rule.SIGNAL, "Step \"approved\" waits for signal 'approve/7'."),
        ("w/retry", Rule.RETRY, 'Step "charge" has failed once, with ConnectionError: the bank is closed.'),
    ],
)
async def test_what_a_step_waits_for(database: str, name: str, rule: Rule, text: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        (reason,) = (await why(engine, name)).reasons
        assert (reason.rule, reason.text[: len(text)]) == (rule, text)
        assert reason.until is not None
        assert reason.until > datetime.datetime.now(datetime.UTC)
        assert reason.step is not None


async def test_a_run_that_was_invoked(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        (reason,) = (await why(engine, "w/parent")).reasons
        (child,) = await engine.runs(function=sleeps.id)
        assert reason.text.startswith(f'Step "call" waits for run {child.id} (')
        assert reason.text.endswith(") of why-sleeps.")


async def test_an_event_from_the_future(database: str) -> None:
    ahead = round((datetime.datetime.now(datetime.UTC) + HOUR).timestamp() * 1000)
    async with inngest.Engine(client, database=database) as engine:
        (reason,) = (await why(engine, "w/done", ts=ahead)).reasons
        assert (reason.rule, reason.text) == (Rule.DELAYED, "Its event is from the future.")


async def test_who_has_the_slots_of_its_limit(database: str) -> None:
    Gate.entered = asyncio.Event()
    async with inngest.Engine(client, database=database, drain_timeout=0) as engine:
        await engine.send(inngest.Event(name="w/limit", data={"order": 7}))
        (holder,) = await engine.runs(function=limited)
        await Gate.entered.wait()
        (first,) = (await why(engine, "w/limit")).reasons
        (second,) = (await why(engine, "w/limit")).reasons
        said = f"The concurrency limit of 1 for event.data.order = 7 is used up by run {holder.id}; "
        assert (first.rule, first.text) == (Rule.CONCURRENCY, f"{said}it is next in its lane.")
        assert second.text == f"{said}1 run of its lane goes before it."


async def test_when_its_throttle_opens(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        await engine.invoke(spread)
        (reason,) = (await why(engine, "w/spread")).reasons
        text = "Its throttle (a start each 1h) is closed; it is next in its lane."
        assert (reason.rule, reason.text) == (Rule.THROTTLE, text)
        assert reason.until is not None
        assert reason.until > datetime.datetime.now(datetime.UTC) + HOUR / 2


async def test_no_worker_has_the_function(database: str) -> None:
    async with inngest.Engine(client, database=database):
        pass
    async with inngest.Engine([], database=database) as sender:
        (reason,) = (await why(sender, "w/done")).reasons
        assert (reason.rule, reason.until) == (Rule.NO_WORKER, None)
        assert reason.text == "No living worker has its function why-done: start an engine with it."


async def test_it_is_executing(database: str) -> None:
    Gate.entered = asyncio.Event()
    async with inngest.Engine(client, database=database, drain_timeout=0) as engine:
        (event_id,) = await engine.send(inngest.Event(name="w/hold"))
        (run,) = await engine.runs(event_id=event_id)
        await Gate.entered.wait()
        (reason,) = (await engine.explain(run.id)).reasons
        assert reason.rule is Rule.EXECUTING
        assert reason.text.startswith("It is executing on ")


async def test_it_has_ended(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        assert await engine.invoke(done) == 1
        with pytest.raises(RunFailedError):
            await engine.invoke(fails)
        texts = [(await engine.explain(run.id)).reasons[0].text for run in await engine.runs()]
        assert texts == ["It has failed: ValueError: no good.", "It has completed."]


async def test_there_is_no_such_run(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        with pytest.raises(RunNotFoundError):
            await engine.explain("01ARZ3NDEKTSV4RRFFQ69G5FAV")
