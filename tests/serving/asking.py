"""Requests of a server to an endpoint, signed or not, and a stand-in for the server's API."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any, cast

import inngest
from inngest.protocol.http import HttpError, HttpRequest, HttpResponse
from inngest.protocol.wire import signing
from inngest.runtime.clock import wall_clock_ms
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.messages import Request, Response
from inngest.sdk.serving.settings import StreamingOptions, resolve

KEY = "signkey-prod-00112233445566778899aabbccddeeff"
OLD_KEY = "signkey-prod-ffeeddccbbaa99887766554433221100"
URL = "http://app.example:9000/api/inngest"


def client_of(*, production: bool, app_id: str = "shop", **more: Any) -> inngest.Inngest:
    """A client of a server in production, or in development."""
    return inngest.Inngest(app_id=app_id, is_production=production, signing_key=KEY if production else None, **more)


class FakeApi:
    """The API of a server: it remembers what it was asked, and answers what it was told to.

    Args:
        answers: one after the other; the last one for ever.
    """

    def __init__(self, *answers: HttpResponse | HttpError) -> None:
        self.asked: list[HttpRequest] = []
        self._answers = list(answers) or [reply(200, {"ok": True, "modified": True})]

    async def send(self, request: HttpRequest) -> HttpResponse:
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
    api: FakeApi | None = None,
    **options: Any,
) -> Handler:
    """The endpoint of some functions."""
    settings = resolve(cast("StreamingOptions", options), streams=True, environ={})
    return Handler(client, functions, "test", settings, http=api or FakeApi())


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


async def asked(handler: Handler, given: Request) -> Response:
    """The answer, which does not stream."""
    answer = await handler.handle(given)
    assert isinstance(answer, Response)
    return answer


def value_of(answer: Response) -> Any:
    """The JSON value of an answer."""
    return json.loads(answer.body)
