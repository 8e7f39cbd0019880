"""The ledger: what functions did to the world outside, how often, and what would be done again."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

import inngest
from inngest.errors import EngineConfigError
from inngest.testing import EffectError, Engine, Ledger

from . import shop
from .test_plugin import CONFTEST, FUNCTIONS, run_pytest
from .test_replay import made


async def test_effects_are_counted_and_say_where_they_happened() -> None:
    with Ledger() as ledger:
        async with Engine([shop.pay]) as engine:
            engine.stub(shop.pay, "charge", calls=ledger.effect(shop.charge_card))
            run = await engine.begin(shop.pay, data={"order": 42})
        ledger.expect("charge_card").expect("charge_card", 1, order=42).expect("charge_card", 0, order=43)
        (effect,) = ledger.of("charge_card")
        assert (effect.data, effect.step, effect.attempt, effect.run_id) == ({"order": 42}, "charge", 0, run.id)
        assert effect.function_id == "shop-pay"
        assert effect.place.startswith("shop.py:")
        with pytest.raises(EffectError, match="happened 1 times, expected 2") as told:
            ledger.expect("charge_card", 2, order=42)
        assert str(told.value).startswith('"charge_card" {"order": 42} has happened')
        assert '  "charge_card" {"order": 42} in step "charge" of shop-pay (shop.py:' in str(told.value)
        with pytest.raises(EffectError, match=r'"mail" has happened 0 times, expected 1; what has:\n  "charge_card"'):
            ledger.expect("mail")


async def test_async_effects_and_those_of_plain_functions_are_noted() -> None:
    with Ledger() as ledger:
        mail = ledger.effect(shop.send_mail)

        def plain(ctx: inngest.ContextSync) -> None:
            ctx.step.run("plain", ledger.note, "plain")

        function = made(plain)
        async with Engine([shop.trial, function]) as engine:
            engine.stub(shop.trial, "welcome", calls=mail)
            await engine.begin(shop.trial, data={"user": 7})
            await engine.invoke(function)
        assert [(one.what, one.step) for one in ledger.effects] == [("send_mail", "welcome"), ("plain", "plain")]


def body_that(does: Callable[[Ledger], Any], ledger: Ledger, **options: Any) -> Any:
    """A function whose step does something and fails at the first attempt."""

    async def body(ctx: inngest.Context) -> None:
        def charge() -> None:
            does(ledger)
            if inngest.current_step().attempt == 0:
                raise ConnectionError("no answer")

        await ctx.step.run("charge", charge)

    return made(body, **options)


async def test_an_effect_of_two_attempts_is_found() -> None:
    ledger = Ledger()
    function = body_that(lambda one: one.note("charge", order=42), ledger)
    async with Engine([function]) as engine:
        await engine.invoke(function)
    with pytest.raises(EffectError) as told:
        ledger.check()
    assert re.sub(r"\w+\.py:\d+", "pay.py", str(told.value)) == (
        "effects would happen more than once\n"
        '  "charge" {"order": 42} in step "charge" of test-body (pay.py), by attempts 0 and 1\n'
        "    mend  give the other side a key that stays, key=inngest.current_step().key; or\n"
        '          do not try it again, ctx.step.options(retries=0, on_crash="fail")'
    )


async def test_an_effect_with_a_key_that_stays_happens_once() -> None:
    with Ledger() as ledger:
        function = body_that(lambda one: one.note("charge", key=inngest.current_step().key), ledger)
        async with Engine([function]) as engine:
            await engine.invoke(function)
            await engine.invoke(function)
        assert len(ledger.effects) == 4
        ledger.expect("charge", 2)  # one in each run
        assert {len(str(one.key)) for one in ledger.effects} == {43}


async def test_a_key_that_changes_is_found() -> None:
    ledger = Ledger()
    function = body_that(lambda one: one.note("charge", key=str(len(one.effects) + 1)), ledger)
    async with Engine([function]) as engine:
        await engine.invoke(function)
    with pytest.raises(EffectError, match="by attempts 0 and 1, each with another key"):
        ledger.check()


@pytest.mark.parametrize("always_replay", [False, True])
async def test_an_effect_between_steps_is_found(always_replay: bool) -> None:
    ledger = Ledger()

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("first", lambda: 1)
        ledger.note("mail")

    function = made(body)
    async with Engine([function], always_replay=always_replay) as engine:
        await engine.invoke(function)
    with pytest.raises(EffectError) as told:
        ledger.check()
    assert re.sub(r"py:\d+", "py", str(told.value)) == (
        "effects would happen more than once\n"
        '  "mail" {} in no step of test-body (test_ledger.py)\n'
        '    mend  put it into a step: ctx.step.run("mail", …)'
    )


def test_what_the_test_itself_does_is_not_judged() -> None:
    with Ledger() as ledger:
        ledger.note("mail")
        ledger.note("mail")
        ledger.expect("mail", 2)


def test_requests_that_change_something_are_noted() -> None:
    with Ledger() as ledger:
        transport = ledger.http(httpx.MockTransport(lambda _: httpx.Response(201)))
        with httpx.Client(transport=transport, base_url="https://bank.example") as client:
            client.get("/balance")
            client.post("/charges", headers={"idempotency-key": "one"})
            client.post("/charges", headers={"idempotency-key": "one"})
            client.put("/name", content="Ann")
            client.put("/name", content="Ann")
            client.put("/name", content="Bea")
        assert len(ledger.effects) == 5
        ledger.expect("POST https://bank.example/charges").expect("PUT https://bank.example/name", 2)


async def test_requests_of_async_clients_are_noted() -> None:
    with Ledger() as ledger:
        transport = ledger.http(httpx.MockTransport(lambda _: httpx.Response(201)))
        async with httpx.AsyncClient(transport=transport, base_url="https://bank.example") as client:
            await client.delete("/name")
            await client.get("/name")
        ledger.expect("DELETE https://bank.example/name")
        assert len(ledger.effects) == 1


def test_a_request_without_an_answer_leaves_no_line() -> None:
    def refuse(request: httpx.Request) -> httpx.Response:
        raise httpx.ConnectError("no line", request=request)

    ledger = Ledger()
    transport = ledger.http(httpx.MockTransport(refuse))
    with httpx.Client(transport=transport) as client, pytest.raises(httpx.ConnectError):
        client.post("https://bank.example/charges")
    assert ledger.effects == []


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        (lambda ledger: ledger.note(""), "what: expected a text, got ''"),
        (lambda ledger: ledger.note("mail", key=7), "key: expected a text, got 7"),
        (
            lambda ledger: ledger.effect(key="token")(shop.charge_card),
            "key: expected the name of a parameter of charge_card(order: int) -> str, got 'token'",
        ),
    ],
)
def test_wrong_arguments_are_told(wrong: Any, told: str) -> None:
    with pytest.raises(EngineConfigError, match=re.escape(told.replace("int", "'int'").replace("-> str", "-> 'str'"))):
        wrong(Ledger())


def test_a_parameter_is_the_key() -> None:
    with Ledger() as ledger:

        @ledger.effect(key="token")
        def charge(order: int, token: str) -> str:
            return f"receipt for {order}, {token}"

        assert charge(1, "a") == charge(1, token="a")
        ledger.expect("charge").expect("charge", order=1)
        assert ledger.effects[0].key == "a"


def test_the_fixture_judges_at_the_end(tmp_path: Path) -> None:
    told = run_pytest(
        tmp_path,
        functions=FUNCTIONS,
        conftest=CONFTEST,
        test_pay="""
import pytest
from functions import pay

def twice(inngest_engine, inngest_ledger):
    @inngest_ledger.effect
    def charge(order):
        return order
    def flaky(order):
        charge(order)
        if len(inngest_ledger.effects) == 1:
            raise ConnectionError("no answer")
    inngest_engine.stub(pay, "charge", calls=flaky)
    inngest_engine.invoke_sync(pay, data={"order": 42})

def test_twice(inngest_engine, inngest_ledger):
    twice(inngest_engine, inngest_ledger)

def test_twice_and_fails_by_itself(inngest_engine, inngest_ledger):
    twice(inngest_engine, inngest_ledger)
    inngest_ledger.expect("charge", 3)

def test_once(inngest_engine, inngest_ledger):
    inngest_engine.stub(pay, "charge", calls=inngest_ledger.effect(lambda order: order))
    inngest_engine.invoke_sync(pay, data={"order": 42})
    inngest_ledger.expect("<lambda>", 1, order=42)
""",
    )
    assert "1 failed, 2 passed, 1 error" in told
    assert '"charge" {"order": 42} in step "charge" of shop-pay (test_pay.py:6), by attempts 0 and 1' in told
