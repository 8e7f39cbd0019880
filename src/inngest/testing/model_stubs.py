"""Models that answer in a test, each in the words of its provider's API."""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from typing import Any

from inngest.embedded.errors import EngineConfigError
from inngest.protocol import codec
from inngest.protocol.http import HttpRequest, HttpResponse

from .http_stubs import HttpCall, HttpStub, HttpStubs

_GEMINI = re.compile(r"/models/([^/:?]+):generateContent")

Tool = tuple[str, Mapping[str, Any]]
"""The name of a tool that the model calls, and its input."""


class ModelStubs:
    """The models of one engine, which `step.ai.infer` asks.

    Args:
        http: the servers of the engine.
    """

    def __init__(self, http: HttpStubs) -> None:
        self._http = http

    def stub(self, model: str = "*", *, text: str | None = None, tool: Tool | None = None, fail: int = 0) -> HttpStub:
        """Answer in the place of a model, as the API does that the step asks: of OpenAI and those that speak like it,
        of Anthropic, or of Gemini.

        Args:
            model: its name; `*` stands for any letters.
            text: what it says.
            tool: a tool that it calls: its name, and its input.
            fail: so many requests, the first, get no answer.

        Returns:
            The stub; `calls` has the requests.

        Raises:
            EngineConfigError: an argument is wrong.
        """
        if (text is None) == (tool is None):
            raise EngineConfigError("ai.stub: expected text or tool, one of them")
        if isinstance(fail, bool) or not isinstance(fail, int) or fail < 0:
            raise EngineConfigError(f"fail: expected the number of requests that get no answer, from 0, got {fail!r}")
        return self._http.add(_ModelStub(model, text, tool, fail))


class _ModelStub(HttpStub):
    def __init__(self, model: str, text: str | None, tool: Tool | None, fail: int) -> None:
        super().__init__("POST", f"of model {model}", self._answered, fail)
        self._model = model
        self._text = text
        self._tool = tool

    def matches(self, request: HttpRequest) -> bool:
        return _writer(request.url) is not None and fnmatch.fnmatchcase(_model_of(request), self._model)

    def _answered(self, call: HttpCall) -> HttpResponse:
        write = _writer(call.url)
        assert write is not None
        body = write(self._text, self._tool)
        return HttpResponse(200, [("content-type", "application/json")], codec.dumps(body).encode(), call.url)


def _model_of(request: HttpRequest) -> str:
    """The name of the model that a request asks; "" if it names none."""
    if match := _GEMINI.search(request.url):
        return match.group(1)
    try:
        body = codec.loads((request.content or b"").decode())
    except ValueError:
        return ""
    return str(body.get("model", "")) if isinstance(body, dict) else ""


def _writer(url: str) -> Callable[[str | None, Tool | None], dict[str, Any]] | None:
    """The way in which the API at a URL answers; None if it is none that is known."""
    path = url.partition("?")[0]
    if path.endswith("/messages"):
        return _anthropic
    if path.endswith(":generateContent"):
        return _gemini
    return _openai if path.endswith("/chat/completions") else None


def _openai(text: str | None, tool: Tool | None) -> dict[str, Any]:
    message: dict[str, Any] = {"role": "assistant", "content": text}
    if tool is not None:
        called = {"name": tool[0], "arguments": codec.dumps(dict(tool[1]))}
        message["tool_calls"] = [{"id": "call_1", "type": "function", "function": called}]
    reason = "stop" if tool is None else "tool_calls"
    return {"object": "chat.completion", "choices": [{"index": 0, "message": message, "finish_reason": reason}]}


def _anthropic(text: str | None, tool: Tool | None) -> dict[str, Any]:
    block: dict[str, Any] = {"type": "text", "text": text}
    if tool is not None:
        block = {"type": "tool_use", "id": "toolu_1", "name": tool[0], "input": dict(tool[1])}
    reason = "end_turn" if tool is None else "tool_use"
    return {"type": "message", "role": "assistant", "content": [block], "stop_reason": reason}


def _gemini(text: str | None, tool: Tool | None) -> dict[str, Any]:
    part: dict[str, Any] = {"text": text}
    if tool is not None:
        part = {"functionCall": {"name": tool[0], "args": dict(tool[1])}}
    return {"candidates": [{"content": {"role": "model", "parts": [part]}, "finishReason": "STOP"}]}
