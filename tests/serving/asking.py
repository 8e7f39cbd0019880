"""Requests of a server to an endpoint, signed or not, and a stand-in for the server's API."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping, Sequence
from typing import Any, cast

import inngest
from inngest.protocol.calls import EventData
from inngest.protocol.http import HttpError, HttpRequest, HttpResponse
from inngest.protocol.steps import hash_step_id
from inngest.protocol.wire import calls, signing
from inngest.runtime.clock import SystemClock, wall_clock_ms
from inngest.runtime.ports import HttpClient
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.messages import Request, Response
from inngest.sdk.serving.settings import StreamingOptions, resolve

KEY = "signkey-prod-00112233445566778899aabbccddeeff"
OLD_KEY = "signkey-prod-ffeeddccbbaa99887766554433221100"
URL = "http://app.example:9000/api/inngest"
EVENT = calls.event_text(EventData("e1", "test/started", '{"n":1}', 5))


def client_of(*, production: bool, app_id: str = "shop", **more: Any) -> inngest.Inngest:
    """A client of a server in production, or in development."""
    return inngest.Inngest(app_id=app_id, is_production=production, signing_key=KEY if production else None, **more)


class FakeApi:
    """The API of a server: it remembers what it was asked, and answers what it was told to.

    Args:
        answers: one after the other; the last one for ever.
        checkpoints: whether it knows them.
    """

    def __init__(self, *answers: HttpResponse | HttpError, checkpoints: bool = False) -> None:
        self.asked: list[HttpRequest] = []
        self._checkpoints = checkpoints
        self._answers = list(answers) or [reply(200, {"ok": True, "modified": True})]

    async def send(self, request: HttpRequest) -> HttpResponse:
        if "/v1/checkpoint/" in request.url and not self._checkpoints:
            return reply(404, {})
        self.asked.append(request._replace(headers=dict(request.headers)))
        answer = self._answers.pop(0) if len(self._answers) > 1 else self._answers[0]
        if isinstance(answer, HttpError):
            raise answer
        return answer

    async def close(self) -> None: ...


def reply(status: int, value: object) -> HttpResponse:
    """An answer of the server, as JSON; a text as it is."""
    return HttpResponse(status, [], value.encode() if isinstance(value, str) else json.dumps(value).encode())


def handler_of(
    client: inngest.Inngest,
    functions: Sequence[inngest.Function[Any]],
    api: HttpClient | None = None,
    clock: Callable[[asyncio.AbstractEventLoop], SystemClock] = SystemClock,
    **options: Any,
) -> Handler:
    """The endpoint of some functions."""
    settings = resolve(cast("StreamingOptions", options), streams=True, environ={})
    return Handler(client, functions, "test", settings, http=api or FakeApi(), clock=clock)


def request(
    method: str,
    query: str = "",
    body: bytes = b"",
    *,
    key: str | None = None,
    age: int = 0,
    headers: Mapping[str, str] | None = None,
) -> Request:
    """A request of a server.

    Args:
        method: of HTTP.
        query: of the URL.
        body: as it is sent.
        key: by which it is signed.
        age: of the signature, in ms.
        headers: further ones.
    """
    named = dict(headers or {})
    if key is not None:
        named["x-inngest-signature"] = signing.sign(signing.canonical(body), key, wall_clock_ms() - age)
    return Request(method, f"{URL}?{query}" if query else URL, named, body)


def body(*, memos: dict[str, Any] | None = None, left_out: bool = False, attempt: int = 0) -> bytes:
    """The body of a call of a run, with results of steps, by their ids."""
    stack = [hash_step_id(step) for step in memos or {}]
    texts = [f"{json.dumps(hash_step_id(step))}:{json.dumps(value)}" for step, value in (memos or {}).items()]
    head = calls.Head("R1", "uuid", attempt, 4, "req", 1, stack=stack)
    return calls.encode(head, [EVENT], texts, left_out=left_out)


def call(query: str = "fnId=shop-f&stepId=step", content: bytes | None = None, **more: Any) -> Request:
    """A call of the function `f`."""
    return request("POST", query, body() if content is None else content, **more)


async def asked(handler: Handler, given: Request) -> Response:
    """The answer, which does not stream."""
    answer = await handler.handle(given)
    assert isinstance(answer, Response)
    return answer


def value_of(answer: Response) -> Any:
    """The JSON value of an answer."""
    return json.loads(answer.body)
