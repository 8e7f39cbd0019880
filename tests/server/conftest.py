"""The event API over ASGI, in process, on a real engine."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

import inngest
from inngest.server.app import create_app


@dataclass
class Api:
    """What a test holds: the engine, and a client of its event API."""

    engine: inngest.Engine
    http: httpx.AsyncClient
    echo: inngest.Function[Any]

    async def post(self, body: object = None, *, content: bytes | str | None = None, **headers: str) -> httpx.Response:
        """Send a JSON body, or bytes as they are, with a key that nobody knows."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        if content is not None:
            return await self.http.post("/e/any-key", content=content, headers=named)
        return await self.http.post("/e/any-key", json=body, headers=named)

    async def results(self, event_id: str) -> list[Any]:
        """What the runs of an event gave, once they have ended."""
        return [await self.engine.wait(run.id) for run in await self.engine.runs(event_id=event_id)]


def refuse_to_ship() -> None:
    raise inngest.NonRetriableError("no stock")


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id="echo", trigger=inngest.TriggerEvent(event="shop/said"))
    async def echo(ctx: inngest.Context) -> dict[str, object]:
        return {"id": ctx.event.id, "data": dict(ctx.event.data), "ts": ctx.event.ts}

    @client.create_function(fn_id="refuse", retries=0, trigger=inngest.TriggerEvent(event="shop/broken"))
    async def refuse(ctx: inngest.Context) -> None:
        raise inngest.NonRetriableError("no stock")

    @client.create_function(fn_id="steps", trigger=inngest.TriggerEvent(event="shop/stepped"), retries=0)
    async def steps(ctx: inngest.Context) -> None:
        await ctx.step.run("fetch", lambda: {"ok": True})
        await ctx.step.sleep("nap", 1)
        try:
            await ctx.step.run("ship", refuse_to_ship)
        except inngest.StepError:
            return

    @client.create_function(fn_id="signal", trigger=inngest.TriggerEvent(event="shop/signalled"))
    async def signal(ctx: inngest.Context) -> object:
        return await ctx.step.wait_for_signal("door", signal="door", timeout=60_000)

    @client.create_function(fn_id="sleep", trigger=inngest.TriggerEvent(event="shop/slept"))
    async def sleep(ctx: inngest.Context) -> None:
        await ctx.step.sleep("nap", 3_600_000)

    async with inngest.Engine(client, database=f"sqlite:///{tmp_path}/i.db") as engine:
        transport = httpx.ASGITransport(create_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as http:
            yield Api(engine, http, echo)
