"""Spans of functions behind HTTP: the app tells attempts, the server the rest, and all are one trace."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from aiohttp import web
from opentelemetry.trace import SpanKind, StatusCode

import inngest
from inngest.embedded.engine import host_of
from inngest.opentelemetry import Tracing
from inngest.protocol import traces
from inngest.protocol.http import HttpRequest, HttpResponse
from inngest.protocol.steps import hash_step_id
from inngest.sdk.serving.messages import Request, Response
from inngest.server.app import create_app
from tests.serving.asking import client_of, handler_of
from tests.spans import Kept, paths, read

TRIGGER = inngest.TriggerEvent(event="pay")
SERVER = "http://127.0.0.1:8288"


class Api:
    """The API of a server in this process, for an SDK.

    Args:
        http: asks it.
        checkpoints: whether it takes them.
    """

    def __init__(self, http: httpx.AsyncClient, *, checkpoints: bool) -> None:
        self._http = http
        self._checkpoints = checkpoints

    async def send(self, request: HttpRequest) -> HttpResponse:
        if "/checkpoint/" in request.url and not self._checkpoints:
            return HttpResponse(404, [], b"{}")
        answer = await self._http.request(
            request.method, request.url, content=request.content, headers=dict(request.headers)
        )
        return HttpResponse(answer.status_code, list(answer.headers.items()), answer.content)

    async def close(self) -> None: ...


class Town:
    """A server and an app, each with its spans."""

    def __init__(self, http: httpx.AsyncClient, engine: inngest.Engine) -> None:
        self.http = http
        self.engine = engine
        self.traceparents: list[str | None] = []  # of calls

    async def paid(self, **headers: str) -> str:
        """The id of a run that has ended."""
        sent = await self.http.post("/e/key", json={"name": "pay"}, headers=headers)
        (run,) = await self.engine.runs(event_id=sent.json()["ids"][0])
        await self.engine.wait(run.id)
        return run.id


@asynccontextmanager
async def town_of(
    folder: Path, client: inngest.Inngest, server: Kept | None, *, checkpoints: bool = False
) -> AsyncGenerator[Town]:
    """A server that calls the functions of a client."""
    engine = inngest.Engine([], database=folder / "i.db", retry_interval=0)
    host_of(engine).call_apps()
    if server is not None:
        Tracing(engine, provider=server.provider)
    async with engine:
        transport = httpx.ASGITransport(create_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url=SERVER) as http:
            town = Town(http, engine)
            endpoint = handler_of(client, client.functions, Api(http, checkpoints=checkpoints))

            async def answer(request: web.Request) -> web.Response:
                town.traceparents.append(request.headers.get("traceparent"))
                headers = {name.lower(): value for name, value in request.headers.items()}
                given = Request(request.method, str(request.url), headers, await request.read())
                found = await endpoint.handle(given)
                assert isinstance(found, Response)
                return web.Response(body=found.body, status=found.status, headers=dict(found.headers))

            site = web.Application()
            site.router.add_route("*", "/", answer)
            runner = web.AppRunner(site)
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                await register(http, client, f"http://127.0.0.1:{runner.addresses[0][1]}/")
                yield town
            finally:
                await runner.cleanup()


async def register(http: httpx.AsyncClient, client: inngest.Inngest, url: str) -> None:
    """Have the app known at the server."""
    functions = [
        {
            "id": one.id,
            "name": one.name,
            "triggers": [{"event": "pay"}],
            "steps": {
                "step": {
                    "id": "step",
                    "name": "step",
                    "retries": {"attempts": 5},
                    "runtime": {"type": "http", "url": f"{url}?fnId={one.id}&stepId=step"},
                }
            },
        }
        for one in client.functions
    ]
    app = {"appname": client.app_id, "deploy_type": "ping", "framework": "flask", "sdk": "py:v0.5.19", "url": url}
    (await http.post("/fn/register", json={**app, "v": "0.1", "functions": functions})).raise_for_status()


def shop(kept: Kept, kind: str) -> inngest.Inngest:
    """An app whose function has two steps, the first of which fails once."""
    client, tracer, calls = client_of(production=False), kept.provider.get_tracer("bank"), Counter[str]()

    def handle(name: str) -> Callable[[], str]:
        def handler() -> str:
            calls[name] += 1
            with tracer.start_as_current_span(f"in {name}"):
                if (name, calls[name]) == ("one", 1):
                    raise ValueError("not yet")
                return name

        return handler

    async def body(ctx: inngest.Context) -> None:
        await ctx.step.run("one", handle("one"))
        await ctx.step.run("two", handle("two"))

    def plain(ctx: inngest.ContextSync) -> None:
        ctx.step.run("one", handle("one"))
        ctx.step.run("two", handle("two"))

    handler: Any = body if kind == "async" else plain
    client.create_function(fn_id="pay", trigger=TRIGGER)(handler)
    return client


@pytest.mark.parametrize("checkpoints", [False, True])
@pytest.mark.parametrize("kind", ["async", "plain"])
async def test_an_app_and_its_server_tell_one_trace(tmp_path: Path, kind: str, *, checkpoints: bool) -> None:
    server, app = Kept(), Kept()
    client = shop(app, kind)
    Tracing(client, provider=app.provider)
    async with town_of(tmp_path, client, server, checkpoints=checkpoints) as town:
        run_id = await town.paid()
    told = [*server.spans, *app.spans]
    assert {read(span).trace_id for span in told} == {traces.of_run(run_id, None).trace}
    assert max(Counter(read(span).span_id for span in told).values()) == 1
    assert sorted(span.name for span in app.spans) == sorted(
        ["one attempt", "one attempt", "two attempt", "in one", "in one", "in two"]
    )
    assert set(paths(told)) == {
        "shop-pay",
        "shop-pay/shop-pay invocation",
        *(f"shop-pay/{name}{rest}" for name in ("one", "two") for rest in ("", f"/{name} attempt")),
        *(f"shop-pay/{name}/{name} attempt/in {name}" for name in ("one", "two")),
    }
    assert [len(server.named(name)) for name in ("shop-pay", "one", "two")] == [1, 1, 1]
    failed, succeeded = app.named("one attempt")
    assert (failed.status.status_code, succeeded.status.status_code) == (StatusCode.ERROR, StatusCode.UNSET)
    invocations = server.named("shop-pay invocation")
    assert {span.kind for span in invocations} == {SpanKind.CLIENT}
    places = {place for text in town.traceparents if (place := traces.read(text)) is not None}
    assert {f"{place.span_id:016x}" for place in places} == {read(span).span_id for span in invocations}


async def test_an_app_that_traces_joins_the_runs_trace_though_its_server_does_not(tmp_path: Path) -> None:
    app = Kept()
    client = shop(app, "async")
    Tracing(client, provider=app.provider)
    parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
    async with town_of(tmp_path, client, None) as town:
        run_id = await town.paid(traceparent=parent)
        alone = await town.paid()
    ids = ["4bf92f3577b34da6a3ce929d0e0e4736", traces.of_run(alone, None).trace]
    assert sorted({read(span).trace_id for span in app.spans}) == sorted(ids)
    own = f"{traces.of_run(run_id, None).span_id:016x}"
    assert town.traceparents[0] == f"00-4bf92f3577b34da6a3ce929d0e0e4736-{own}-01"
    steps = {f"{traces.span_id(run_id, hash_step_id(name)):016x}" for name in ("one", "two")}
    attempts = [read(span) for span in app.spans if span.name.endswith("attempt")]
    assert {span.parent_id for span in attempts if span.trace_id.startswith("4bf9")} == steps


async def test_a_body_of_events_may_tell_their_traces(tmp_path: Path) -> None:
    server = Kept()
    client = shop(Kept(), "async")
    async with town_of(tmp_path, client, server) as town:
        event = {"name": "pay", "traceparent": "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"}
        sent = await town.http.post("/e/key", json=[event, {"name": "pay", "traceparent": "none"}])
        for event_id in sent.json()["ids"]:
            (run,) = await town.engine.runs(event_id=event_id)
            await town.engine.wait(run.id)
    first, second = sorted((read(span) for span in server.named("shop-pay")), key=lambda span: span.parent_id or "")
    assert (first.parent_id, second.parent_id) == (None, "00f067aa0ba902b7")
    assert second.trace_id == "4bf92f3577b34da6a3ce929d0e0e4736"


async def test_a_client_tells_a_server_its_span(tmp_path: Path) -> None:
    kept = Kept()
    sent: list[bytes] = []

    async def take(request: web.Request) -> web.Response:
        sent.append(await request.read())
        return web.json_response({"ids": ["1"], "status": 200})

    site = web.Application()
    site.router.add_route("*", "/e/{key}", take)
    runner = web.AppRunner(site)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        origin = f"http://127.0.0.1:{runner.addresses[0][1]}"
        client = inngest.Inngest(app_id="shop", event_api_base_url=origin, is_production=False)
        Tracing(client, provider=kept.provider)
        with kept.provider.get_tracer("web").start_as_current_span("POST /orders"):
            await client.send(inngest.Event(name="pay"))
        await client.send(inngest.Event(name="pay"))
    finally:
        await runner.cleanup()
    span = read(kept.one("POST /orders"))
    place, nothing = (traces.read(json.loads(body)[0].get("traceparent")) for body in sent)
    assert place is not None
    assert (place.trace, f"{place.span_id:016x}", nothing) == (span.trace_id, span.span_id, None)
