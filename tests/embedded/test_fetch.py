"""`step.fetch`: HTTP requests that the engine makes."""

from __future__ import annotations

import asyncio
import base64
import gc
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, cast
from unittest import mock

import pytest

import inngest
from inngest import Run
from inngest.protocol.http import HttpError, HttpRequest, HttpResponse
from inngest.runtime.http import AiohttpClient

from . import databases
from .answering import Answer, answering
from .stage import Stage, failure, message, step


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def fetching(url: str, **options: Any) -> Callable[[inngest.Context], Awaitable[object]]:
    """A body that fetches."""

    async def body(ctx: inngest.Context) -> object:
        response = await ctx.step.fetch("get", url, **options)
        return {**vars(response), "headers": dict(response.headers)}

    return body


async def fetched(stage: Stage, url: str, *, retries: int = 4, **options: Any) -> inngest.FetchResponse:
    """What a fetch gives."""
    run = await stage.run(fetching(url, **options), retries=retries)
    assert run.status == "COMPLETED", run.error
    assert isinstance(run.output, dict)
    return inngest.FetchResponse(**run.output)


async def test_the_engine_makes_the_request(stage: Stage) -> None:
    with answering(Answer({"paid": True}, headers={"X-Kind": "receipt"})) as server:
        response = await fetched(
            stage, f"{server.url}/pay?a=1", method="post", headers={"X-Order": "7"}, body={"order": [7, "ü"]}
        )
    assert (response.status_code, response.ok, response.json()) == (200, True, {"paid": True})
    assert response.headers["x-kind"] == "receipt"
    assert response.url == f"{server.url}/pay?a=1"
    (request,) = server.requests
    assert (request.method, request.path, request.json) == ("POST", "/pay?a=1", {"order": [7, "ü"]})
    assert (request.headers["x-order"], request.headers["content-type"]) == ("7", "application/json")


async def test_a_plain_function_has_it_too_and_repeats_nothing(stage: Stage) -> None:
    with answering("hello") as server:

        def body(ctx: inngest.ContextSync) -> object:
            said = ctx.step.fetch("get", server.url).body
            ctx.step.sleep("nap", 1)
            return [said, ctx.step.fetch("get", server.url, method="PUT", body="text").body]

        run = await stage.run(body)
    assert run.output == ["hello", "hello"]
    assert [one.method for one in server.requests] == ["GET", "PUT"]
    assert server.requests[1].headers["content-type"] == "text/plain; charset=utf-8"
    assert [(one.id, one.kind, len(one.attempts)) for one in run.steps if one.kind != "Sleep"] == [
        ("get", "Gateway", 1),
        ("get:1", "Gateway", 1),
    ]


async def test_what_is_no_text_comes_as_base64(stage: Stage) -> None:
    picture = b"\x89PNG\xff\x00"
    with answering(picture) as server:
        response = await fetched(stage, server.url, method="POST", body=picture)
    assert (response.encoding, response.body) == ("base64", base64.b64encode(picture).decode())
    assert response.content == picture
    assert server.requests[0].body == picture


@pytest.mark.parametrize(
    ("charset", "body", "encoding"),
    [("ISO-8859-1", "grün", ""), ("klingon", base64.b64encode("grün".encode("latin-1")).decode(), "base64")],
)
async def test_text_is_read_in_its_charset(stage: Stage, charset: str, body: str, encoding: str) -> None:
    answer = Answer("grün".encode("latin-1"), headers={"content-type": f"text/plain; charset={charset}"})
    with answering(answer) as server:
        response = await fetched(stage, server.url)
    assert (response.body, response.encoding) == (body, encoding)


async def test_redirects_are_followed(stage: Stage) -> None:
    with answering(Answer(status=302, headers={"location": "/there"}), "arrived") as server:
        response = await fetched(stage, f"{server.url}/here")
    assert (response.body, response.url) == ("arrived", f"{server.url}/there")


@pytest.mark.parametrize("status", [204, 301, 400, 404, 409])
async def test_other_answers_are_results_at_once(stage: Stage, status: int) -> None:
    with answering(Answer("" if status == 204 else "said", status)) as server:
        response = await fetched(stage, server.url)
    assert (response.status_code, len(server.requests)) == (status, 1)
    assert response.ok == (status == 204)


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_it_is_tried_again_while_the_server_cannot(stage: Stage, status: int) -> None:
    with answering(Answer("later", status), Answer(hang_up=True), "now") as server:
        run = await stage.run(fetching(server.url), retries=2)
    assert len(server.requests) == 3
    attempts = step(run, "get").attempts
    assert [attempt.number for attempt in attempts] == [0, 1, 2]
    errors = [attempt.error for attempt in attempts]
    assert [error and error.name for error in errors] == ["GatewayError", "GatewayError", None]
    assert errors[0] is not None
    assert errors[0].message.startswith(f"GET {server.url} answered {status} ")


async def test_the_last_answer_is_the_result_when_no_attempt_is_left(stage: Stage) -> None:
    with answering(Answer("first", 503), Answer("last", 500)) as server:
        response = await fetched(stage, server.url, retries=1)
    assert (response.status_code, response.body, len(server.requests)) == (500, "last", 2)


async def test_without_any_answer_the_step_fails(stage: Stage) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        url = f"http://127.0.0.1:{closed.getsockname()[1]}/x"

    async def body(ctx: inngest.Context) -> object:
        try:
            await ctx.step.fetch("get", f"{url}?token=secret")
        except inngest.StepError as error:
            return [error.name, error.message]
        return None

    run = await stage.run(body, retries=1)
    name, text = cast("list[str]", run.output)
    assert name == "GatewayError"
    assert text.startswith(f"GET {url}: ConnectError")
    assert len(step(run, "get").attempts) == 2
    assert "secret" not in str(run.output)


async def test_what_never_helps_is_not_tried_again(stage: Stage) -> None:
    with answering(Answer(status=302, headers={"location": "ftp://elsewhere/"})) as server:
        run = await stage.run(fetching(server.url))
        assert len(server.requests) == 1
    assert failure(run)[0] == "GatewayError"
    assert len(step(run, "get").attempts) == 1


async def test_an_answer_that_is_too_large_fails(stage: Stage) -> None:
    with answering(b"x" * (4 * 1024 * 1024 + 1)) as server:
        run = await stage.run(fetching(server.url))
        assert len(server.requests) == 1
    assert failure(run)[0] == "GatewayError"
    assert "4,194,304 bytes" in message(run)


async def test_each_attempt_has_its_time(stage: Stage) -> None:
    with answering(Answer(held=True)) as server:
        run = await stage.run(fetching(server.url, timeout=50), retries=1)
    told = [attempt.error and attempt.error.message for attempt in step(run, "get").attempts]
    assert told == [f"GET {server.url}: no answer within 0.05 s"] * 2
    assert failure(run)[0] == "GatewayError"


async def test_retry_after_sets_the_delay(stage: Stage) -> None:
    stage.options["retry_interval"] = 3_600.0  # else the test would end in an hour
    with answering(Answer("busy", 429, {"retry-after": "0"}), "now") as server:
        response = await fetched(stage, server.url)
    assert (response.body, len(server.requests)) == ("now", 2)


async def test_branches_wait_for_their_own(stage: Stage) -> None:
    with answering("x") as server:

        async def body(ctx: inngest.Context) -> object:
            async def one(number: int) -> str:
                await ctx.step.fetch("get", f"{server.url}/{number}")
                return await ctx.step.run("after", lambda: f"after {number}")

            return await asyncio.gather(*map(one, range(20)))

        run = await stage.run(body)
    assert run.output == [f"after {number}" for number in range(20)]
    assert sorted(one.path for one in server.requests) == sorted(f"/{number}" for number in range(20))


async def test_a_request_that_nobody_waits_for_is_taken_back(stage: Stage) -> None:
    with answering(Answer(held=True)) as server:

        async def body(ctx: inngest.Context) -> object:
            fetching = asyncio.ensure_future(ctx.step.fetch("get", server.url))
            await ctx.step.run("came", lambda: asyncio.to_thread(server.came.acquire))
            fetching.cancel()
            with pytest.raises(asyncio.CancelledError):
                await fetching
            return "went on"

        run = await stage.run(body)
        assert (run.output, step(run, "get").status) == ("went on", "cancelled")
        assert rows(stage) == []


async def test_a_request_that_fails_as_its_engine_stops_is_nobodys_news(stage: Stage) -> None:
    begun = asyncio.Event()

    async def send(_: AiohttpClient, request: HttpRequest) -> HttpResponse:
        begun.set()
        try:
            await asyncio.Event().wait()
        finally:
            raise HttpError("the connection broke as it was given up")

    told: list[dict[str, Any]] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: told.append(context))
    stage.options = {"drain_timeout": 0}
    with mock.patch.object(AiohttpClient, "send", send):
        async with stage.engine(stage.function(fetching("http://127.0.0.1:9"))) as engine:
            await engine.send(inngest.Event(name="test/start"))
            await begun.wait()
    gc.collect()
    assert told == []


async def test_a_cancelled_run_takes_its_requests_along(stage: Stage) -> None:
    with answering(Answer(held=True)) as server:
        function = stage.function(fetching(server.url))
        async with stage.engine(function) as engine:
            (event_id,) = await engine.send(inngest.Event(name="test/start"))
            await asyncio.to_thread(server.came.acquire)
            (run,) = await engine.runs(event_id=event_id)
            (explained,) = (await engine.explain(run.id)).reasons
            assert explained.text == f'The request of step "get" (GET {server.url}) is under way.'
            assert len(rows(stage)) == 1
            assert await engine.cancel(run.id)
            assert rows(stage) == []
    # The engine has stopped long before the server would have answered.


async def test_why_says_when_it_is_tried_again(stage: Stage) -> None:
    stage.options["retry_interval"] = 3_600.0
    with answering(Answer("no", 503)) as server:
        function = stage.function(fetching(f"{server.url}/?q=1"))
        async with stage.engine(function) as engine:
            (event_id,) = await engine.send(inngest.Event(name="test/start"))
            (run,) = await engine.runs(event_id=event_id)
            reason = await until_retried(engine, run)
    assert reason.text == (
        f'The request of step "get" (GET {server.url}/) has failed once, '
        f"with GatewayError: GET {server.url}/ answered 503 Service Unavailable."
    )
    assert reason.step == "get"


async def until_retried(engine: inngest.Engine, run: Run) -> Any:
    """The reason, once the request has failed."""
    while True:
        reasons = (await engine.explain(run.id)).reasons
        if reasons[-1].rule == "request" and " has failed " in reasons[-1].text:
            return reasons[-1]
        await asyncio.sleep(0)


def rows(stage: Stage) -> list[tuple[Any, ...]]:
    """The requests that are stored."""
    return databases.execute(stage.folder, "SELECT * FROM inngest_requests")


@pytest.mark.parametrize(
    ("url", "options", "reason"),
    [
        ("ftp://x/", {}, "url: expected http://… or https://…, got 'ftp://x/'"),
        ("http://", {}, "url: expected http://… or https://…"),
        ("http://a:99999/", {}, "url: expected http://… or https://…"),
        ("http://ann:pw@host/", {}, "url: it holds a user name"),
        ("http://x/", {"method": "GET IT"}, "method: expected the name of an HTTP method, got 'GET IT'"),
        ("http://x/", {"headers": {"a b": "c"}}, "headers: 'a b' is no name of a header"),
        ("http://x/", {"headers": {"a": "b\r\nc: d"}}, "headers: expected a line of ASCII for a"),
        ("http://x/", {"headers": {"a": "ü"}}, "headers: expected a line of ASCII for a"),
        ("http://x/\ud800", {}, "url: expected http://… or https://…"),
        ("http://x/", {"body": "\ud800"}, "body is no text: 'utf-8' codec can't encode"),
        ("http://x/", {"headers": {"a": 1}}, "headers: expected a line of ASCII for a"),
        ("http://x/", {"body": object()}, "body is not JSON, text or bytes"),
        ("http://x/", {"body": "x" * 4_194_304}, "the request has 4,194,"),
        ("http://x/", {"timeout": 0}, "timeout: expected more than 0 and at most 2 hours, got 0 ms"),
        ("http://x/", {"timeout": "1m"}, "timeout: expected milliseconds as int"),
    ],
)
async def test_mistakes_are_named(stage: Stage, url: str, options: dict[str, Any], reason: str) -> None:
    run = await stage.run(fetching(url, **options))
    assert failure(run) == ("StepArgumentError", "step_argument")
    assert message(run).startswith(f'step "get": {reason}')


def test_a_response_is_read() -> None:
    response = inngest.FetchResponse(201, {}, "[1]")
    assert (response.ok, response.json(), response.content) == (True, [1], b"[1]")
    with pytest.raises(ValueError, match="Expecting value"):
        inngest.FetchResponse(200, {}, "<html>").json()
