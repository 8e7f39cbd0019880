"""An app behind HTTP, whose runs are left in the middle: one sleeps, the call of one is never answered."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from aiohttp import web

import inngest
from inngest.embedded.engine import host_of
from inngest.server.app import create_app

EVENTS = ("served-sleep", "served-call")
HOUR = 3_600_000


def hash_of(step_id: str) -> str:
    """The hash of a step."""
    return hashlib.sha1(step_id.encode(), usedforsecurity=False).hexdigest()


class ServedApp:
    """Answers calls as an SDK does, out of what they say.

    Args:
        blocked: whether calls of one function wait until they are released.
    """

    def __init__(self, *, blocked: bool) -> None:
        self.released = asyncio.Event()
        if not blocked:
            self.released.set()
        self.url = ""

    async def answer(self, request: web.Request) -> web.Response:
        """A call."""
        call = await request.json()
        if request.query["fnId"] == "shop-served-call":
            await self.released.wait()
            return self._said(200, "called")
        known = call["steps"]
        if hash_of("first") not in known:
            return self._said(206, [self._op("StepRun", "first", data="served")])
        if hash_of("rest") not in known:
            return self._said(206, [self._op("Sleep", "rest", name="1h")])
        return self._said(200, known[hash_of("first")]["data"])

    @staticmethod
    def _op(op: str, step_id: str, **members: object) -> dict[str, Any]:
        return {"op": op, "id": hash_of(step_id), "displayName": step_id, "name": step_id, **members}

    @staticmethod
    def _said(status: int, body: object) -> web.Response:
        headers = {"x-inngest-sdk": "py:v0.5.19", "x-inngest-req-version": "1"}
        return web.json_response(body, status=status, headers=headers)

    def _function(self, name: str) -> dict[str, Any]:
        fn_id = f"shop-{name}"
        runtime = {"type": "http", "url": f"{self.url}?fnId={fn_id}&stepId=step"}
        step = {"id": "step", "name": "step", "retries": {"attempts": 3}, "runtime": runtime}
        return {"id": fn_id, "name": name, "triggers": [{"event": name}], "steps": {"step": step}}

    async def register(self, engine: inngest.Engine) -> None:
        """Register it where it is now."""
        body = {
            "appname": "served",
            "deploy_type": "ping",
            "framework": "flask",
            "sdk": "py:v0.5.19",
            "url": self.url,
            "v": "0.1",
            "functions": [self._function(name) for name in EVENTS],
        }
        transport = httpx.ASGITransport(create_app(engine))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288") as http:
            (await http.post("/fn/register", json=body)).raise_for_status()


@asynccontextmanager
async def serving(engine: inngest.Engine, *, blocked: bool = False) -> AsyncGenerator[ServedApp]:
    """Serve the app on a port, and have an engine, which has not started yet, call it."""
    host_of(engine).call_apps()
    app = ServedApp(blocked=blocked)
    site = web.Application()
    site.router.add_post("/", app.answer)
    runner = web.AppRunner(site)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    app.url = f"http://127.0.0.1:{runner.addresses[0][1]}/"
    try:
        yield app
    finally:
        app.released.set()
        await runner.cleanup()
