"""Time stands still until a test moves it."""

from __future__ import annotations

import asyncio
import datetime
import itertools
from collections.abc import Callable
from typing import Any

import pytest

import inngest
from inngest import testing
from inngest.errors import EngineBindingError, EngineConfigError, EngineStateError, RunFailedError
from inngest.testing import BusyError, EndlessError, Engine, NotReachedError, at, driving

from . import shop

DAY, HOUR = datetime.timedelta(days=1), datetime.timedelta(hours=1)
STARTED = inngest.Event(name="trial/started", data={"user": 7})


def function(body: Callable[[inngest.Context], Any], event: str = "test", **options: Any) -> inngest.Function[Any]:
    """A function of a client of its own."""
    made = inngest.Inngest(app_id="test").create_function(
        fn_id="body", trigger=inngest.TriggerEvent(event=event), **options
    )
    return made(body)


async def test_a_month_passes_when_the_test_says_so() -> None:
    async with Engine([shop.trial]) as engine:
        await engine.send(STARTED)
        run = engine.runs.one(shop.trial)
        assert run.status == "RUNNING"
        assert run.steps["month"].status == "sleeping"
        assert engine.now == datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
        await engine.advance(30 * DAY - HOUR)
        assert "paid" not in run.steps
        await engine.advance(HOUR)
        assert run.steps["month"].status == "completed"
        assert run.steps["paid"].status == "waiting"
        await engine.send(inngest.Event(name="trial/paid", data={"user": 8}))
        assert run.status == "RUNNING"
        await engine.send(inngest.Event(name="trial/paid", data={"user": 7}))
        assert (run.status, run.output) == ("COMPLETED", "stayed")
        assert engine.now == datetime.datetime(2025, 1, 31, tzinfo=datetime.UTC)


async def test_a_wait_times_out_at_its_time() -> None:
    async with Engine([shop.trial], start=datetime.datetime(2030, 6, 1, tzinfo=datetime.UTC)) as engine:
        assert await engine.invoke(shop.trial, data={"user": 7}) == "left"
        assert engine.now == datetime.datetime(2030, 7, 8, tzinfo=datetime.UTC)


async def test_attempts_are_as_far_apart_as_the_product_has_them() -> None:
    tries = itertools.count()

    async def flaky() -> int:
        if (number := next(tries)) < 2:
            raise ConnectionError("no line")
        return number

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("flaky", flaky)

    flaky_function = function(body)
    async with Engine([flaky_function]) as engine:
        assert await engine.invoke(flaky_function) == 2
        passed = engine.now - datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
        assert datetime.timedelta(seconds=45) <= passed < datetime.timedelta(minutes=2)
    tries = itertools.count()
    async with Engine([flaky_function], retry_interval=1) as engine:
        await engine.invoke(flaky_function)
        assert engine.now == datetime.datetime(2025, 1, 1, 0, 0, 2, tzinfo=datetime.UTC)


async def test_the_same_seed_gives_the_same_ids_and_times() -> None:
    async def told() -> tuple[str, datetime.datetime]:
        async with Engine([shop.pay]) as engine:
            engine.stub(shop.pay, "charge", fail=2)
            run = await engine.begin(shop.pay, data={"order": 1})
            await engine.run_until_idle()
            return run.id, engine.now

    assert await told() == await told()


async def test_crons_tick_and_count_as_idle() -> None:
    async with Engine([shop.hourly]) as engine:
        idle = await engine.run_until_idle()
        assert idle.unfinished == ()
        assert engine.now == datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)
        await engine.advance(3 * DAY)
        assert len(engine.runs.of(shop.hourly)) == 72


async def test_a_debounce_is_over_in_its_time() -> None:
    async def body(ctx: inngest.Context) -> object:
        return ctx.event.data["n"]

    last = function(body, debounce=inngest.Debounce(period=HOUR))
    async with Engine([last]) as engine:
        await engine.send(inngest.Event(name="test", data={"n": 1}))
        await engine.advance(HOUR / 2)
        await engine.send(inngest.Event(name="test", data={"n": 2}))
        assert engine.runs.of(last) == []
        await engine.run_until_idle()
        assert engine.runs.one(last).output == 2
        assert engine.now == datetime.datetime(2025, 1, 1, 1, 30, tzinfo=datetime.UTC)


async def test_a_throttle_lets_the_next_run_begin_in_its_time() -> None:
    async def body(ctx: inngest.Context) -> None:
        return None

    slow = function(body, throttle=inngest.Throttle(limit=1, period=HOUR))
    async with Engine([slow]) as engine:
        await engine.send([inngest.Event(name="test") for _ in range(3)])
        assert [run.status for run in engine.runs.of(slow)] == ["COMPLETED", "QUEUED", "QUEUED"]
        await engine.run_until_idle()
        assert {run.status for run in engine.runs.of(slow)} == {"COMPLETED"}
        assert engine.now == datetime.datetime(2025, 1, 1, 2, tzinfo=datetime.UTC)


async def test_a_handler_of_real_time_is_waited_for_and_no_time_passes() -> None:
    async def slow() -> str:
        for _ in range(50):
            await asyncio.sleep(0)
        return "done"

    async def body(ctx: inngest.Context) -> object:
        for _ in range(30):
            await asyncio.sleep(0)
        return await ctx.step.run("slow", slow)

    made = function(body)
    async with Engine([made]) as engine:
        run_of = await engine.begin(made)
        assert run_of.output == "done"
        assert engine.now == datetime.datetime(2025, 1, 1, tzinfo=datetime.UTC)


async def test_run_until_a_step_stops_before_its_handler() -> None:
    async with Engine([shop.trial]) as engine:
        sent = engine.stub(shop.trial, "goodbye")
        run = await engine.begin(shop.trial, data={"user": 7})
        await engine.run_until(at.waiting("paid"))
        assert engine.now == datetime.datetime(2025, 1, 31, tzinfo=datetime.UTC)
        await engine.run_until(at.step("goodbye"))
        assert engine.now == datetime.datetime(2025, 2, 7, tzinfo=datetime.UTC)
        assert sent.calls == []
        await engine.run_until(at.ended(run))
        assert len(sent.calls) == 1
        assert run.output == "left"


async def test_run_until_a_time_and_a_function() -> None:
    async with Engine([shop.trial]) as engine:
        run = await engine.begin(shop.trial, data={"user": 7})
        await engine.run_until(at.time(datetime.datetime(2025, 1, 5, tzinfo=datetime.UTC)))
        assert engine.now == datetime.datetime(2025, 1, 5, tzinfo=datetime.UTC)
        await engine.run_until(lambda: "paid" in run.steps)
        assert engine.now == datetime.datetime(2025, 1, 31, tzinfo=datetime.UTC)


async def test_a_point_that_is_not_reached_says_what_runs_wait_for() -> None:
    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.wait_for_event("answer", event="answered", timeout=DAY)

    waits = function(body)
    async with Engine([waits]) as engine:
        run = await engine.begin(waits)
        with pytest.raises(NotReachedError, match='step "answer" waits for event "answered" until day 1 00:00'):
            await engine.run_until(at.ended(run), within=HOUR)
        await engine.run_until(at.ended(run))
        with pytest.raises(NotReachedError, match=r'^step "other" was not reached by day 1 00:00'):
            await engine.run_until(at.step("other"))


async def test_a_run_that_waits_for_ever_is_idle() -> None:
    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.wait_for_signal("go", signal="go", timeout=DAY)

    waits = function(body)
    async with Engine([waits]) as engine:
        run = await engine.begin(waits)
        with pytest.raises(NotReachedError, match="test-body"):
            await engine.run_until_idle(within=HOUR)
        assert await engine.send_signal("go", "now") == run.id
        assert run.ended


async def test_a_handler_that_never_ends_is_named() -> None:
    async def never() -> None:
        await asyncio.get_running_loop().create_future()

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("never", never)

    stuck = function(body)
    engine = Engine([stuck], handler_timeout=0.05)
    with pytest.raises(BusyError, match=r'the handler of step "never" of test-body has not gone on for 0\.05'):
        await engine.begin(stuck)
    engine.close()


async def test_code_between_steps_that_never_goes_on_is_named() -> None:
    async def body(ctx: inngest.Context) -> None:
        await asyncio.get_running_loop().create_future()

    stuck = function(body)
    engine = Engine([stuck], handler_timeout=0.05)
    with pytest.raises(BusyError, match=r"the code of test-body between its steps \(.*test_time.py:\d+"):
        await engine.begin(stuck)
    engine.close()


async def test_a_function_that_starts_itself_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driving, "ENTRIES", 200)

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.send_event("again", inngest.Event(name="test"))

    async with Engine([function(body)]) as engine:
        with pytest.raises(EndlessError, match="200 times at one time: does one start itself"):
            await engine.send(inngest.Event(name="test"))


async def test_a_failed_run_raises_as_the_product_does() -> None:
    async def body(ctx: inngest.Context) -> None:
        raise inngest.NonRetriableError("no stock")

    fails = function(body)
    async with Engine([fails]) as engine:
        with pytest.raises(RunFailedError, match="no stock"):
            await engine.invoke(fails)


async def test_verbs_that_wait_at_the_same_time_move_the_clock_in_turns() -> None:
    async with Engine([shop.trial, shop.report]) as engine:
        both = await asyncio.gather(engine.invoke(shop.trial, data={"user": 7}), engine.invoke(shop.report))
        assert tuple(both) == ("left", 42)


async def test_cancelling_pausing_and_running_again() -> None:
    async with Engine([shop.trial, shop.pay]) as engine:
        run = await engine.begin(shop.trial, data={"user": 7})
        assert await engine.cancel(run)
        assert run.status == "CANCELLED"
        assert not await engine.cancel(run)
        await engine.pause(shop.pay)
        (event_id,) = await engine.send(inngest.Event(name="order/placed", data={"order": 1}))
        (waiting,) = engine.runs.of_event(event_id)
        await engine.advance(DAY)
        assert waiting.status == "QUEUED"
        await engine.resume(shop.pay)
        assert waiting.output == "receipt for 1"
        again = await engine.rerun(engine.runs.one(shop.pay), from_step="charge", input=[2])
        assert again.output == "receipt for 2"


async def test_a_client_sends_into_the_engine_while_it_lives() -> None:
    async with Engine([shop.pay]) as engine:
        await engine.settle()
        await shop.client.send(inngest.Event(name="order/placed", data={"order": 3}))
        await engine.settle()
        assert engine.runs.one(shop.pay).output == "receipt for 3"
        other = Engine([shop.trial])
        with pytest.raises(EngineBindingError):
            await other.settle()
        other.close()


async def test_an_engine_of_an_earlier_loop_keeps_no_client() -> None:
    left = Engine([shop.pay])

    def lives() -> None:
        asyncio.run(left.settle())

    await asyncio.get_running_loop().run_in_executor(None, lives)
    async with Engine([shop.pay]) as engine:
        assert await engine.invoke(shop.pay, data={"order": 1}) == "receipt for 1"
    left.close()
    with pytest.raises(EngineStateError, match="has ended"):
        await left.settle()


async def test_wrong_arguments_are_told() -> None:
    with pytest.raises(EngineConfigError, match="functions: expected a list of functions or a client"):
        Engine(7)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
    with pytest.raises(EngineConfigError, match="start: expected a datetime with a time zone"):
        Engine([], start=datetime.datetime(2025, 1, 1))
    async with Engine([shop.trial]) as engine:
        with pytest.raises(EngineConfigError, match="by: expected a timedelta over 0"):
            await engine.advance(datetime.timedelta(0))
        with pytest.raises(EngineConfigError, match="when: expected a time that is not before now"):
            await engine.advance_to(datetime.datetime(2020, 1, 1, tzinfo=datetime.UTC))
        with pytest.raises(EngineStateError, match="has done nothing yet"):
            engine.runs.all()
        with pytest.raises(EngineStateError, match="await the verb without _sync"):
            engine.settle_sync()


async def test_a_verb_in_a_handler_is_refused() -> None:
    async def settle() -> None:
        await engine.settle()

    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("wrong", settle)

    wrong = function(body, retries=0)
    async with Engine([wrong]) as engine:
        run = await engine.begin(wrong)
        assert run.error is not None
        assert "would wait for that handler" in run.error.message


def test_a_plain_test_has_twins() -> None:
    with testing.Engine([shop.report, shop.trial]) as engine:
        assert engine.invoke_sync(shop.report) == 42
        engine.send_sync(STARTED)
        run = engine.runs.one(shop.trial)
        engine.advance_sync(30 * DAY)
        engine.run_until_sync(at.waiting("paid"))
        assert run.steps["paid"].status == "waiting"
        engine.cancel_sync(run)
        assert run.status == "CANCELLED"
        assert engine.run_until_idle_sync().unfinished == ()


def test_a_plain_function_in_a_plain_test_may_send_by_itself() -> None:
    with testing.Engine([shop.pay]) as engine:
        engine.settle_sync()
        shop.client.send_sync(inngest.Event(name="order/placed", data={"order": 3}))
        engine.settle_sync()
        assert engine.runs.one(shop.pay).output == "receipt for 3"
