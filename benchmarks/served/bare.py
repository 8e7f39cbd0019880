"""The least that an app with checkpoints can be: ASGI without a framework or an SDK; aiohttp carries each step away.

INNGEST_BASE_URL is where the checkpoints go.
"""

from __future__ import annotations

import hashlib
import os

import aiohttp
import orjson

from .noting import Receive, Scope, Send, serve

API = os.environ["INNGEST_BASE_URL"]
JSON = [(b"content-type", b"application/json"), (b"x-inngest-sdk", b"bare:v1"), (b"x-inngest-req-version", b"2")]
KEPT = 2.0
"""Seconds that a connection is kept that nobody uses: less than its server keeps it."""

COMPLETE = hashlib.sha1(b"complete").hexdigest()

sessions: list[aiohttp.ClientSession] = []


async def app(scope: Scope, receive: Receive, send: Send) -> None:
    if scope["type"] == "lifespan":
        await _live(receive, send)
        return
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message.get("body", b""), message.get("more_body", False)
    call = orjson.loads(body)
    count = call["event"]["data"]["count"]
    for index in range(count):
        hashed = hashlib.sha1(b"step-%d" % index).hexdigest()
        if hashed not in call["steps"]:
            await _record(call["ctx"], hashed, index)
    answer = orjson.dumps([{"id": COMPLETE, "op": "RunComplete", "data": count}])
    length = (b"content-length", str(len(answer)).encode())
    await send({"type": "http.response.start", "status": 206, "headers": [*JSON, length]})
    await send({"type": "http.response.body", "body": answer})


async def _record(ctx: dict[str, object], hashed: str, index: int) -> None:
    name = f"step-{index}"
    told = {"id": hashed, "op": "StepRun", "name": name, "displayName": name, "opts": None, "data": index}
    body = {name: ctx[name] for name in ("run_id", "fn_id", "qi_id", "request_id", "generation_id")}
    body |= {"request_started_at": 1, "ts": 2, "steps": [{**told, "userland": {"id": name, "index": None}}]}
    url = f"{API}/v1/checkpoint/{ctx['run_id']}/async"
    async with sessions[0].post(url, data=orjson.dumps(body), headers={"content-type": "application/json"}) as answer:
        await answer.read()
        if answer.status != 200:
            raise RuntimeError(f"a checkpoint got {answer.status}")


async def _live(receive: Receive, send: Send) -> None:
    await receive()
    timeout = aiohttp.ClientTimeout(total=60)
    connector = aiohttp.TCPConnector(limit=0, keepalive_timeout=KEPT)
    async with aiohttp.ClientSession(connector=connector, timeout=timeout) as session:
        sessions.append(session)
        await send({"type": "lifespan.startup.complete"})
        await receive()
    await send({"type": "lifespan.shutdown.complete"})


if __name__ == "__main__":
    serve(app)
