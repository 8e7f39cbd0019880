"""One function alone, without an engine."""

from __future__ import annotations

import datetime
import re
import uuid
from typing import Any, assert_type

import pytest

import inngest
from inngest.errors import EngineConfigError
from inngest.testing import Called, RunAssertionError, UnstubbedStepError, UnusedStubError, call, call_sync

from . import shop
from .test_replay import made

ORDER = inngest.Event(name="order/placed", data={"order": 42})


async def test_steps_run_and_what_was_sent_is_told() -> None:
    called = await call(shop.pay, event=ORDER)
    assert_type(called, Called[str])
    assert called.output == "receipt for 42"
    assert called.ran == ("charge",)
    assert [(one.name, one.data) for one in called.sent] == [("order/paid", {"order": 42})]
    assert called.steps == {"charge": "receipt for 42", "tell": [called.sent[0].id]}


async def test_steps_that_are_named_have_values_and_do_not_run() -> None:
    called = await call(shop.pay, event=ORDER, steps={"charge": "no charge"})
    assert (called.output, called.ran) == ("no charge", ())


async def test_waits_are_answered_and_sleeps_are_over() -> None:
    event = inngest.Event(name="trial/started", data={"user": 7})
    paid = await call(shop.trial, event=event, steps={"paid": inngest.Event(name="trial/paid", data={"user": 7})})
    assert (paid.output, paid.ran, paid.slept) == ("stayed", ("welcome",), ("month",))
    left = await call(shop.trial, event=event, steps={"paid": None, "goodbye": "none"})
    assert (left.output, left.ran) == ("left", ("welcome",))


async def test_a_function_that_is_invoked_has_a_value() -> None:
    assert (await call(shop.order, steps={"ship": "label 7"})).output == "shipped: label 7"


async def test_an_answer_that_nobody_gives_is_asked_for() -> None:
    with pytest.raises(UnstubbedStepError) as told:
        await call(shop.trial, event=inngest.Event(name="trial/started"))
    assert str(told.value) == (
        'step "paid" of shop-trial (WaitForEvent) waits for "trial/paid", and a call of a function alone has nobody '
        'who answers: steps={"paid": …}'
    )


async def test_a_name_that_no_step_has_is_told() -> None:
    with pytest.raises(UnusedStubError) as told:
        await call(shop.pay, event=ORDER, steps={"chrage": "x"})
    assert str(told.value) == (
        "shop-pay has not come to 'chrage' (did you mean 'charge'?): it came to 'charge', 'tell'"
    )


def test_a_plain_function_in_a_plain_test() -> None:
    called = call_sync(shop.report, steps={"count": 5})
    assert_type(called, Called[int])
    assert (called.output, called.ran, called.slept) == (27, ("count more",), ("night",))


async def test_errors_of_steps_are_their_last_and_those_of_the_function_are_raised() -> None:
    async def body(ctx: inngest.Context) -> str:
        try:
            await ctx.step.run("charge", lambda: 1 / 0)
        except inngest.StepError as error:
            return await ctx.step.run("sorry", str, error.message)
        raise AssertionError

    function = made(body)
    called = await call(function)
    assert called.output == "division by zero"
    assert called.steps["charge"] == "ZeroDivisionError: division by zero"
    assert (await call(function, steps={"charge": KeyError("till")})).output == "'till'"

    async def fails(ctx: inngest.Context) -> None:
        raise LookupError(ctx.attempt)

    with pytest.raises(LookupError, match="3"):
        await call(made(fails), attempt=3)


async def test_parallel_steps_repeats_and_the_clients_own_sends() -> None:
    async def body(ctx: inngest.Context) -> object:
        async def tell() -> None:
            await teller.client.send(inngest.Event(name="told"))

        found = await ctx.group.parallel(
            (
                lambda: ctx.step.run("one", lambda: 1),
                lambda: ctx.step.run("one", lambda: 2),
                lambda: ctx.step.wait_for_event("two", event="x", timeout=datetime.timedelta(days=1)),
            )
        )
        await ctx.step.run("tell", tell)
        return [found[0], found[1], found[2] is None]

    teller = made(body)
    called = await call(teller, steps={"one:1": 7, "two": None})
    assert called.output == [1, 7, True]
    assert [one.name for one in called.sent] == ["told"]
    assert called.ran == ("one", "tell")


async def test_a_function_that_asks_for_other_steps_is_found() -> None:
    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run(f"save-{uuid.uuid4()}", lambda: 1)
        await ctx.step.sleep("night", 1000)

    with pytest.raises(RunAssertionError, match=r'asks for other steps .* came to "save-.*" before, and calls "save-'):
        await call(made(body))


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"attempt": -1}, "attempt: expected a whole number from 0, got -1"),
        ({"steps": ["charge"]}, "steps: expected values by the ids of steps, got ['charge']"),
    ],
)
async def test_wrong_arguments_are_told(wrong: dict[str, Any], told: str) -> None:
    with pytest.raises(EngineConfigError, match=re.escape(told)):
        await call(shop.pay, event=ORDER, **wrong)
