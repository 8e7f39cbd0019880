"""`step.ai.infer`: requests to models, which the engine makes."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any, cast

import pytest

import inngest
from inngest import Usage
from inngest.experimental.ai import BaseAdapter, anthropic, deepseek, gemini, grok, openai

from . import answering as providers
from .answering import Answer, Request, answering
from .stage import Stage, failure, message, step

KEY = "sk-very-secret-1234"
BODY = {"messages": [{"role": "user", "content": "hi"}]}


@pytest.fixture
def stage(tmp_path: Path) -> Stage:
    return Stage(tmp_path)


def chat(request: Request) -> tuple[str, str | None, object]:
    """Path, key and model of a request in OpenAI's language."""
    return request.path, request.headers.get("authorization"), request.json["model"]


@pytest.mark.parametrize("provider", [openai, deepseek, grok])
async def test_providers_that_speak_as_openai(stage: Stage, provider: Any) -> None:
    with answering(providers.openai("hello", tools=["weather", "time"])) as server:
        adapter = provider.Adapter(auth_key=KEY, model="gpt-4o", base_url=f"{server.url}/v1")

        async def body(ctx: inngest.Context) -> object:
            answer = await ctx.step.ai.infer("ask", adapter=adapter, body=BODY)
            await ctx.step.sleep("nap", 1)
            return answer["choices"][0]["message"]["content"]

        run = await stage.run(body)
    assert run.output == "hello"
    assert [chat(one) for one in server.requests] == [("/v1/chat/completions", f"Bearer {KEY}", "gpt-4o")]
    asked = step(run, "ask")
    assert (asked.kind, asked.status, len(asked.attempts)) == ("AIGateway", "completed", 1)
    assert asked.usage == Usage("gpt-4o-2024-08-06", 12, 34, "tool_calls", ("weather", "time"))
    assert step(run, "nap").usage is None


async def test_anthropic(stage: Stage) -> None:
    with answering(providers.anthropic("hello")) as server:
        adapter = anthropic.Adapter(
            auth_key=KEY, model="claude", base_url=f"{server.url}/v1/", headers={"Anthropic-Beta": "tools"}
        )

        def body(ctx: inngest.ContextSync) -> object:
            return ctx.step.ai.infer("ask", adapter=adapter, body={**BODY, "max_tokens": 9, "model": "other"})

        run = await stage.run(body)
    assert cast("dict[str, Any]", run.output)["content"][0]["text"] == "hello"
    (request,) = server.requests
    assert (request.method, request.path, request.headers["x-api-key"]) == ("POST", "/v1/messages", KEY)
    assert (request.headers["anthropic-version"], request.headers["anthropic-beta"]) == ("2023-06-01", "tools")
    assert (request.json["model"], request.json["max_tokens"]) == ("other", 9)
    assert step(run, "ask").usage == Usage("claude-3-5-sonnet-20241022", 105, 7, "tool_use", ("weather",))


async def test_gemini(stage: Stage) -> None:
    with answering(providers.gemini("hello")) as server:
        adapter = gemini.Adapter(auth_key=KEY, model="gemini-1.5-flash", base_url=f"{server.url}/v1beta")
        contents = {"contents": [{"parts": [{"text": "hi"}]}]}

        async def body(ctx: inngest.Context) -> object:
            return await ctx.step.ai.infer("ask", adapter=adapter, body=contents)

        run = await stage.run(body)
    (request,) = server.requests
    assert request.path == "/v1beta/models/gemini-1.5-flash:generateContent"
    assert (request.headers["x-goog-api-key"], request.json) == (KEY, contents)
    assert step(run, "ask").usage == Usage("gemini-1.5-flash-001", 4, 11, "STOP", ())


def test_where_the_providers_are() -> None:
    adapters: list[BaseAdapter] = [
        anthropic.Adapter(auth_key=KEY, model="m"),
        deepseek.Adapter(auth_key=KEY, model="m"),
        gemini.Adapter(auth_key=KEY, model="m"),
        grok.Adapter(auth_key=KEY, model="m"),
        openai.Adapter(auth_key=KEY, model="m"),
    ]
    assert [(adapter.url_infer(), adapter.format()) for adapter in adapters] == [
        ("https://api.anthropic.com/v1/messages", "anthropic"),
        ("https://api.deepseek.com/v1/chat/completions", "openai-chat"),
        ("https://generativelanguage.googleapis.com/v1beta/models/m:generateContent", "gemini"),
        ("https://api.x.ai/v1/chat/completions", "openai-chat"),
        ("https://api.openai.com/v1/chat/completions", "openai-chat"),
    ]
    assert [adapter.auth_key() for adapter in adapters] == [KEY] * 5
    assert KEY not in repr(adapters)


async def test_every_other_answer_is_tried_again(stage: Stage) -> None:
    told = {"error": {"message": "overloaded"}}
    answers = (Answer(told, 529), Answer(told, 401), Answer("<html>"), Answer([1]), providers.openai("at last"))
    with answering(*answers) as server:
        adapter = openai.Adapter(auth_key=KEY, model="m", base_url=f"{server.url}/v1")

        async def body(ctx: inngest.Context) -> object:
            return (await ctx.step.ai.infer("ask", adapter=adapter, body=BODY))["choices"][0]["message"]["content"]

        run = await stage.run(body)
    assert run.output == "at last"
    where = f"{server.url}/v1/chat/completions"
    assert [attempt.error and attempt.error.message for attempt in step(run, "ask").attempts] == [
        f'{where} answered 529: {{"error": {{"message": "overloaded"}}}}',
        f'{where} answered 401 Unauthorized: {{"error": {{"message": "overloaded"}}}}',
        f"{where} answered with something else than a JSON object",
        f"{where} answered with something else than a JSON object",
        None,
    ]


async def test_when_no_attempt_is_left_the_step_fails(stage: Stage) -> None:
    with answering(Answer("no such model", 404)) as server:
        adapter = openai.Adapter(auth_key=KEY, model="m", base_url=f"{server.url}/v1")

        async def body(ctx: inngest.Context) -> object:
            return await ctx.step.ai.infer("ask", adapter=adapter, body=BODY)

        run = await stage.run(body, retries=1)
    assert failure(run)[0] == "AIGatewayError"
    assert message(run) == f"{server.url}/v1/chat/completions answered 404 Not Found: no such model"
    assert (len(server.requests), len(step(run, "ask").attempts)) == (2, 2)


async def test_a_key_does_not_follow_a_redirect(stage: Stage) -> None:
    with answering(Answer("moved", 307, {"location": "/elsewhere"})) as server:
        adapter = openai.Adapter(auth_key=KEY, model="m", base_url=f"{server.url}/v1")

        async def body(ctx: inngest.Context) -> object:
            return await ctx.step.ai.infer("ask", adapter=adapter, body=BODY)

        run = await stage.run(body, retries=0)
    assert (run.status, [one.path for one in server.requests]) == ("FAILED", ["/v1/chat/completions"])


async def test_keys_are_nowhere_but_in_requests(stage: Stage, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[bytes] = []

    def look() -> None:
        seen.extend(path.read_bytes() for path in stage.folder.iterdir() if path.is_file())

    with answering(Answer("no", 503), providers.gemini("hello"), "fetched") as server:
        base_url, headers = f"{server.url}/v1beta", {"X-Team-Token": KEY}
        adapter = gemini.Adapter(auth_key=KEY, model="m", base_url=base_url, headers=headers)

        async def body(ctx: inngest.Context) -> None:
            look()
            await ctx.step.ai.infer("ask", adapter=adapter, body={"a": "found"})
            look()
            await ctx.step.fetch("get", server.url, headers={"Authorization": KEY, "X-Plain": "found"})

        run = await stage.run(body)
        look()
    assert run.status == "COMPLETED"
    assert [one.headers.get("x-team-token") for one in server.requests] == [KEY, KEY, None]
    assert server.requests[2].headers["authorization"] == KEY
    kept = b"".join(seen)
    assert b'"x-plain":"found"' in kept  # else this test would look in the wrong place
    assert KEY.encode() not in kept
    assert KEY not in caplog.text


class Odd:
    """An adapter of one's own."""

    def __init__(self, format: str = "bedrock", url: str = "http://x/") -> None:
        self._format, self._url = format, url

    def auth_key(self) -> str:
        return "AWS4 raw"

    def format(self) -> str:
        return self._format

    def headers(self) -> dict[str, str]:
        return {}

    def url_infer(self) -> str:
        return self._url

    def on_call(self, body: dict[str, Any]) -> None:
        body["by"] = "me"


async def test_an_adapter_of_ones_own(stage: Stage) -> None:
    with answering({"said": 1}) as server:

        async def body(ctx: inngest.Context) -> object:
            return await ctx.step.ai.infer("ask", adapter=Odd(url=server.url), body={})

        run = await stage.run(body)
    assert run.output == {"said": 1}
    assert (server.requests[0].headers["authorization"], server.requests[0].json) == ("AWS4 raw", {"by": "me"})
    assert step(run, "ask").usage is None


@pytest.mark.parametrize(
    ("adapter", "body", "reason"),
    [
        ("gpt-4o", {}, "adapter: expected an adapter such as inngest.experimental.ai.openai.Adapter, got 'gpt-4o'"),
        (Odd("cohere"), {}, "adapter: format 'cohere' is none of openai-chat, anthropic, gemini, bedrock"),
        (Odd(), "hi", "body: expected a mapping, got str"),
        (Odd(), {"a": object()}, "body is not JSON, text or bytes: $.a: object is not JSON serializable"),
        (Odd(url="x"), {}, "url: expected http://… or https://…, got 'x'"),
    ],
)
async def test_mistakes_are_named(stage: Stage, adapter: Any, body: Any, reason: str) -> None:
    async def asking(ctx: inngest.Context) -> object:
        return await ctx.step.ai.infer("ask", adapter=adapter, body=body)

    run = await stage.run(asking)
    assert failure(run) == ("StepArgumentError", "step_argument")
    assert message(run) == f'step "ask": {reason}'


async def test_the_command_line_shows_the_tokens(stage: Stage, capsys: pytest.CaptureFixture[str]) -> None:
    from inngest.cli.commands.run import show_run

    with answering(providers.openai("hello")) as server:
        adapter = openai.Adapter(auth_key=KEY, model="m", base_url=f"{server.url}/v1")

        async def body(ctx: inngest.Context) -> None:
            await ctx.step.ai.infer("ask", adapter=adapter, body=BODY)

        run = await stage.run(body)
    path = str(stage.folder / "inngest.db")
    show_run(run.id, why=False, database=path, as_json=False)
    assert "gpt-4o-2024-08-06  12 → 34 tokens" in capsys.readouterr().out
    show_run(run.id, why=False, database=path, as_json=True)
    (shown,) = json.loads(capsys.readouterr().out)["steps"]
    assert shown["usage"] == {
        "model": "gpt-4o-2024-08-06",
        "input_tokens": 12,
        "output_tokens": 34,
        "stop_reason": "stop",
        "tools": [],
    }
