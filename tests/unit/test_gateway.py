"""What follows from the answers to requests of steps, and what is kept of a request."""

from __future__ import annotations

import json
from typing import Any

import pytest

from inngest.engine.domain import ai_usage, gateway
from inngest.engine.domain.advance import Moment, advance, woken
from inngest.engine.domain.model import Policy, RunState, Verdict
from inngest.protocol.http import HttpResponse
from inngest.protocol.opcodes import Op, Opcode, OpTarget
from inngest.protocol.requests import Request, Secrets, apart, without_credentials
from inngest.protocol.steps import StepName

NOW = 1_700_000_000_000
GET = Request("https://x.example/a?token=1")
ASK = Request("https://x.example/v1", "POST", format="openai-chat")


def fetched(status: int, *headers: tuple[str, str]) -> Verdict:
    return gateway.answered(Opcode.GATEWAY, GET, HttpResponse(status, headers, b"said"), NOW)


@pytest.mark.parametrize(
    ("text", "ms"),
    [
        ("7", 7_000),
        ("0", 0),
        ("Tue, 14 Nov 2023 22:13:30 GMT", 10_000),
        ("Tue, 14 Nov 2023 22:13:30 -0000", 10_000),
        ("Tue, 14 Nov 2023 22:00:00 GMT", 0),
        ("soon", None),
        ("", None),
        ("-1", None),
        ("\u0667", None),
    ],
)
def test_retry_after_is_seconds_or_a_date(text: str, ms: int | None) -> None:
    assert fetched(429, ("Retry-After", text)).retry_after == ms


def test_an_answer_that_says_later_is_kept_for_when_no_attempt_is_left() -> None:
    verdict = fetched(503)
    assert verdict.retriable
    assert verdict.error is not None
    assert verdict.error.message == "GET https://x.example/a answered 503 Service Unavailable"
    assert json.loads(verdict.data or "")["status_code"] == 503
    assert not fetched(404).retriable


def test_headers_of_one_name_are_joined() -> None:
    verdict = fetched(200, ("Vary", "a"), ("VARY", "b"))
    assert json.loads(verdict.data or "")["headers"] == {"vary": "a, b"}


@pytest.mark.parametrize("format", ["openai-chat", "anthropic", "gemini", "bedrock"])
@pytest.mark.parametrize(
    "answer",
    [
        {},
        {"usage": None, "usageMetadata": 5, "choices": {}, "candidates": [None], "content": "x"},
        {"usage": {"prompt_tokens": "1", "input_tokens": True}, "choices": [{"message": {"tool_calls": [1]}}]},
        {"candidates": [{"content": {"parts": [{"functionCall": {"name": 5}}]}}]},
    ],
)
def test_an_answer_of_another_shape_says_nothing_of_tokens(format: str, answer: dict[str, Any]) -> None:
    assert ai_usage.usage(format, answer) is None


@pytest.mark.parametrize(
    ("format", "header"),
    [
        ("openai-chat", {"authorization": "Bearer k"}),
        ("anthropic", {"x-api-key": "k"}),
        ("gemini", {"x-goog-api-key": "k"}),
        ("bedrock", {"authorization": "k"}),
    ],
)
def test_keys_go_into_headers_and_never_into_urls(format: str, header: dict[str, str]) -> None:
    request = ASK._replace(format=format, headers={"accept": "x"})
    made = gateway.prepared(Opcode.AI_GATEWAY, request, Secrets({"X-Token": "t"}, "k"))
    assert (made.url, made.redirects) == (ASK.url, False)
    assert {name: made.headers[name] for name in header} == header
    assert (made.headers["accept"], made.headers["x-token"]) == ("x", "t")


def test_what_looks_like_a_credential_is_kept_apart() -> None:
    names = ("Authorization", "Cookie", "X-API-Key", "api_token", "X-Amz-Signature", "Accept", "Idempotency-Id")
    kept, secret = apart(dict.fromkeys(names, "v"))
    assert (list(kept), list(secret)) == (["Accept", "Idempotency-Id"], list(names[:5]))
    secrets = Secrets(secret, "sk")
    assert "sk" not in repr(OpTarget("x", secrets=secrets))
    assert not Secrets({})


@pytest.mark.parametrize("name", ["key", "api_key", "apiKey", "access-token", "sig", "Amz-Credential", "client%5Fkey"])
def test_values_of_a_query_that_look_like_credentials_are_not_stored(name: str) -> None:
    url = f"https://x.example/?a=1&{name}=v%20w&b"
    assert without_credentials(url) == f"https://x.example/?a=1&{name}=***&b"


@pytest.mark.parametrize("url", ["", "//x", "https://x/?keyword=1&monkey=2&design=3#token=4", "https://x/a@b?c@d"])
def test_other_urls_are_stored_as_they_are(url: str) -> None:
    assert without_credentials(url) == url


def test_the_url_of_an_answer_is_recorded_without_its_credentials() -> None:
    response = HttpResponse(200, [], b"", "https://x.example/?token=t")
    verdict = gateway.answered(Opcode.GATEWAY, GET, response, NOW)
    assert verdict.data is not None
    assert json.loads(verdict.data)["url"] == "https://x.example/?token=***"


def test_a_request_comes_back_as_it_was() -> None:
    request = Request("http://x/", "PUT", {"a": "ü"}, "YQ==", "base64", timeout=5)
    assert Request.from_json(request.to_json()) == request
    assert (request.content, GET.content) == (b"a", None)


def test_a_request_that_nothing_answers_fails_its_step_in_the_end() -> None:
    step = StepName("get", 0, "hash")
    run, policy = RunState("run", "app-f", 4), Policy(100, None)
    op = Op(Opcode.AI_GATEWAY, step, Opcode.AI_GATEWAY, target=OpTarget("x", secrets=Secrets({}, "k")))
    changes = advance(run, [op], None, policy, Moment(NOW, 0))
    run.apply(changes)
    again = advance(run, [op], None, policy, Moment(NOW + 9, 0))
    assert (again.entries, [wait.again for wait in again.waits]) == (changes.entries, [True])
    (memo,) = woken(run, policy, Moment(changes.open[0].due_at, 0)).changes.memos
    assert memo.error is not None
    assert (memo.data, memo.error.name) == (None, "AIGatewayError")
    assert memo.error.message == "there was no answer within 366 days"
