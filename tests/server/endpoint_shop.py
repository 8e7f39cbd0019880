"""An app with an endpoint, and the server that it tells its runs: what tests of endpoints share."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
from aiohttp import web

import inngest
from inngest.embedded.engine import host_of
from inngest.embedded.settings import Apps
from inngest.engine.domain.model import Changes, Run
from inngest.engine.records import Claimed
from inngest.protocol import ulids
from inngest.protocol.steps import hash_step_id
from inngest.server.app import create_app
from inngest.server.auth import Keys

SIGNING = "signkey-prod-00112233445566778899aabbccddeeff"
FALLBACK = "ffeeddccbbaa99887766554433221100"
KEYS = Keys([SIGNING, FALLBACK], {"web": "web-key"})
COMPLETE = hash_step_id("complete")
END = {"op": "RunComplete", "id": COMPLETE, "data": {"status": 200, "headers": {"content-type": "application/json"}}}
NOBODY = "01ARZ3NDEKTSV4RRFFQ69G5FAV"

Answers = Callable[[Mapping[str, Any], str], Any]
"""What an endpoint reports, of the memos and of the step that it is called for."""


def op(opcode: str, step_id: str, **members: Any) -> dict[str, Any]:
    return {"op": opcode, "id": hash_step_id(step_id), "name": step_id, "displayName": step_id, **members}


def ran(step_id: str, data: object = 1) -> dict[str, Any]:
    return op("StepRun", step_id, data=data, mode="sync", userland={"id": step_id})


def end(value: object) -> dict[str, Any]:
    return {**END, "data": {**END["data"], "body": json.dumps(json.dumps(value)), "version": 2}}  # type: ignore[dict-item]


class Watching:
    """An observer."""

    def __init__(self) -> None:
        self.events: list[str] = []
        self.recorded: list[str] = []

    def accepted(self, events: Any, started: Any, touched: Any) -> None:
        self.events += [one.name for one in events]

    def entered(self, claimed: Claimed) -> None: ...

    def cancelled(self, run: Run) -> None: ...

    def committed(self, run: Run, changes: Changes) -> None:
        self.recorded += [memo.step.id for memo in changes.memos]


class Shop:
    """An app with an endpoint, and the server that it tells its runs.

    Attributes:
        calls: requests that the server has made: method, path and query, headers, body.
    """

    def __init__(self, http: httpx.AsyncClient, engine: inngest.Engine) -> None:
        self.http, self.engine = http, engine
        self.calls: list[tuple[str, str, Mapping[str, str], bytes]] = []
        self.url = ""
        self.planned = asyncio.Event()  # a call has come in which no step may run at once
        self.answers: Answers = lambda memos, step: [end("called")]

    async def answer(self, request: web.Request) -> web.Response:
        """Answer a call, as an SDK does."""
        body = await request.read()
        self.calls.append((request.method, request.path_qs, {k.lower(): v for k, v in request.headers.items()}, body))
        if request.headers.get("x-inngest-force-step-plan") == "true":
            self.planned.set()
        run_id = request.headers["x-run-id"]
        memos = (await self.http.get(f"/v0/runs/{run_id}/actions")).json()
        (event,) = (await self.http.get(f"/v0/runs/{run_id}/batch")).json()
        assert event["name"] == "inngest/http.request"
        target = request.headers["x-inngest-step-id"]
        said = self.answers(memos, "" if target == "step" else target)
        sdk = {"x-inngest-sdk": "inngest-js:v4.24.0", "x-inngest-req-version": "2"}
        return web.json_response(said, status=206, headers=sdk)

    async def begin(self, *steps: object, run_id: str = "", retries: int = 3, **request: Any) -> httpx.Response:
        """A request has come, and its SDK tells of it."""
        data = {
            "content_type": "",
            "domain": self.url,
            "ip": "",
            "method": "GET",
            "path": "/pay",
            "query_params": "q=1",
        }
        sent = {
            "run_id": run_id or ulids.make(1_700_000_000_000, next(_entropy)),
            "event": {"name": "inngest/http.request", "data": {**data, "body": "", "fn": "", **request}},
            "steps": list(steps),
            "ts": 1_700_000_000_001,
            "request_version": 2,
            "retries": retries,
        }
        return await self.http.post("/v1/checkpoint", json=sent, headers={"x-inngest-sdk": "inngest-js:v4.24.0"})

    async def begun(self, *steps: object, **request: Any) -> str:
        """The id of a run that has begun."""
        answered = await self.begin(*steps, **request)
        assert answered.status_code == 200, answered.text
        return str(answered.json()["data"]["run_id"])

    async def go_on(self, run_id: str, *steps: object) -> httpx.Response:
        sent = {"fn_id": "f", "app_id": "a", "run_id": run_id, "steps": list(steps), "ts": 1}
        return await self.http.post(f"/v1/checkpoint/{run_id}/steps", json=sent)

    async def output(self, run_id: str) -> httpx.Response:
        return await self.http.get(f"/v1/checkpoint/{run_id}/output")


def _bytes() -> Any:
    number = 0
    while True:
        number += 1
        yield number.to_bytes(10, "big")


_entropy = _bytes()


@asynccontextmanager
async def shop_of(path: Path, keys: Keys | None = None, key: str = "", retry: int = 10) -> AsyncGenerator[Shop]:
    engine = inngest.Engine([], database=path / "i.db", retry_interval=retry)
    host_of(engine).call_apps(Apps(None, key))
    bearer = {"authorization": f"Bearer {key}"} if key else {}
    async with engine:
        transport = httpx.ASGITransport(create_app(engine, keys=keys), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:8288", headers=bearer) as http:
            shop = Shop(http, engine)
            app = web.Application()
            app.router.add_route("*", "/{path:.*}", shop.answer)
            runner = web.AppRunner(app)
            await runner.setup()
            try:
                await web.TCPSite(runner, "127.0.0.1", 0).start()
                shop.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
                yield shop
            finally:
                await runner.cleanup()
