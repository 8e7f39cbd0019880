"""The strict server over HTTP: what apps ask of it, and how it reaches them; and apps as processes."""

from __future__ import annotations

import asyncio
import io
import os
import subprocess
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
from aiohttp import web

from inngest.protocol.wire.responses import Answer
from tests.serving.strict_server import Carry, StrictServer

LARGEST = 64 * 1024 * 1024
READY = 60
"""Seconds in which an app has to say where it listens."""


class Front:
    """The strict server with its API at an address.

    Attributes:
        server: the strict server.
        url: where apps reach it.
        problems: what went wrong while apps asked something of it.
        registrations: bodies, as they came.
        fetched: how often memos of a run were asked for.
        stale: refuse checkpoints, as if another call went on with the run.
    """

    def __init__(self, server: StrictServer, url: str) -> None:
        self.server = server
        self.url = url
        self.problems: list[BaseException] = []
        self.registrations: list[bytes] = []
        self.fetched = 0
        self.stale = False


@asynccontextmanager
async def listening(key: str = "") -> AsyncGenerator[Front]:
    """A strict server that listens, and calls apps over HTTP.

    Args:
        key: the signing key; "" for a server in development.
    """
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        front = Front(StrictServer(_carry(session), key), "")
        app = web.Application(client_max_size=LARGEST)
        app.add_routes(_Api(front).routes())
        runner = web.AppRunner(app)
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            front.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
            yield front
        finally:
            await runner.cleanup()


def _carry(session: aiohttp.ClientSession) -> Carry:
    async def carry(method: str, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        async with session.request(method, url, headers=headers, data=io.BytesIO(body)) as answer:
            named = {name.lower(): value for name, value in answer.headers.items()}
            return Answer(answer.status, named, await answer.read())

    return carry


class _Api:
    def __init__(self, front: Front) -> None:
        self._front = front

    def routes(self) -> Sequence[web.RouteDef]:
        return [
            web.post("/fn/register", self._register),
            web.post("/e/{key}", self._event),
            web.post("/v1/checkpoint/{run}/async", self._checkpoint),
            web.get("/v0/runs/{run}/batch", self._batch),
            web.get("/v0/runs/{run}/actions", self._actions),
        ]

    async def _register(self, request: web.Request) -> web.Response:
        self._front.registrations.append(await request.read())
        return web.json_response(self._front.server.register(self._front.registrations[-1]))

    async def _event(self, request: web.Request) -> web.Response:
        return web.json_response(self._front.server.accept(await request.read()))

    async def _checkpoint(self, request: web.Request) -> web.Response:
        if self._front.stale:
            return web.json_response({"error": "stale dispatch", "status": 409}, status=409)
        try:
            status, body = self._front.server.checkpoint(request.match_info["run"], await request.read())
        except Exception as error:
            self._front.problems.append(error)
            raise
        return web.Response(status=status, body=body, content_type="application/json")

    async def _batch(self, request: web.Request) -> web.Response:
        return _json(self._front.server.batch(request.match_info["run"]))

    async def _actions(self, request: web.Request) -> web.Response:
        self._front.fetched += 1
        return _json(self._front.server.actions(request.match_info["run"]))


def _json(body: bytes) -> web.Response:
    return web.Response(body=body, content_type="application/json")


@asynccontextmanager
async def serving(command: Sequence[str | Path], environ: Mapping[str, str]) -> AsyncGenerator[str]:
    """An app as a process, and its URL.

    Args:
        command: that starts it; it prints its URL when it listens.
        environ: variables beside those that every process needs.
    """
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "TMPDIR", "SYSTEMROOT") if name in os.environ}
    process = await asyncio.create_subprocess_exec(
        *map(str, command), env={**kept, **environ}, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), READY)
        assert line.startswith(b"http://"), f"{command}: {line!r}"
        yield line.decode().strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()
