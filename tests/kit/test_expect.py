# ruff: noqa: E501 - a story is as wide as it is
"""Expectations, what they say when they are not met, and the story of a run."""

from __future__ import annotations

import datetime
import itertools
import re
from typing import Any

import pytest

import inngest
from inngest.testing import Engine, Expect, RunAssertionError

from . import shop

DAY = datetime.timedelta(days=1)
FEBRUARY = datetime.datetime(2025, 1, 31, tzinfo=datetime.UTC)


def made(body: Any, **options: Any) -> Any:
    """A function of a client of its own."""
    client = inngest.Inngest(app_id="test")
    return client.create_function(fn_id="body", trigger=inngest.TriggerEvent(event="test"), **options)(body)


async def test_expectations_that_are_met() -> None:
    async with Engine([shop.trial, shop.pay]) as engine:
        run = await engine.begin(shop.trial, data={"user": 7})
        expect: Expect[str] = engine.expect(run)
        assert expect.sleeping("month", until=FEBRUARY).ran("welcome").did_not_run("paid", "goodbye") is expect
        await engine.advance(30 * DAY)
        engine.expect(shop.trial).waiting_for("trial/paid", until=FEBRUARY + 7 * DAY)
        await engine.advance(7 * DAY)
        engine.expect(run).completed().completed(output="left").ran("welcome", "month", "paid", "goodbye")
        engine.stub(shop.pay, "charge", fail=inngest.NonRetriableError("no money"))
        await engine.begin(shop.pay, data={"order": 1})
        engine.expect(shop.pay).failed().failed("no money").failed("NonRetriableError").attempts("charge", 1)
        engine.expect(shop.pay).failed(inngest.NonRetriableError)


async def test_events_that_steps_send_are_expected() -> None:
    async with Engine([shop.pay]) as engine:
        await engine.begin(shop.pay, data={"order": 1})
        engine.expect(shop.pay).sent("order/paid").sent("order/paid", order=1)
        with pytest.raises(RunAssertionError) as told:
            engine.expect(shop.pay).sent("order/paid", order=2)
        assert str(told.value) == (
            'shop-pay has not sent such an event "order/paid"\n'
            '  expected  order/paid {"order": 2}\n'
            '  is        order/paid {"order": 1}'
        )


async def test_a_run_that_did_not_complete_says_what_it_waits_for_and_how_it_goes_on() -> None:
    async with Engine([shop.trial]) as engine:
        await engine.begin(shop.trial, data={"user": 7})
        with pytest.raises(RunAssertionError) as sleeping:
            engine.expect(shop.trial).completed()
        assert str(sleeping.value) == (
            "shop-trial did not complete: it waits\n"
            "  expected  COMPLETED\n"
            '  is        RUNNING: step "month" sleeps until day 30 00:00; now is day 0 00:00\n'
            "  goes on   with advance(timedelta(days=30))"
        )
        await engine.advance(30 * DAY)
        with pytest.raises(RunAssertionError) as waiting:
            engine.expect(shop.trial).completed()
        assert str(waiting.value) == (
            "shop-trial did not complete: it waits\n"
            "  expected  COMPLETED\n"
            '  is        RUNNING: step "paid" waits for event "trial/paid" until day 37 00:00; now is day 30 00:00\n'
            "  goes on   when such an event comes, or with advance(timedelta(days=7)), which times it out"
        )


@pytest.mark.parametrize(
    ("expect", "told"),
    [
        (
            lambda one: one.failed(),
            "did not fail: it is over\n  expected  FAILED\n  is        COMPLETED: output",
        ),
        (lambda one: one.cancelled(), "did not end as cancelled"),
        (lambda one: one.skipped(), "did not end as skipped"),
        (lambda one: one.completed(output="no"), "returned something else\n  expected  output 'no'"),
        (lambda one: one.sleeping("night"), 'does not sleep in step "night"'),
        (lambda one: one.sleeping("charge"), 'does not sleep in step "charge"'),
        (lambda one: one.waiting_for("x"), 'does not wait for "x"'),
        (lambda one: one.on_hold(), "is not on hold\n  expected  ON HOLD\n"),
        (lambda one: one.ran("charge", "ship"), 'has not done "ship"'),
        (lambda one: one.ran("tell", "charge"), 'did its steps in another order\n  expected  "tell", "charge"'),
        (lambda one: one.did_not_run("charge"), 'came to "charge"'),
        (
            lambda one: one.attempts("charge", 2),
            'tried step "charge" 1 times\n  expected  2 attempts\n',
        ),
        (lambda one: one.attempts("ship", 2), 'does not come to step "ship"'),
    ],
)
async def test_expectations_that_are_not_met(expect: Any, told: str) -> None:
    async with Engine([shop.pay]) as engine:
        await engine.begin(shop.pay, data={"order": 1})
        with pytest.raises(RunAssertionError, match=re.escape(told)):
            expect(engine.expect(shop.pay))


async def test_an_expectation_of_a_function_needs_its_only_run() -> None:
    async with Engine([shop.pay]) as engine:
        await engine.settle()
        with pytest.raises(RunAssertionError, match="shop-pay has no run"):
            engine.expect(shop.pay)
        await engine.begin(shop.pay, data={"order": 1})
        await engine.begin(shop.pay, data={"order": 2})
        with pytest.raises(RunAssertionError, match="shop-pay has 2 runs"):
            engine.expect(shop.pay)
        engine.expect(engine.runs.of(shop.pay)[1]).completed(output="receipt for 2")


async def test_a_run_whose_code_has_changed_is_on_hold_and_that_is_idle() -> None:
    entries = itertools.count()

    async def body(ctx: inngest.Context) -> object:
        name = "first" if next(entries) == 0 else "other"
        await ctx.step.run(name, lambda: 1)
        await ctx.step.sleep("night", DAY)
        return name

    changes = made(body)
    async with Engine([changes]) as engine:
        run = await engine.begin(changes)
        await engine.run_until_idle()
        engine.expect(run).on_hold().on_hold("first")
        with pytest.raises(RunAssertionError, match='is on hold for another step\n  expected  ON HOLD at step "night"'):
            engine.expect(run).on_hold("night")
        with pytest.raises(RunAssertionError, match='ON HOLD: step "first" was recorded, and the code calls "other"'):
            engine.expect(run).completed()
        assert "on hold: step" in run.story()


async def test_the_story_of_a_run() -> None:
    async with Engine([shop.trial]) as engine:
        await engine.send(inngest.Event(name="trial/started", data={"user": 7}))
        await engine.advance(30 * DAY)
        await engine.send(inngest.Event(name="trial/paid", data={"user": "7"}))
        story = engine.runs.one(shop.trial).story()
    assert re.sub(r"test_expect.py:\d+", "test_expect.py", story) == (
        """------- inngest: shop-trial, run 1 of 1 (times since the engine began) -------
 day 0   00:00:00.000  event   trial/started {"user": 7}                                 test_expect.py
                       step    welcome  StepRun       done -> "sent welcome"
                       step    month    Sleep         until day 30 00:00
 day 30  00:00:00.000  step    month    Sleep         over
                       step    paid     WaitForEvent  trial/paid if async.data.user == event.data.user until day 37 00:00
                       event   trial/paid {"user": "7"}                                  test_expect.py
                                 not for run 1, which waits if async.data.user == event.data.user"""
    )


async def test_the_story_tells_failures_ends_and_invocations() -> None:
    async with Engine([shop.order, shop.parcel, shop.pay]) as engine:
        engine.stub(shop.parcel, "label", fail=[ConnectionError("no line"), ConnectionError("none")])
        await engine.begin(shop.order)
        await engine.run_until_idle()
        parcel, order = engine.runs.one(shop.parcel).story(), engine.runs.one(shop.order).story()
        assert "attempt 0 failed: ConnectionError: no line; again at day 0 00:00:" in parcel
        assert "label  StepRun  failed: ConnectionError: none" in parcel
        assert "run     FAILED: " in parcel
        assert "ship  InvokeFunction  shop-parcel" in order
        assert "run     FAILED: " in order
        run = await engine.begin(shop.pay, data={"order": 1})
        assert 'run     COMPLETED -> "receipt for 1"' in run.story()
        assert engine.stories()[0][0].startswith("inngest: shop-order, run 1 of 2")


async def test_the_story_tells_a_cancelled_run_and_masks_ids() -> None:
    async def body(ctx: inngest.Context) -> object:
        await ctx.step.run("id", lambda: ctx.run_id)
        return await ctx.step.wait_for_signal("go", signal="go", timeout=DAY)

    waits = made(body)
    async with Engine([waits]) as engine:
        run = await engine.begin(waits)
        await engine.cancel(run)
        assert 'id  StepRun        done -> "<id>"' in run.story()
        assert "run     CANCELLED" in run.story()
