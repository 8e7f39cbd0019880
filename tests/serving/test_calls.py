"""Calls of functions: what is refused, state that is fetched, streams, middleware, and errors."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

import inngest
from inngest.protocol.calls import EventData
from inngest.protocol.http import HttpError
from inngest.protocol.steps import hash_step_id
from inngest.protocol.wire import calls
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.messages import Request, Response, Stream

from .asking import EVENT, KEY, URL, FakeApi, asked, body, call, client_of, handler_of, reply, request, value_of

CLIENT = client_of(production=False)
STARTED = inngest.TriggerEvent(event="test/started")


def function_of(client: inngest.Inngest, **options: Any) -> inngest.Function[Any]:
    @client.create_function(fn_id="f", trigger=STARTED, **options)
    async def f(ctx: inngest.Context) -> list[Any]:
        async def one() -> int:
            return 1

        first = await ctx.step.run("a", one)
        return [first, ctx.event.data, ctx.run_id, ctx.attempt]

    return f


F = function_of(CLIENT)


async def test_a_step_is_executed_and_reported() -> None:
    answer = await asked(handler_of(CLIENT, [F]), call())
    assert answer.status == 206
    (op,) = value_of(answer)
    told = {name: op[name] for name in ("op", "id", "displayName", "data", "userland")}
    assert told == {
        "op": "StepRun",
        "id": hash_step_id("a"),
        "displayName": "a",
        "data": 1,
        "userland": {"id": "a", "index": None},
    }


async def test_a_function_that_returns_is_over() -> None:
    answer = await asked(handler_of(CLIENT, [F]), call(content=body(memos={"a": {"data": 7}}, attempt=2)))
    assert (answer.status, value_of(answer)) == (200, [7, {"n": 1}, "R1", 2])
    assert answer.headers["server-timing"].split(";")[0] == "comm_handler"
    assert "function;dur=" in answer.headers["server-timing"]


@pytest.mark.parametrize(
    ("query", "content", "code", "message"),
    [
        ("", None, "query_param_missing", "fnId"),
        ("fnId=&stepId=step", None, "query_param_missing", "fnId"),
        ("fnId=shop-g", None, "function_not_found", "function shop-g not found"),
        ("fnId=f", None, "function_not_found", "function f not found"),
        ("fnId=shop-f", b"", "body_invalid", None),
        ("fnId=shop-f", b"[]", "body_invalid", None),
        ("fnId=shop-f", b"{}", "body_invalid", None),
        ("fnId=shop-f", b'{"ctx":{"run_id":"r","attempt":0},"event":null}', "body_invalid", None),
        ("fnId=shop-f", b"\xff", "body_invalid", None),
    ],
)
async def test_what_is_no_call_is_refused_by_name(query: str, content: bytes | None, code: str, message: str) -> None:
    answer = await asked(handler_of(CLIENT, [F]), call(query, content))
    told = value_of(answer)
    assert (answer.status, told["code"]) == (500, code)
    assert message in (None, told["message"])
    assert told.keys() == {"code", "message", "name"}
    assert "x-inngest-no-retry" not in answer.headers


async def test_a_call_in_production_has_to_be_signed() -> None:
    client = client_of(production=True)
    handler = handler_of(client, [function_of(client)])
    assert (await asked(handler, call())).status == 401
    assert (await asked(handler, call(key=KEY))).status == 206
    tampered = call(key=KEY)._replace(body=body(attempt=1))
    assert (await asked(handler, tampered)).status == 401


async def test_a_body_that_is_written_otherwise_keeps_its_signature() -> None:
    client = client_of(production=True)
    given = call(key=KEY)
    spaced = json.dumps(json.loads(given.body), indent=2, sort_keys=True).encode()
    assert (await asked(handler_of(client, [function_of(client)]), given._replace(body=spaced))).status == 206


# -- state that is left out


async def test_state_that_a_call_leaves_out_is_fetched() -> None:
    api = FakeApi(reply(200, f"[{EVENT}]"), reply(200, {hash_step_id("a"): {"data": "big"}}))
    answer = await asked(handler_of(CLIENT, [F], api), call(content=body(memos={"a": None}, left_out=True)))
    assert value_of(answer) == ["big", {"n": 1}, "R1", 0]
    assert [(sent.method, sent.url) for sent in api.asked] == [
        ("GET", "http://127.0.0.1:8288/v0/runs/R1/batch"),
        ("GET", "http://127.0.0.1:8288/v0/runs/R1/actions"),
    ]
    assert "use_api;dur=" in answer.headers["server-timing"]


@pytest.mark.parametrize(
    ("said", "message"),
    [
        (reply(410, {"error": "gone"}), 'HTTP error: 410 {"error": "gone"}'),
        (HttpError("refused"), "the state of the run could not be fetched: refused"),
    ],
)
async def test_state_that_is_not_there_fails_the_attempt(said: Any, message: str) -> None:
    answer = await asked(handler_of(CLIENT, [F], FakeApi(said)), call(content=body(left_out=True)))
    assert (answer.status, value_of(answer)["message"]) == (500, message)


async def test_a_batch_without_events_is_no_batch() -> None:
    answer = await asked(handler_of(CLIENT, [F], FakeApi(reply(200, []))), call(content=body(left_out=True)))
    assert value_of(answer)["code"] == "body_invalid"


# -- errors


async def test_what_a_function_raises_is_the_answer() -> None:
    client = client_of(production=False)

    @client.create_function(fn_id="f", trigger=STARTED)
    def f(ctx: inngest.ContextSync) -> None:
        kinds: dict[Any, Exception] = {
            1: ValueError("no"),
            2: inngest.NonRetriableError("never"),
            3: inngest.RetryAfterError("later", 5_000),
        }
        raise kinds[ctx.event.data["n"]]

    found = []
    for number in (1, 2, 3):
        event = calls.event_text(EventData("e", "test/started", json.dumps({"n": number}), 5))
        content = calls.encode(calls.Head("R1", "uuid", 0, 4, "req", 1), [event], [])
        answer = await asked(handler_of(client, [f]), call(content=content))
        told = value_of(answer)
        found.append((answer.status, told["name"], told["code"], told["message"], answer.headers))
    assert [one[:4] for one in found] == [
        (500, "ValueError", "unknown", "no"),
        (500, "NonRetriableError", "non_retriable_error", "never"),
        (500, "RetryAfterError", "retry_after_error", "later"),
    ]
    assert ["x-inngest-no-retry" in one[4] for one in found] == [False, True, False]
    assert found[2][4]["retry-after"].endswith("Z")


async def test_the_failure_handler_is_called_by_its_own_name() -> None:
    client = client_of(production=False)
    seen: list[str] = []

    async def sorry(ctx: inngest.Context) -> str:
        seen.append(ctx.event.name)
        return "sorry"

    function = function_of(client, on_failure=sorry)
    answer = await asked(handler_of(client, [function]), call("fnId=shop-f-failure&stepId=step"))
    assert (answer.status, value_of(answer), seen) == (200, "sorry", ["test/started"])


async def test_of_two_functions_with_one_id_the_last_is_served() -> None:
    client = client_of(production=False)
    first = function_of(client)

    @client.create_function(fn_id="f", trigger=STARTED)
    async def second(ctx: inngest.Context) -> str:
        return "second"

    handler = handler_of(client, [first, second])
    assert value_of(await asked(handler, call())) == "second"
    assert value_of(await asked(handler, request("GET")))["function_count"] == 1


# -- streams


async def streamed(handler: Handler, given: Request) -> tuple[Stream, Any]:
    answer = await handler.handle(given)
    assert isinstance(answer, Stream), answer
    return answer, json.loads(b"".join([chunk async for chunk in answer.chunks]))


async def test_an_async_function_may_stream() -> None:
    handler = handler_of(CLIENT, [F], streaming=inngest.Streaming.FORCE)
    outer, envelope = await streamed(handler, call(content=body(memos={"a": {"data": 7}})))
    assert outer.status == 201
    assert outer.headers["x-inngest-sdk"] == "inngest-py:v0.1.0"
    assert (envelope["status"], json.loads(envelope["body"])) == (200, [7, {"n": 1}, "R1", 0])
    assert sorted(envelope["headers"]) == [
        "content-type",
        "server-timing",
        "user-agent",
        "x-inngest-framework",
        "x-inngest-req-version",
        "x-inngest-sdk",
    ]


async def test_all_else_does_not_stream() -> None:
    client = client_of(production=True)

    @client.create_function(fn_id="plain", trigger=STARTED)
    def plain(ctx: inngest.ContextSync) -> int:
        return 1

    handler = handler_of(client, [function_of(client), plain], streaming=inngest.Streaming.FORCE)
    answers = [
        await asked(handler, call("fnId=shop-plain", key=KEY)),
        await asked(handler, call("fnId=shop-none", key=KEY)),
        await asked(handler, call()),
        await asked(handler, call("probe=trust", key=KEY)),
        await asked(handler, request("GET", key=KEY)),
        await asked(handler, request("PUT", key=KEY)),
    ]
    assert [answer.status for answer in answers] == [200, 500, 401, 200, 200, 200]


# -- middleware and context


async def test_middleware_sees_the_frameworks_request_and_all_hooks_are_called() -> None:
    seen: list[Any] = []

    class Seeing(inngest.Middleware):
        def __init__(self, client: Any, raw_request: object) -> None:
            super().__init__(client, raw_request)
            seen.append(raw_request)

        async def transform_input(self, ctx: Any, function: Any, steps: inngest.StepMemos) -> None:
            seen.append(("in", steps.size))

        async def before_execution(self) -> None:
            seen.append("before")

        async def after_execution(self) -> None:
            seen.append("after")

        async def transform_output(self, result: inngest.TransformOutputResult) -> None:
            seen.append(("out", result.step.id if result.step else None))

        async def before_response(self) -> None:
            seen.append("response")

    client = client_of(production=False, middleware=[Seeing])
    raw = object()
    handler = handler_of(client, [function_of(client)])
    await asked(handler, Request("POST", f"{URL}?fnId=shop-f", {}, body(), raw))
    assert seen[0] is raw
    assert seen[1:3] == [("in", 0), "before"]
    assert sorted(map(str, seen[3:])) == sorted(["('out', 'a')", "after", "response"])
    seen.clear()
    await asked(handler, Request("POST", f"{URL}?fnId=shop-f", {}, body(memos={"a": {"data": 7}}), raw))
    assert seen == [raw, ("in", 1), "before", "after", ("out", None), "response"]


async def test_the_ids_of_a_call_are_in_the_context() -> None:
    client = client_of(production=False)

    @client.create_function(fn_id="f", trigger=STARTED)
    async def f(ctx: inngest.Context) -> list[Any]:
        return [ctx.job_id, ctx.request_id]

    headers = {"x-request-id": "of the header", "x-inngest-job-id": "the job"}
    answer = await asked(handler_of(client, [f]), call(headers=headers))
    assert value_of(answer) == ["the job", "of the header"]


@pytest.mark.parametrize("place", ["step", "body"])
def test_what_ends_the_loop_is_a_failed_attempt_by_its_name(place: str) -> None:
    """On the main thread KeyboardInterrupt ends the loop; the answer is given while its tasks are cancelled."""
    client, answers = client_of(production=False), list[Response]()

    @client.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="test/started"))
    async def f(ctx: inngest.Context) -> None:
        async def handler() -> None:
            raise KeyboardInterrupt("enough")

        await (ctx.step.run("s", handler) if place == "step" else handler())

    async def main() -> None:
        answers.append(await asked(handler_of(client, [f]), call()))

    async def application() -> None:
        await asyncio.gather(main(), asyncio.Event().wait())

    with pytest.raises(KeyboardInterrupt, match="enough"):
        asyncio.run(application())
    (answer,) = answers
    assert answer.status == 500
    assert {"name": "KeyboardInterrupt", "message": "enough"}.items() <= value_of(answer).items()
    assert answer.headers.get("x-inngest-no-retry") != "true"
