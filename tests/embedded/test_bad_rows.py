"""A row that cannot be read, or done, is put off and told; all else goes on, and so does it when it is mended."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any, cast
from unittest import mock

import pytest

import inngest
from inngest import Rule
from inngest.engine.executor import RunExecutor
from inngest.engine.owned_run import OwnedRun
from inngest.engine.records import Claimed
from inngest.engine.store import unreadable
from tests.contract.store.failing import error
from tests.embedded.bad_rows import HOUR, Rows, looks, sql, until, wake
from tests.embedded.stage import Stage, until_held

_UNREAD = "SELECT key FROM inngest_timers WHERE kind = 'unread'"
_FORGOTTEN = "FunctionNotFoundError: function test-f is not known any more"

OLD = "not a ULID: "
"""What an id begins with that nobody can say when it was made."""

BESIDE = 5
"""Runs beside the bad one."""


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


BAD = {
    "how often workers died on it": ("runs", "id = ?", "takeovers = 'often'"),
    "the attempt": ("runs", "id = ?", "attempt = 'first'"),
    "the kind of a step": ("steps", "run_id = ?", "kind = 'Rest'"),
    "the place of a memo": ("steps", "run_id = ? AND seq IS NOT NULL", "seq = 'first'"),
    "text that is no text": ("steps", "run_id = ? AND seq IS NOT NULL", "data = CAST(x'ff' AS TEXT)"),
    "a text of bytes": ("steps", "run_id = ? AND seq IS NOT NULL", "data = x'00ff'"),
    "the data of its event": ("events", "id = (SELECT event_id FROM inngest_runs WHERE id = ?)", "data = x'00ff'"),
    "the time of a step": ("steps", "run_id = ? AND seq IS NULL", "due_at = 'later'"),
    "the event": ("events", "id = (SELECT event_id FROM inngest_runs WHERE id = ?)", ""),
    "the status": ("runs", "id = ?", "status = 'HALTED'"),
}


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize("lane", [False, True])
@pytest.mark.parametrize("bad", BAD)
async def test_a_run_that_cannot_be_read_holds_up_nobody(stage: Stage, bad: str, lane: bool) -> None:
    async def body(ctx: inngest.Context) -> str:
        await ctx.step.run("first", lambda: "done")
        await ctx.step.sleep("rest", HOUR)
        return await ctx.step.run("last", lambda: "rested")

    limit = [inngest.Concurrency(limit=2)] if lane else None
    function = stage.function(body, concurrency=limit)
    async with stage.engine(function) as engine:
        await engine.send([inngest.Event(name="test/start")] * (BESIDE + 1))
        first, *others = [run.id for run in await engine.runs()]
        for run_id in (first, *others):
            await until(engine, run_id, Rule.SLEEPING)
    table, where, change = BAD[bad]
    rows = Rows(stage, table, where, first)
    wake(stage)
    rows.change(change)
    async with stage.engine(function) as engine:
        assert [await engine.wait(run_id) for run_id in others] == ["rested"] * BESIDE
        reasons = await until(engine, first, Rule.UNREADABLE)  # beside "it executes", while it is tried again
        reason = next(one for one in reasons if one.rule is Rule.UNREADABLE)
        assert "It cannot be read" in reason.text
    rows.mend()
    wake(stage)
    async with stage.engine(function) as engine:
        assert await engine.wait(first) == "rested"


@pytest.mark.usefixtures("hurried")
@pytest.mark.parametrize(
    ("kind", "payload"),
    [
        ("reminder", "{}"),  # of a newer version
        ("debounce", "no JSON"),
        ("batch", "[1]"),
        ("cron", "{}"),
        ("finish", "[]"),
    ],
)
async def test_a_timer_that_cannot_be_done_holds_up_no_other_and_no_takeover(
    stage: Stage, kind: str, payload: str, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(ctx: inngest.Context) -> str:
        return "indexed"

    function = stage.function(body, debounce=inngest.Debounce(period=1_000))
    async with stage.engine(function):
        pass
    sql(stage, "INSERT INTO inngest_timers VALUES ('bad', ?, 'k', ?, ?)", kind, int(time.time() * 1000), payload)
    columns = "(id, started_at, host, pid, functions)"
    sql(stage, f"INSERT INTO inngest_sessions {columns} VALUES ('dead', 0, 'h', 1, 'no JSON')")
    async with stage.engine(function) as engine:
        (event_id,) = await engine.send(inngest.Event(name="test/start"))
        async for runs in looks(lambda: engine.runs(event_id=event_id)):
            if runs:
                assert await engine.wait(runs[0].id) == "indexed"
                break
        async for sessions in looks(lambda: asyncio.to_thread(sql, stage, "SELECT id FROM inngest_sessions")):
            if ("dead",) not in sessions:
                break
    assert sql(stage, "SELECT id FROM inngest_timers WHERE id = 'bad'") == [("bad",)]
    assert sql(stage, "SELECT kind, key FROM inngest_troubles") == [(f"timer:{kind}", "k")]
    assert f"timer:{kind} k is put off for 1 s" in caplog.text


@pytest.mark.usefixtures("hurried")
async def test_a_timer_that_the_database_refuses_holds_up_no_other(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        return "indexed"

    function = stage.function(body, debounce=inngest.Debounce(period=1_000))
    async with stage.engine(function):
        pass
    sql(stage, "INSERT INTO inngest_timers VALUES ('bad', 'finish', 'k', 0, '{}')")
    refused = "WHEN old.id = 'bad' BEGIN SELECT json_extract('no JSON', '$'); END"
    sql(stage, f"CREATE TRIGGER refused BEFORE DELETE ON inngest_timers {refused}")
    async with stage.engine(function) as engine:
        (event_id,) = await engine.send(inngest.Event(name="test/start"))
        async for runs in looks(lambda: engine.runs(event_id=event_id)):
            if runs:
                assert await engine.wait(runs[0].id) == "indexed"
                break
    ((kind, error),) = sql(stage, "SELECT kind, error FROM inngest_troubles")
    assert (kind, "malformed JSON" in error) == ("timer:finish", True)


async def test_names_that_cannot_be_read_hold_up_no_other_app(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        return "done"

    function = stage.function(body)
    async with stage.engine(function):
        pass
    sql(
        stage,
        "INSERT INTO inngest_functions (id, app_id, name, version, retries, events, config, updated_at) "
        "VALUES ('other-f', 'other', 'f', '1', 0, 'no JSON', '{}', 0)",
    )
    sql(stage, "UPDATE inngest_meta SET value = value + 1 WHERE key = 'generation'")
    async with stage.engine(function) as engine:
        assert await engine.invoke(function) == "done"


@pytest.mark.usefixtures("hurried")
async def test_a_run_that_cannot_begin_as_it_is_accepted_is_put_off_and_the_others_begin(stage: Stage) -> None:
    began: list[object] = []

    async def body(ctx: inngest.Context) -> object:
        began.append(ctx.event.data["number"])
        return ctx.event.data["number"]

    refused: set[str] = set()

    def broken(of: RunExecutor, claimed: Claimed) -> object:
        data = claimed.events[0].data
        if '"number":2' in data.replace(" ", "") and claimed.run.id not in refused:
            refused.add(claimed.run.id)
            raise LookupError("it cannot be begun")
        return OwnedRun(of, claimed)

    function = stage.function(body)
    with mock.patch("inngest.engine.executor.OwnedRun", broken):
        async with stage.engine(function) as engine:
            sent = [inngest.Event(name="test/start", data={"number": number}) for number in (1, 2, 3)]
            runs = [run for event_id in await engine.send(sent) for run in await engine.runs(event_id=event_id)]
            assert [await engine.wait(run.id, timeout=60_000) for run in runs] == [1, 2, 3]
    assert len(refused) == 1
    assert began == [1, 3, 2]


@pytest.mark.usefixtures("hurried")
async def test_a_run_that_cannot_be_put_off_now_is_put_off_when_the_database_works_again(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> str:
        return "begun"

    plan: list[Exception] = [LookupError("it cannot be begun"), error("database or disk is full")]
    put_off = unreadable.put_off

    def broken(of: RunExecutor, claimed: Claimed) -> object:
        if len(plan) == 2:
            raise plan.pop(0)
        return OwnedRun(of, claimed)

    def full(*args: Any, **kwargs: Any) -> object:
        if plan:
            raise plan.pop()
        return put_off(*args, **kwargs)

    function = stage.function(body)
    with mock.patch("inngest.engine.executor.OwnedRun", broken), mock.patch.object(unreadable, "put_off", full):
        async with stage.engine(function) as engine:
            (event_id,) = await engine.send(inngest.Event(name="test/start"))
            (run,) = await engine.runs(event_id=event_id)
            assert await engine.wait(run.id, timeout=60_000) == "begun"
    assert plan == []


async def test_a_wait_that_cannot_be_read_stops_no_event_and_no_other_wait(stage: Stage) -> None:
    async def body(ctx: inngest.Context) -> object:
        asked = "async.data.to == event.data.id && async.data.amount > 1"
        paid = await ctx.step.wait_for_event("paid", event="test/paid", timeout=HOUR, if_exp=asked)
        return None if paid is None else paid.data["amount"]

    function = stage.function(body)
    async with stage.engine(function) as engine:
        for number in (1, 2):
            await engine.send(inngest.Event(name="test/start", data={"id": number}))
        second, first = [run.id for run in await engine.runs()]
        for run_id in (first, second):
            await until(engine, run_id, Rule.EVENT)
        rows = Rows(stage, "waits", "run_id = ?", first)
        rows.change("expression = 'async.data.amount >'")
        for number in (1, 2):
            await engine.send(inngest.Event(name="test/paid", data={"to": number, "amount": 7}))
        assert await engine.wait(second) == 7
        reason = next(one for one in (await engine.explain(first)).reasons if one.rule is Rule.UNREADABLE)
        assert "no event is told to it" in reason.text
        sql(stage, "UPDATE inngest_troubles SET until = 0")  # that it was met is long ago
        reason = next(one for one in (await engine.explain(first)).reasons if one.rule is Rule.UNREADABLE)
        assert "no event is told to it" in reason.text
        rows.mend()
        await engine.send(inngest.Event(name="test/paid", data={"to": 1, "amount": 8}))
        assert await engine.wait(first) == 8


@pytest.mark.parametrize("invoked", [False, True])
async def test_a_function_whose_configuration_cannot_be_read_starts_when_it_can(
    stage: Stage, invoked: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(ctx: inngest.Context) -> str:
        return "started"

    async def parent(ctx: inngest.Context) -> object:
        return await ctx.step.invoke("call", function=starting) if invoked else "beside"

    starting = stage.function(body)
    other = stage.client.create_function(fn_id="other", trigger=inngest.TriggerEvent(event="test/start"))(parent)
    async with stage.engine(starting, other) as engine:
        rows = Rows(stage, "functions", "id = ?", "test-f")
        rows.change("config = '{\"triggers\": 1}'")
        sql(stage, "UPDATE inngest_meta SET value = value + 1 WHERE key = 'generation'")
        (event_id,) = await engine.send(inngest.Event(name="test/start"))
        (run,) = await engine.runs(event_id=event_id)
        if not invoked:
            assert await engine.wait(run.id) == "beside"
        async for found in looks(lambda: asyncio.to_thread(sql, stage, "SELECT key FROM inngest_troubles")):
            if ("test-f",) in found:
                break
        assert "function test-f is put off for 1 s" in caplog.text
        rows.mend()
        sql(stage, "UPDATE inngest_meta SET value = value + 1 WHERE key = 'generation'")
        sql(stage, "UPDATE inngest_timers SET due_at = 0 WHERE kind = 'unread'")
        if invoked:
            assert await engine.wait(run.id) == "started"
        async for runs in looks(lambda: engine.runs(function=starting)):
            if len(runs) == 1 + invoked:
                assert [await engine.wait(one.id) for one in runs] == ["started"] * len(runs)
                break


async def test_a_run_on_hold_that_cannot_be_read_stays_on_hold(stage: Stage) -> None:
    """It uses no slot when it can be read again."""
    begun = asyncio.Event()

    async def old(ctx: inngest.Context) -> None:
        await ctx.step.run("first", lambda: None)
        await ctx.step.sleep("rest", HOUR)

    async def new(ctx: inngest.Context) -> None:
        if "blocks" in ctx.event.data:
            begun.set()
            await asyncio.Event().wait()
        await ctx.step.run("another", lambda: None)

    limit = [inngest.Concurrency(limit=1)]
    before = stage.function(old, concurrency=limit)
    async with stage.engine(before) as engine:
        (event_id,) = await engine.send(inngest.Event(name="test/start"))
        (held,) = [run.id for run in await engine.runs(event_id=event_id)]
        await until(engine, held, Rule.SLEEPING)
    wake(stage)
    stage.client = inngest.Inngest(app_id="test")
    stage.options = {"drain_timeout": 0}
    after = stage.function(new, concurrency=limit)
    async with stage.engine(after) as engine:
        times = (await until_held(engine, held)).hold
        assert times is not None
        rows = Rows(stage, "steps", "run_id = ? AND seq IS NOT NULL", held)
        rows.change("kind = 'Rest'")
        wake(stage)
        reasons = await until(engine, held, Rule.UNREADABLE)
        assert Rule.ON_HOLD in [reason.rule for reason in reasons]
        await engine.send(inngest.Event(name="test/start", data={"blocks": True}))
        await begun.wait()
        rows.mend()
        wake(stage)
        await until_held(engine, held, times=times.times + 1)  # beside the one that has the only slot


@pytest.mark.parametrize("invoked", [False, True])
async def test_a_start_of_a_function_that_is_not_known_any_more_is_kept_for_a_day(
    stage: Stage, invoked: bool, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(ctx: inngest.Context) -> str:
        return "started"

    async def parent(ctx: inngest.Context) -> object:
        try:
            return await ctx.step.invoke("call", function=starting) if invoked else "beside"
        except inngest.StepError as error:
            return f"{error.name}: {error.message}"

    starting = stage.function(body)
    other = stage.client.create_function(fn_id="other", trigger=inngest.TriggerEvent(event="test/start"))(parent)
    async with stage.engine(starting, other) as engine:
        Rows(stage, "functions", "id = ?", "test-f").change("config = 'no JSON'")
        sql(stage, "UPDATE inngest_meta SET value = value + 1 WHERE key = 'generation'")
        (event_id,) = await engine.send(inngest.Event(name="test/start"))
        (run,) = await engine.runs(event_id=event_id)
        async for found in looks(lambda: asyncio.to_thread(sql, stage, _UNREAD)):
            if len(found) == 1 + invoked:
                break
        sql(stage, "DELETE FROM inngest_functions WHERE id = 'test-f'")
        sql(stage, "UPDATE inngest_meta SET value = value + 1 WHERE key = 'generation'")
        sql(stage, "UPDATE inngest_timers SET due_at = 0 WHERE kind = 'unread'")
        async for troubles in looks(lambda: asyncio.to_thread(sql, stage, "SELECT error FROM inngest_troubles")):
            if any("not known any more" in str(error) for (error,) in troubles):
                break
        assert len(sql(stage, _UNREAD)) == 1 + invoked  # it may come back
        sql(stage, f"UPDATE inngest_timers SET due_at = 0, key = '{OLD}' || id WHERE kind = 'unread'")
        assert await engine.wait(run.id) == (_FORGOTTEN if invoked else "beside")
        async for found in looks(lambda: asyncio.to_thread(sql, stage, _UNREAD)):
            if not found:
                break
    assert f"function test-f is not known any more: it does not start with event {event_id}" in caplog.text


@pytest.mark.parametrize("damage", ["due_at = 'later'", "due_at = x'00ff'"])
async def test_a_timer_that_does_not_say_when_it_is_due_is(stage: Stage, damage: str) -> None:
    async def body(ctx: inngest.Context) -> object:
        return ctx.event.data["number"]

    function = stage.function(body, debounce=inngest.Debounce(period=600_000))
    async with stage.engine(function) as engine:
        await engine.send(inngest.Event(name="test/start", data={"number": 1}))
        Rows(stage, "timers", "kind = 'debounce'").change(damage)
        async for runs in looks(engine.runs):
            if runs:
                assert await engine.wait(runs[0].id) == 1
                break


@pytest.mark.parametrize("damage", ["due_at = 'later'", "due_at = x'00ff'"])
async def test_a_time_limit_that_does_not_say_when_it_is_over_begins_anew(stage: Stage, damage: str) -> None:
    async def body(ctx: inngest.Context) -> object:
        return "in time"

    function = stage.function(body, timeouts=inngest.Timeouts(start=600_000, finish=600_000))
    async with stage.engine(function) as engine:
        await engine.pause(function)
        (event_id,) = await engine.send(inngest.Event(name="test/start"))
        Rows(stage, "timers", "kind IN ('start', 'finish')").change(damage)
        async for times in looks(lambda: asyncio.to_thread(sql, stage, "SELECT due_at FROM inngest_timers")):
            if all(isinstance(due_at, int) for (due_at,) in times):
                assert all(due_at > time.time() * 1000 + 500_000 for (due_at,) in times)
                break
        await engine.resume(function)
        (run,) = await engine.runs(event_id=event_id)
        assert await engine.wait(run.id) == "in time"


@pytest.mark.parametrize("damage", ["due_at = 'later'", "due_at = x'00ff'"])
async def test_a_timer_that_does_not_say_when_it_is_due_stops_no_writer(stage: Stage, damage: str) -> None:
    async def body(ctx: inngest.Context) -> object:
        return ctx.event.data["number"]

    collected: list[int] = []

    async def collect(ctx: inngest.Context) -> None:
        collected.extend(cast("int", event.data["number"]) for event in ctx.events)

    plain = stage.function(body, "plain")
    batched = stage.function(collect, batch_events=inngest.Batch(max_size=2, timeout=60_000))
    async with stage.engine(batched, plain) as engine:
        await engine.send(inngest.Event(name="test/start", data={"number": 1}))
        Rows(stage, "timers", "kind = 'batch'").change(damage)
        await engine.send(inngest.Event(name="test/start", data={"number": 2}))
        assert await asyncio.gather(*(engine.wait(run.id) for run in await engine.runs(function=plain))) == [2, 1]
        async for runs in looks(lambda: engine.runs(function=batched)):
            if runs:
                await engine.wait(runs[0].id)
                break
    assert collected == [1, 2]


async def test_what_fails_after_a_commit_stops_neither_others_nor_the_writer(
    stage: Stage, caplog: pytest.LogCaptureFixture
) -> None:
    async def body(ctx: inngest.Context) -> str:
        return await ctx.step.run("work", lambda: "done")

    plain = stage.function(body, "plain")
    debounced = stage.function(body, debounce=inngest.Debounce(period=60_000))
    with mock.patch("inngest.engine.store.timers.NextTimer.note", side_effect=LookupError("no alarm")):
        async with stage.engine(debounced, plain) as engine:
            (event_id,) = await engine.send(inngest.Event(name="test/start"))
            (run,) = await engine.runs(event_id=event_id)
            assert await engine.wait(run.id) == "done"
    assert "what follows from a write has failed" in caplog.text
