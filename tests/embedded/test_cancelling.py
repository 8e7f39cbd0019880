"""Cancelling: from outside, by an event, while it sleeps, waits or runs."""

from __future__ import annotations

import asyncio
import datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

import inngest
from inngest.cli.app import app
from inngest.engine.store.sql import SqlStore
from inngest.engine.wake_ports import News
from inngest.errors import RunCancelledError, RunNotFoundError
from tests.embedded import databases

client = inngest.Inngest(app_id="cancel")
HOUR = datetime.timedelta(hours=1)
TRIGGER = inngest.TriggerEvent(event="c/go")


class Seen:
    """What the functions noticed."""

    running: asyncio.Event
    interrupted: asyncio.Event


@client.create_function(fn_id="sleeps", trigger=inngest.TriggerEvent(event="c/sleep"))
async def sleeps(ctx: inngest.Context) -> None:
    await ctx.step.sleep("long", HOUR)


async def holds() -> None:
    Seen.running.set()
    try:
        await asyncio.Event().wait()
    except asyncio.CancelledError:
        Seen.interrupted.set()
        raise


@client.create_function(fn_id="runs", trigger=inngest.TriggerEvent(event="c/run"))
async def runs(ctx: inngest.Context) -> None:
    await ctx.step.run("hold", holds)


@client.create_function(
    fn_id="watched",
    trigger=inngest.TriggerEvent(event="c/order"),
    cancel=[inngest.Cancel(event="c/stop", if_exp="event.data.order == async.data.order")],
)
async def watched(ctx: inngest.Context) -> None:
    await ctx.step.sleep("long", HOUR)


@pytest.fixture
def database(tmp_path: Path) -> str:
    return databases.url_in(tmp_path)


async def begun(engine: inngest.Engine, event: str, **data: object) -> str:
    (event_id,) = await engine.send(inngest.Event(name=event, data=data))
    (run,) = await engine.runs(event_id=event_id)
    return run.id


async def test_a_sleeping_run(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        run = await begun(engine, "c/sleep")
        waiting = asyncio.ensure_future(engine.wait(run))
        await asyncio.sleep(0)
        assert await engine.cancel(run) is True
        with pytest.raises(RunCancelledError):
            await waiting
        found = await engine.run(run)
        assert (found.status, found.error and found.error.message) == ("CANCELLED", "cancelled by Engine.cancel")


async def test_a_running_step_is_interrupted(database: str) -> None:
    Seen.running, Seen.interrupted = asyncio.Event(), asyncio.Event()
    async with inngest.Engine(client, database=database) as engine:
        run = await begun(engine, "c/run")
        await Seen.running.wait()
        assert await engine.cancel(run) is True
        await Seen.interrupted.wait()
        with pytest.raises(RunCancelledError):
            await engine.wait(run)
        assert [step for step in (await engine.run(run)).steps if step.status == "completed"] == []


async def test_a_run_of_another_process(database: str) -> None:
    Seen.running, Seen.interrupted = asyncio.Event(), asyncio.Event()
    async with inngest.Engine([runs], database=database) as engine:
        run = await begun(engine, "c/run")
        await Seen.running.wait()
        async with inngest.Engine([], database=database) as other:
            assert await other.cancel(run) is True
            await Seen.interrupted.wait()
        with pytest.raises(RunCancelledError):
            await engine.wait(run)


async def test_by_an_event_that_matches(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        one = await begun(engine, "c/order", order=1)
        two = await begun(engine, "c/order", order=2)
        await engine.send(inngest.Event(name="c/stop", data={"order": 1}))
        with pytest.raises(RunCancelledError):
            await engine.wait(one)
        assert (await engine.run(two)).status == "RUNNING"
        found = await engine.run(one)
        assert found.error is not None
        assert "an event came that cancels it (c/stop)" in found.error.message


async def test_what_does_not_exist(database: str) -> None:
    async with inngest.Engine(client, database=database) as engine:
        with pytest.raises(RunNotFoundError):
            await engine.cancel("01ARZ3NDEKTSV4RRFFQ69G5FAV")


async def test_a_cancel_asks_for_no_more_than_one_claim(database: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is queued by it: what it frees is looked for once, also when all of its consequences are over."""
    Seen.running, Seen.interrupted = asyncio.Event(), asyncio.Event()
    claims, ended, looks = 0, 0, asyncio.Semaphore(0)
    claim, news = SqlStore.claim, SqlStore.news

    async def counted(store: SqlStore, *given: Any, **more: Any) -> Any:
        nonlocal claims, ended
        claims += 1
        try:
            return await claim(store, *given, **more)
        finally:
            ended += 1

    def looked(store: SqlStore) -> News:
        looks.release()
        return news(store)

    monkeypatch.setattr(SqlStore, "claim", counted)
    async with inngest.Engine(client, database=database) as engine:
        run = await begun(engine, "c/run")
        await Seen.running.wait()
        monkeypatch.setattr(SqlStore, "news", looked)
        before = -1
        while not before == claims == ended:  # what its start, and the event, have asked for is over
            before = claims
            for _ in range(2):
                await looks.acquire()
        assert await engine.cancel(run)
        await Seen.interrupted.wait()
        while not looks.locked():
            await looks.acquire()
        for _ in range(3):
            await looks.acquire()
    assert claims <= before + 1


async def test_who_waits_for_a_run_that_was_cancelled_is_told_while_its_code_unwinds(
    database: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    running, unwinding, may_end, looks = asyncio.Event(), asyncio.Event(), asyncio.Event(), asyncio.Semaphore(0)

    async def slow_to_leave() -> None:
        running.set()
        try:
            await asyncio.Event().wait()
        finally:
            unwinding.set()
            await may_end.wait()

    slow = inngest.Inngest(app_id="slow")

    @slow.create_function(fn_id="leaves", trigger=TRIGGER)
    async def leaves(ctx: inngest.Context) -> None:
        await ctx.step.run("hold", slow_to_leave)

    news = SqlStore.news

    def looked(store: SqlStore) -> News:
        looks.release()
        return news(store)

    async with inngest.Engine(slow, database=database) as engine:
        run = await begun(engine, TRIGGER.event)
        await running.wait()
        assert await engine.cancel(run)
        await unwinding.wait()
        monkeypatch.setattr(SqlStore, "news", looked)
        for _ in range(2):  # its worker has looked after runs that were cancelled
            await looks.acquire()
        with pytest.raises(RunCancelledError):
            await engine.wait(run)
        may_end.set()


async def retried() -> None:
    raise inngest.RetryAfterError("busy", HOUR)


@client.create_function(fn_id="opens", trigger=inngest.TriggerEvent(event="c/open"))
async def opens(ctx: inngest.Context) -> None:
    await asyncio.gather(
        ctx.step.sleep("long", HOUR),
        ctx.step.wait_for_event("paid", event="c/paid", timeout=HOUR),
        ctx.step.run("again", retried),
    )


async def test_steps_that_were_open_when_their_run_ended_wait_no_more(database: str) -> None:
    async with inngest.Engine([opens], database=database) as engine:
        (event_id,) = await engine.send(inngest.Event(name="c/open"))
        (run,) = await engine.runs(event_id=event_id)
        statuses = {"long": "sleeping", "paid": "waiting", "again": "retrying"}
        while {one.id: one.status for one in (await engine.run(run.id)).steps} != statuses:
            pass
        await engine.cancel(run.id)
        steps = (await engine.run(run.id)).steps
    assert {(one.id, one.status, one.due_at, one.ended_at) for one in steps} == {
        (name, "cancelled", None, None) for name in ("long", "paid", "again")
    }
    shown = CliRunner().invoke(app, ["run", run.id, "--database", database.removeprefix("sqlite:///")]).stdout
    for line in ("long  slept when", "paid  waited when", "again  was to be tried again when"):
        assert f"- {line} the run ended" in shown
