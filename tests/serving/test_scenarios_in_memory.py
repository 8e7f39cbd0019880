"""The scenarios by our SDK in memory: the endpoint of an app, driven by the strict server without HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

import pytest

import inngest
from inngest.protocol.http import HttpRequest, HttpResponse
from inngest.protocol.wire.responses import Answer
from inngest.sdk.serving.handler import Handler
from inngest.sdk.serving.messages import Request, Response, Stream
from tests.interop.apps.programs import PROGRAMS
from tests.interop.scenarios import SCENARIOS, Scenario, check

from .asking import KEY, URL, client_of, handler_of
from .strict_server import StrictServer

OURS = [scenario for scenario in SCENARIOS if not scenario.only or "python" in scenario.only]


class InMemory:
    """An app and its strict server, in one process.

    Args:
        options: of the client.
        key: the signing key; "" in development.
    """

    def __init__(self, options: Mapping[str, Any], key: str) -> None:
        self.server = StrictServer(self._carry, key)
        client = client_of(production=bool(key), app_id="app", **options)
        functions: list[inngest.Function[Any]] = []
        for name, (handler, retries) in PROGRAMS.items():
            trigger = inngest.TriggerEvent(event="test/started")
            functions.append(client.create_function(fn_id=name, trigger=trigger, retries=retries)(handler))
        self._handler: Handler = handler_of(client, functions, self)

    async def register(self) -> None:
        """The app tells the server its functions."""
        answer = await self._carry("PUT", URL, {}, b"")
        assert answer.status == 200, answer

    async def _carry(self, method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        answer = await self._handler.handle(Request(method, url, headers, body))
        if isinstance(answer, Response):
            return Answer(answer.status, answer.headers, answer.body)
        assert isinstance(answer, Stream)
        return Answer(answer.status, answer.headers, b"".join([chunk async for chunk in answer.chunks]))

    # -- the server's API, as an HTTP client of the app

    async def send(self, request: HttpRequest) -> HttpResponse:
        await asyncio.sleep(0)
        path = urlsplit(request.url).path
        content = request.content or b""
        if path == "/fn/register":
            self.server.register(content)
            return HttpResponse(200, [], b'{"ok":true,"modified":true}')
        if path.startswith("/v1/checkpoint/"):
            status, body = self.server.checkpoint(path.split("/")[3], content)
            return HttpResponse(status, [], body)
        assert path.startswith("/v0/runs/"), path
        run_id, what = path.split("/")[3:]
        return HttpResponse(200, [], self.server.batch(run_id) if what == "batch" else self.server.actions(run_id))

    async def close(self) -> None: ...


@pytest.mark.parametrize("key", ["", KEY], ids=["dev", "signed"])
@pytest.mark.parametrize("checkpointing", [True, False], ids=["checkpoints", "reports"])
@pytest.mark.parametrize("scenario", OURS, ids=[f"{n}-{one.program}" for n, one in enumerate(OURS)])
async def test_a_scenario(scenario: Scenario, checkpointing: bool, key: str) -> None:
    app = InMemory({"checkpointing": checkpointing}, key)
    await app.register()
    history = await app.server.run(f"app-{scenario.program}", scenario.data, scenario.arrivals)
    check(scenario, history, exact_calls=not checkpointing)
    assert (history.checkpoints == 0) or checkpointing
