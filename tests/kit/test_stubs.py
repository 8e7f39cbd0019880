"""What a test puts in the place of code: stubs, spies, failures, blocks, servers."""

from __future__ import annotations

import datetime
import importlib
import re
from typing import Any

import pytest

import inngest
from inngest.errors import EngineConfigError, RunFailedError
from inngest.testing import Engine, Stub, StubFailure, UnstubbedRequestError, UnusedStubError, at

from . import shop

ORDER = inngest.Event(name="order/placed", data={"order": 42})


async def test_a_stub_returns_in_the_place_of_a_handler() -> None:
    async with Engine([shop.pay]) as engine:
        stub = engine.stub(shop.pay, "charge", returns="free")
        assert await engine.invoke(shop.pay, data={"order": 1}) == "free"
        (call,) = stub.calls
        assert (call.step, call.args, call.attempt, call.returned, call.raised) == ("charge", (1,), 0, "free", None)
        assert call.run_id == engine.runs.one(shop.pay).id


async def test_a_stub_is_called_with_the_arguments_async_or_not() -> None:
    async def twice(order: int) -> str:
        return f"{order} {order}"

    async with Engine([shop.pay, shop.report]) as engine:
        engine.stub(shop.pay, "charge", calls=twice)
        engine.stub(shop.report, "count", calls=lambda: 1)
        engine.stub(None, re.compile("count .*"), calls=lambda: 2)
        assert await engine.invoke(shop.pay, data={"order": 1}) == "1 1"
        assert await engine.invoke(shop.report) == 3


async def test_what_a_stub_returns_passes_json() -> None:
    async with Engine([shop.pay]) as engine:
        engine.stub(shop.pay, "charge", returns=("a", "b"))
        assert str(await engine.invoke(shop.pay, data={"order": 1})) == "['a', 'b']"
    async with Engine([shop.pay]) as engine:
        engine.stub(shop.pay, "charge", returns=object())
        with pytest.raises(RunFailedError, match="OutputUnserializable"):
            await engine.invoke(shop.pay, data={"order": 1})


async def test_a_spy_looks_on() -> None:
    async with Engine([shop.pay, shop.report]) as engine:
        spy, other = engine.stub(shop.pay, "charge"), engine.stub("shop-report", "count")
        await engine.invoke(shop.pay, data={"order": 42})
        await engine.invoke(shop.report)
        assert [(one.args, one.returned) for one in spy.calls] == [((42,), "receipt for 42")]
        assert [one.returned for one in other.calls] == [20]


async def test_attempts_fail_as_often_as_the_stub_says_and_then_the_handler_runs() -> None:
    async with Engine([shop.pay]) as engine:
        stub = engine.stub(shop.pay, "charge", fail=2)
        assert await engine.invoke(shop.pay, data={"order": 42}) == "receipt for 42"
        assert [type(one.raised) for one in stub.calls] == [StubFailure, StubFailure, type(None)]
        assert [one.attempt for one in stub.calls] == [0, 1, 2]
        engine.expect(shop.pay).attempts("charge", 3)


async def test_each_attempt_fails_by_an_error_until_none_is_left() -> None:
    async with Engine([shop.pay]) as engine:
        stub = engine.stub(shop.pay, "charge", fail=ConnectionError("no line"))
        with pytest.raises(RunFailedError, match="no line"):
            await engine.invoke(shop.pay, data={"order": 42})
        assert len(stub.calls) == 4
        engine.stub(shop.pay, "charge", fail=[inngest.NonRetriableError("no money")])
        with pytest.raises(RunFailedError, match="no money"):
            await engine.invoke(shop.pay, data={"order": 42})


async def test_errors_come_in_turn_before_what_the_stub_returns() -> None:
    async with Engine([shop.pay]) as engine:
        stub = engine.stub(shop.pay, "charge", fail=[ConnectionError("no line"), TimeoutError], returns="late")
        assert await engine.invoke(shop.pay, data={"order": 42}) == "late"
        assert [type(one.raised).__name__ for one in stub.calls] == ["ConnectionError", "TimeoutError", "NoneType"]


async def test_a_repeated_step_is_stubbed_by_its_number() -> None:
    async def body(ctx: inngest.Context) -> list[object]:
        return [await ctx.step.run("part", lambda: "real") for _ in range(3)]

    made: Any = inngest.Inngest(app_id="test").create_function(
        fn_id="parts", trigger=inngest.TriggerEvent(event="parts")
    )(body)
    async with Engine([made]) as engine:
        engine.stub(made, "part", returns="second", nth=1)
        assert await engine.invoke(made) == ["real", "second", "real"]
        engine.stub(made, "part", returns="each")
        assert await engine.invoke(made) == ["each", "each", "each"]
        engine.stub(made, "part:2", returns="third")
        assert await engine.invoke(made) == ["each", "each", "third"]


async def test_a_function_is_stubbed_for_who_invokes_it() -> None:
    async with Engine([shop.order, shop.parcel]) as engine:
        stub = engine.stub_function(shop.parcel, returns="no label")
        assert await engine.invoke(shop.order) == "shipped: no label"
        assert [one.args for one in stub.calls] == [({"order": 42},)]
        assert engine.runs.one(shop.parcel).status == "COMPLETED"
    async with Engine([shop.order, shop.parcel]) as engine:
        engine.stub_function(shop.parcel, fail=ConnectionError("away"))
        with pytest.raises(RunFailedError, match="away"):
            await engine.invoke(shop.order)
    async with Engine([shop.order, shop.parcel]) as engine:
        stub = engine.stub_function(shop.parcel, fail=1)
        assert await engine.invoke(shop.order) == "shipped: receipt for 7"
        assert [one.attempt for one in stub.calls] == [0, 1]


async def test_a_plain_function_is_stubbed() -> None:
    async with Engine([shop.report]) as engine:
        engine.stub_function(shop.report, calls=lambda ctx: len(ctx.run_id))
        assert await engine.invoke(shop.report) == 26


async def test_a_wrong_call_of_a_handler_fails_as_without_a_stub() -> None:
    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.run("wrong", shop.charge_card)  # type: ignore[call-arg, arg-type]  # pyright: ignore[reportCallIssue, reportArgumentType]

    made: Any = inngest.Inngest(app_id="test").create_function(
        fn_id="wrong", trigger=inngest.TriggerEvent(event="wrong")
    )(body)
    async with Engine([made]) as engine:
        spy = engine.stub(made, "wrong")
        run = await engine.begin(made)
        assert run.error is not None
        assert run.error.name == "StepArgumentError"
        assert len(spy.calls) == 1


async def test_a_stub_that_nobody_calls_is_told_with_what_was_meant() -> None:
    strict = Engine([shop.pay])
    strict.stub(shop.pay, "chrage", returns="free")
    strict.stub(shop.pay, "other", returns="free", optional=True)
    await strict.invoke(shop.pay, data={"order": 1})
    with pytest.raises(UnusedStubError, match=r"step \"chrage\" of shop-pay \(did you mean 'charge'\?\)"):
        strict.close()
    async with Engine([shop.pay], strict_stubs=False) as engine:
        engine.stub(shop.pay, "chrage", returns="free")
    strict = Engine([shop.parcel])
    strict.stub_function(shop.parcel, returns="")
    with pytest.raises(UnusedStubError, match="function shop-parcel"):
        strict.close()


async def test_an_error_of_the_test_is_not_hidden_by_an_unused_stub() -> None:
    async def test() -> None:
        async with Engine([shop.pay]) as engine:
            engine.stub(shop.pay, "charge")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await test()


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"returns": 1, "calls": print}, "expected returns or calls, got both"),
        ({"calls": 7}, "calls: expected a function"),
        ({"fail": -1}, "fail: expected the number of attempts that fail"),
        ({"fail": []}, "fail: expected a number of attempts, an exception, or a list"),
        ({"fail": "often"}, "fail: expected a number of attempts, an exception, or a list"),
        ({"nth": -1}, "nth: expected which of the calls"),
    ],
)
def test_wrong_stubs_are_told(given: dict[str, Any], told: str) -> None:
    engine = Engine([shop.pay])
    with pytest.raises(EngineConfigError, match=re.escape(told)):
        engine.stub(shop.pay, "charge", **given)


def test_wrong_names_of_stubs_are_told() -> None:
    engine = Engine([shop.pay])
    with pytest.raises(EngineConfigError, match="step: expected the id of a step"):
        engine.stub(shop.pay, "")
    with pytest.raises(EngineConfigError, match="shop-trial is none of the engine's functions, which are shop-pay"):
        engine.stub_function(shop.trial, returns="left")
    with pytest.raises(EngineConfigError, match="expected returns, calls or fail"):
        engine.stub_function(shop.pay)


async def test_a_block_stops_a_handler_before_it_begins() -> None:
    async with Engine([shop.pay]) as engine:
        block, spy = engine.block(shop.pay, "charge"), engine.stub(shop.pay, "charge")
        await engine.send(ORDER)
        run = engine.runs.one(shop.pay)
        assert block.reached
        assert (run.status, spy.calls) == ("RUNNING", [])
        idle = await engine.run_until_idle()
        assert [one.id for one in idle.unfinished] == [run.id]
        await engine.advance(datetime.timedelta(days=3))
        assert run.status == "RUNNING"
        block.proceed()
        await engine.settle()
        assert run.output == "receipt for 42"


async def test_a_block_stops_a_plain_function() -> None:
    async with Engine([shop.report]) as engine:
        block = engine.block(None, "count")
        run = await engine.begin(shop.report)
        assert block.reached
        assert run.steps == {}
        block.proceed()
        await engine.run_until_idle()
        assert run.output == 42


async def test_an_engine_ends_while_handlers_are_blocked() -> None:
    async with Engine([shop.report, shop.pay]) as engine:
        engine.block(None, re.compile("count|charge"))
        await engine.begin(shop.report)
        await engine.begin(shop.pay, data={"order": 1})


async def test_time_limits_of_a_step_pass_while_it_is_blocked() -> None:
    async def body(ctx: inngest.Context) -> object:
        return await ctx.step.options(timeout=60_000, retries=0).run("slow", shop.send_mail, "slow")

    made: Any = inngest.Inngest(app_id="test").create_function(
        fn_id="slow", trigger=inngest.TriggerEvent(event="slow"), retries=0
    )(body)
    async with Engine([made]) as engine:
        engine.block(made, "slow")
        run = await engine.begin(made)
        await engine.advance(datetime.timedelta(seconds=61))
        assert run.error is not None
        assert run.error.message == 'step "slow" did not end within 60000 ms'


async def test_a_point_holds_the_handler_until_the_next_verb() -> None:
    async with Engine([shop.report]) as engine:
        run = await engine.begin(shop.report)
        await engine.run_until(at.step("count more", of=shop.report))
        assert "count more" not in run.steps
        await engine.settle()
        assert run.output == 42


async def test_servers_are_stubbed() -> None:
    async with Engine([shop.fetching]) as engine:
        stub = engine.http.stub("GET", "https://weather.example/*", json={"sky": "blue"}, fail=1)
        assert await engine.invoke(shop.fetching) == {"sky": "blue"}
        assert [one.url for one in stub.calls] == ["https://weather.example/today?city=Bern"] * 2
        assert engine.now > datetime.datetime(2025, 1, 1, 0, 0, 10, tzinfo=datetime.UTC)


async def test_a_request_without_a_stub_calls_nobody_and_is_told() -> None:
    async with Engine([shop.fetching]) as engine:
        with pytest.raises(UnstubbedRequestError, match=r'engine.http.stub\("GET", "https://weather.example/today'):
            await engine.begin(shop.fetching)
        assert engine.runs.one(shop.fetching).status == "FAILED"


async def test_a_status_of_a_server_is_the_steps_matter() -> None:
    async with Engine([shop.fetching]) as engine:
        stub = engine.http.stub("*", "*", status=500, text="broken")
        with pytest.raises(RunFailedError):
            await engine.invoke(shop.fetching)
        assert len(stub.calls) >= 1


def test_stubs_say_what_they_are() -> None:
    engine = Engine([shop.pay])
    stub: Stub = engine.stub(shop.pay, "charge")
    assert repr(stub) == '<stub of step "charge" of shop-pay, called 0 times>'
    assert repr(engine.http.stub("get", "https://a.example")) == "<stub of GET https://a.example, called 0 times>"


async def test_a_step_that_waits_is_answered() -> None:
    async with Engine([shop.trial]) as engine:
        paid = engine.on_wait("paid", inngest.Event(name="trial/paid", data={"user": 7}))
        assert await engine.invoke(shop.trial, data={"user": 7}) == "stayed"
        assert [(one.function_id, one.step, one.waits_for) for one in paid.calls] == [
            ("shop-trial", "paid", "trial/paid")
        ]
        assert engine.now == datetime.datetime(2025, 1, 31, tzinfo=datetime.UTC)
    async with Engine([shop.trial]) as engine:
        engine.on_wait("paid", lambda waiting: inngest.Event(name=waiting.waits_for, data={"user": 8}), of=shop.trial)
        assert await engine.invoke(shop.trial, data={"user": 7}) == "left"
    strict = Engine([shop.trial])
    strict.on_wait("piad", inngest.Event(name="trial/paid"))
    with pytest.raises(UnusedStubError, match='on_wait: step "piad" has never waited'):
        strict.close()


@pytest.mark.parametrize("provider", ["openai", "anthropic", "gemini"])
async def test_models_are_stubbed_in_the_words_of_their_api(provider: str) -> None:
    module = importlib.import_module(f"inngest.experimental.ai.{provider}")

    async def body(ctx: inngest.Context) -> object:
        adapter = module.Adapter(auth_key="secret", model="large-1")
        return await ctx.step.ai.infer("ask", adapter=adapter, body={"messages": []})

    made: Any = inngest.Inngest(app_id="test").create_function(fn_id="ask", trigger=inngest.TriggerEvent(event="ask"))(
        body
    )
    async with Engine([made]) as engine:
        asked = engine.ai.stub("large-*", text="short", fail=1)
        assert "short" in str(await engine.invoke(made))
        assert len(asked.calls) == 2
        engine.ai.stub(tool=("weather", {"city": "Bern"}))
        run = await engine.begin(made)
        usage = run.steps["ask"].usage
        assert usage is not None
        assert usage.tools == ("weather",)
    with pytest.raises(EngineConfigError, match="expected text or tool, one of them"):
        Engine([made]).ai.stub("large-*")
