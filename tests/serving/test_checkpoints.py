"""Checkpoints: results of steps are recorded while the code goes on, and none is lost, whatever the server says."""

from __future__ import annotations

import json
from typing import Any

import pytest

import inngest
from inngest.protocol.http import HttpError, HttpRequest, HttpResponse
from inngest.protocol.steps import hash_step_id
from inngest.protocol.wire import calls
from inngest.sdk.serving import checkpoint
from inngest.sdk.serving.messages import Response

from .asking import EVENT, FakeApi, asked, body, call, client_of, handler_of, reply, request, value_of

STARTED = inngest.TriggerEvent(event="test/started")
SAVED = reply(200, {"data": {}})


@pytest.fixture(autouse=True)
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkpoint, "FIRST_PAUSE", 0.01)


def three(client: inngest.Inngest, ran: list[str], **options: Any) -> inngest.Function[Any]:
    @client.create_function(fn_id="f", trigger=STARTED, **options)
    async def f(ctx: inngest.Context) -> str:
        for name in "abc":

            async def handler(name: str = name) -> str:
                ran.append(name)
                return name

            await ctx.step.run(name, handler)
        return "done"

    return f


async def called(api: FakeApi, content: bytes | None = None, **options: Any) -> tuple[Response, list[str]]:
    ran: list[str] = []
    client = client_of(production=False)
    answer = await asked(handler_of(client, [three(client, ran, **options)], api), call(content=content))
    return answer, ran


def told(sent: HttpRequest) -> list[str]:
    """The steps of a checkpoint."""
    return [step["displayName"] for step in json.loads(sent.content or b"")["steps"]]


def ops_of(answer: Response) -> list[tuple[str, str]]:
    return [(op["op"], op["displayName"]) for op in value_of(answer)]


async def test_a_function_goes_on_while_its_steps_are_recorded() -> None:
    api = FakeApi(SAVED, checkpoints=True)
    answer, ran = await called(api)
    assert (answer.status, value_of(answer), ran) == (200, "done", ["a", "b", "c"])
    assert [told(sent) for sent in api.asked] == [["a"], ["b"], ["c"]]
    sent = json.loads(api.asked[0].content or b"")
    assert api.asked[0].url == "http://127.0.0.1:8288/v1/checkpoint/R1/async"
    (step,) = sent.pop("steps")
    assert (step["op"], step["id"], step["data"]) == ("StepRun", hash_step_id("a"), "a")
    started_at, now = sent.pop("request_started_at"), sent.pop("ts")
    assert started_at <= now
    assert sent == {
        "fn_id": "uuid",
        "generation_id": 1,
        "qi_id": calls.Head("R1", "", 0, 1, "", 1).qi_id,
        "request_id": "req",
        "run_id": "R1",
    }


async def test_plain_functions_too() -> None:
    api = FakeApi(SAVED, checkpoints=True)
    client = client_of(production=False)

    @client.create_function(fn_id="f", trigger=STARTED)
    def f(ctx: inngest.ContextSync) -> list[str]:
        return [ctx.step.run(name, lambda name=name: name.upper()) for name in "ab"]  # type: ignore[misc]

    answer = await asked(handler_of(client, [f], api), call())
    assert (answer.status, value_of(answer)) == (200, ["A", "B"])
    assert [told(sent) for sent in api.asked] == [["a"], ["b"]]


@pytest.mark.parametrize("final", [True, False])
async def test_the_text_of_an_error_may_hold_half_of_a_surrogate_pair(final: bool) -> None:
    """The report of a step that failed for good goes to the server, and its handler is called once."""
    api = FakeApi(SAVED, checkpoints=True)
    client, ran = client_of(production=False), 0

    @client.create_function(fn_id="f", trigger=STARTED)
    async def f(ctx: inngest.Context) -> str:
        async def handler() -> None:
            nonlocal ran
            ran += 1
            raise (inngest.NonRetriableError if final else ValueError)("x\ud800y")

        await ctx.step.run("a", lambda: "first")
        try:
            await ctx.step.run("s", handler)
        except inngest.StepError as error:
            return error.message
        raise AssertionError("it does not fail")

    answer = await asked(handler_of(client, [f], api), call())
    assert ran == 1
    texts = [sent.content or b"" for sent in api.asked]
    if final:
        assert (answer.status, value_of(answer)) == (200, "x\ud800y")
        (step,) = json.loads(texts[-1])["steps"]
        assert (step["op"], step["error"]["message"]) == ("StepFailed", "x\ud800y")
    else:
        assert answer.status == 206
        (step,) = value_of(answer)
        assert (step["op"], step["error"]["message"]) == ("StepError", "x\ud800y")


async def test_several_results_go_together() -> None:
    api = FakeApi(SAVED, checkpoints=True)
    answer, ran = await called(api, checkpointing=inngest.Checkpointing(buffered_steps=2))
    assert ran == ["a", "b", "c"]
    assert [told(sent) for sent in api.asked] == [["a", "b"]]
    assert answer.status == 206
    assert ops_of(answer) == [("StepRun", "c"), ("RunComplete", "complete")]
    assert value_of(answer)[1]["data"] == "done"


async def large(api: FakeApi, sizes: list[int], buffered: int = 9) -> tuple[Response, list[str]]:
    """The answer of a function whose steps give so many megabytes."""
    client = client_of(production=False)
    ran: list[str] = []

    @client.create_function(fn_id="f", trigger=STARTED, checkpointing=inngest.Checkpointing(buffered_steps=buffered))
    async def f(ctx: inngest.Context) -> str:
        for number, size in enumerate(sizes):

            async def handler(size: int = size) -> str:
                ran.append(f"s{len(ran)}")
                return "x" * (size * 1024 * 1024 - 2)

            await ctx.step.run(f"s{number}", handler)
        return "done"

    return await asked(handler_of(client, [f], api), call()), ran


async def test_results_are_sent_before_they_are_too_large_together() -> None:
    api = FakeApi(SAVED, checkpoints=True)
    answer, ran = await large(api, [1, 1, 3, 4, 1, 1])
    assert ran == ["s0", "s1", "s2", "s3", "s4", "s5"]
    assert [told(sent) for sent in api.asked] == [["s0", "s1"], ["s2"], ["s3"]]
    assert max(len(sent.content or b"") for sent in api.asked) < 5 * 1024 * 1024
    assert ops_of(answer) == [("StepRun", "s4"), ("StepRun", "s5"), ("RunComplete", "complete")]


async def test_what_is_too_large_together_is_sent_one_by_one() -> None:
    class Narrow(FakeApi):
        async def send(self, request: HttpRequest) -> HttpResponse:
            answer = await super().send(request)
            return reply(413, {}) if len(request.content or b"") > 1_500_000 else answer

    api = Narrow(SAVED, checkpoints=True)
    answer, ran = await large(api, [1, 1, 1], buffered=3)
    assert [told(sent) for sent in api.asked] == [["s0", "s1", "s2"], ["s0"], ["s1"], ["s2"]]
    assert (answer.status, value_of(answer), ran) == (200, "done", ["s0", "s1", "s2"])
    api = Narrow(SAVED, checkpoints=True)
    answer, ran = await large(api, [1, 2, 1], buffered=3)
    assert [told(sent) for sent in api.asked] == [["s0", "s1", "s2"], ["s0"], ["s1"]]
    assert ops_of(answer) == [("StepRun", "s1"), ("StepRun", "s2")]


async def test_results_are_sent_when_an_interval_has_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    api = FakeApi(SAVED, checkpoints=True)
    ran: list[str] = []
    monkeypatch.setattr("inngest.runtime.clock.SystemClock.monotonic", lambda self: 600 * len(ran))
    client = client_of(production=False)
    options = inngest.Checkpointing(buffered_steps=9, max_interval=1_000, max_runtime=60_000)
    answer = await asked(handler_of(client, [three(client, ran, checkpointing=options)], api), call())
    assert [told(sent) for sent in api.asked] == [["a", "b"]]
    assert ops_of(answer) == [("StepRun", "c"), ("RunComplete", "complete")]


@pytest.mark.parametrize("where", ["client", "function"])
async def test_without_checkpoints_each_step_is_an_answer(where: str) -> None:
    api = FakeApi(SAVED, checkpoints=True)
    client = client_of(production=False, checkpointing=where != "client")
    ran: list[str] = []
    f = three(client, ran, **({"checkpointing": False} if where == "function" else {}))
    answer = await asked(handler_of(client, [f], api), call())
    assert (answer.status, ops_of(answer), ran, api.asked) == (206, [("StepRun", "a")], ["a"], [])


async def test_a_function_may_have_checkpoints_where_its_client_has_none() -> None:
    api = FakeApi(SAVED, checkpoints=True)
    client = client_of(production=False, checkpointing=False)
    answer = await asked(handler_of(client, [three(client, [], checkpointing=True)], api), call())
    assert (answer.status, len(api.asked)) == (200, 3)


@pytest.mark.parametrize(
    ("query", "head"),
    [
        ("fnId=shop-f&stepId=step", calls.Head("R1", "uuid", 0, 4, "req", 1, plan=True)),
        (f"fnId=shop-f&stepId={hash_step_id('a')}", calls.Head("R1", "uuid", 0, 4, "req", 1, hash_step_id("a"))),
        ("fnId=shop-f&stepId=step", calls.Head("R1", "", 0, 4, "req", 1)),
    ],
)
async def test_only_a_call_that_may_go_on_has_checkpoints(query: str, head: calls.Head) -> None:
    api = FakeApi(SAVED, checkpoints=True)
    client = client_of(production=False)
    answer = await asked(handler_of(client, [three(client, [])], api), call(query, calls.encode(head, [EVENT], [])))
    assert (answer.status, len(value_of(answer)), api.asked) == (206, 1, [])


# -- what the server may say


async def test_a_server_whose_run_is_anothers_is_told_nothing_more() -> None:
    api = FakeApi(SAVED, reply(409, {}), checkpoints=True)
    answer, ran = await called(api)
    assert (answer.status, ran) == (500, ["a", "b"])
    assert value_of(answer)["code"] == "stale_dispatch"
    assert answer.headers["x-inngest-no-retry"] == "false"
    assert len(api.asked) == 2


@pytest.mark.parametrize("status", [400, 401, 403, 404, 413, 501])
async def test_what_a_server_refuses_travels_in_the_answer(status: int) -> None:
    api = FakeApi(SAVED, reply(status, {}), checkpoints=True)
    answer, ran = await called(api)
    assert (answer.status, ops_of(answer), ran) == (206, [("StepRun", "b")], ["a", "b"])
    assert len(api.asked) == 2


@pytest.mark.parametrize(("status", "asked_again"), [(404, False), (501, False), (400, True)])
async def test_a_server_that_knows_no_checkpoints_is_sent_no_more(status: int, asked_again: bool) -> None:
    api = FakeApi(reply(status, {}), checkpoints=True)
    client = client_of(production=False)
    handler = handler_of(client, [three(client, [])], api)
    for _ in range(2):
        assert ops_of(await asked(handler, call())) == [("StepRun", "a")]
    assert len(api.asked) == (2 if asked_again else 1)


@pytest.mark.parametrize("trouble", [reply(500, {}), reply(503, "busy"), reply(429, {}), HttpError("refused")])
async def test_a_server_in_trouble_is_sent_the_same_again(trouble: Any) -> None:
    api = FakeApi(trouble, trouble, SAVED, checkpoints=True)
    answer, _ = await called(api)
    assert (answer.status, value_of(answer)) == (200, "done")
    bodies = [sent.content for sent in api.asked]
    assert len(set(bodies[:3])) == 1
    assert [told(sent) for sent in api.asked] == [["a"]] * 3 + [["b"], ["c"]]


async def test_a_server_that_stays_in_trouble_gets_it_in_the_answer() -> None:
    api = FakeApi(HttpError("refused"), checkpoints=True)
    answer, ran = await called(api)
    assert (answer.status, ops_of(answer), ran) == (206, [("StepRun", "a")], ["a"])
    assert len(api.asked) == checkpoint.TRIES


async def test_a_server_that_did_not_answer_is_sent_no_more_for_a_while() -> None:
    api = FakeApi(HttpError("refused"), checkpoints=True)
    client = client_of(production=False)
    handler = handler_of(client, [three(client, [])], api)
    for _ in range(3):
        assert ops_of(await asked(handler, call())) == [("StepRun", "a")]
    assert len(api.asked) == checkpoint.TRIES


async def test_a_server_may_ask_to_let_the_run_go() -> None:
    api = FakeApi(reply(200, {"data": {"yield": True}}), checkpoints=True)
    answer, ran = await called(api)
    assert (answer.status, ran) == (206, ["a"])
    assert [op for op, _ in ops_of(answer)] == ["DiscoveryRequest"]


# -- how a call ends


async def test_a_call_that_takes_long_is_answered_with_the_next_result() -> None:
    api = FakeApi(SAVED, checkpoints=True)
    client = client_of(production=False)

    @client.create_function(fn_id="f", trigger=STARTED, checkpointing=inngest.Checkpointing(max_runtime=1_000))
    async def f(ctx: inngest.Context) -> None:
        async def handler() -> None: ...

        await ctx.step.run("a", handler)
        over.append(60_000)
        await ctx.step.run("b", handler)
        await ctx.step.run("c", handler)

    over = [0]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("inngest.runtime.clock.SystemClock.monotonic", lambda self: over[-1])
        answer = await asked(handler_of(client, [f], api), call())
    assert (answer.status, ops_of(answer)) == (206, [("StepRun", "b")])
    assert [told(sent) for sent in api.asked] == [["a"]]


async def test_another_attempt_reports_its_first_result_at_once() -> None:
    api = FakeApi(SAVED, checkpoints=True)
    answer, _ = await called(api, body(attempt=1))
    assert (answer.status, ops_of(answer), api.asked) == (206, [("StepRun", "a")], [])


def raising(client: inngest.Inngest, **options: Any) -> inngest.Function[Any]:
    @client.create_function(fn_id="f", trigger=STARTED, **options)
    async def f(ctx: inngest.Context) -> Any:
        async def good() -> int:
            return 1

        async def bad() -> None:
            raise ValueError("no")

        async def worse() -> None:
            raise inngest.NonRetriableError("never")

        await ctx.step.run("good", good)
        kind = ctx.event.data["n"]
        if kind == "step":
            await ctx.step.run("bad", bad)
        if kind == "failed":
            try:
                await ctx.step.run("worse", worse)
            except inngest.StepError as error:
                return error.message
        if kind == "body":
            raise ValueError("no")
        return await ctx.group.parallel((lambda: ctx.step.run("x", good), lambda: ctx.step.run("y", good)))

    return f


async def ended(kind: str, api: FakeApi, **options: Any) -> Response:
    client = client_of(production=False)
    event = EVENT.replace('{"n":1}', json.dumps({"n": kind}))
    content = calls.encode(calls.Head("R1", "uuid", 0, 4, "req", 1), [event], [])
    return await asked(handler_of(client, [raising(client, **options)], api), call(content=content))


BUFFERED: dict[str, Any] = {"checkpointing": inngest.Checkpointing(buffered_steps=9)}


@pytest.mark.parametrize("options", [{}, BUFFERED])
async def test_a_step_that_raises_is_an_answer_after_what_was_kept(options: Any) -> None:
    api = FakeApi(SAVED, checkpoints=True)
    answer = await ended("step", api, **options)
    assert (answer.status, ops_of(answer)) == (206, [("StepError", "bad")])
    assert [told(sent) for sent in api.asked] == [["good"]]


async def test_a_step_that_has_failed_for_good_is_recorded_and_the_code_goes_on() -> None:
    api = FakeApi(SAVED, checkpoints=True)
    answer = await ended("failed", api)
    assert (answer.status, value_of(answer)) == (200, "never")
    assert [told(sent) for sent in api.asked] == [["good"], ["worse"]]
    assert json.loads(api.asked[1].content or b"")["steps"][0]["op"] == "StepFailed"


@pytest.mark.parametrize("options", [{}, BUFFERED])
async def test_a_body_that_raises_is_an_answer_after_what_was_kept(options: Any) -> None:
    api = FakeApi(SAVED, checkpoints=True)
    answer = await ended("body", api, **options)
    assert (answer.status, value_of(answer)["name"]) == (500, "ValueError")
    assert [told(sent) for sent in api.asked] == [["good"]]


@pytest.mark.parametrize("options", [{}, BUFFERED])
async def test_steps_that_are_planned_are_an_answer_after_what_was_kept(options: Any) -> None:
    api = FakeApi(SAVED, checkpoints=True)
    answer = await ended("parallel", api, **options)
    assert (answer.status, ops_of(answer)) == (206, [("StepPlanned", "x"), ("StepPlanned", "y")])
    assert [told(sent) for sent in api.asked] == [["good"]]


@pytest.mark.parametrize(
    ("kind", "rest"),
    [
        ("step", [("StepError", "bad")]),
        ("body", []),
        ("parallel", [("StepPlanned", "x"), ("StepPlanned", "y")]),
    ],
)
async def test_what_was_kept_and_is_refused_travels_with_it(kind: str, rest: list[tuple[str, str]]) -> None:
    answer = await ended(kind, FakeApi(reply(413, {}), checkpoints=True), **BUFFERED)
    assert (answer.status, ops_of(answer)) == (206, [("StepRun", "good"), *rest])


async def test_a_result_that_was_kept_is_dropped_when_the_run_is_anothers() -> None:
    answer = await ended("body", FakeApi(reply(409, {}), checkpoints=True), **BUFFERED)
    assert (answer.status, value_of(answer)["code"]) == (500, "stale_dispatch")


# -- options


def test_what_is_no_option_is_refused_by_name() -> None:
    with pytest.raises(inngest.errors.FunctionConfigInvalidError, match=r"Checkpointing\.buffered_steps"):
        inngest.Checkpointing(buffered_steps=0)
    with pytest.raises(inngest.errors.FunctionConfigInvalidError, match="checkpointing: expected inngest"):
        client_of(production=False, checkpointing=3)
    with pytest.raises(inngest.errors.FunctionConfigInvalidError, match="checkpointing: expected inngest"):
        three(client_of(production=False), [], checkpointing="no")


async def test_they_are_not_registered() -> None:
    api = FakeApi()
    client = client_of(production=False)
    await asked(handler_of(client, [three(client, [], **BUFFERED)], api), request("PUT"))
    assert b"heckpointing" not in (api.asked[0].content or b"")
