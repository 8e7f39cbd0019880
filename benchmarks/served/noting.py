"""Notes about the calls to an app: when each came, and when its answer had been handed over. For ASGI.

It imports nothing of a project, so that apps of all environments can have it.
"""

from __future__ import annotations

import asyncio
import json
import os
import socket
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Any]]
Send = Callable[[Any], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

LONGEST = 2.0
"""Seconds that `GET /notes` waits at most."""

COMPLETE = b'"RunComplete"'


class Noted:
    """An app whose calls are noted. `GET /notes?N` answers soon, or when N runs have ended, and forgets that."""

    def __init__(self, app: App) -> None:
        self._app = app
        self._calls: list[tuple[str, float, float]] = []  # run, came at, answered at: seconds of the monotonic clock
        self._ended = 0
        self._changed = asyncio.Event()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"] == "/notes":
            await self._tell(int(scope["query_string"]), send)
        elif scope["method"] == "POST":
            await self._note(scope, receive, send)
        else:
            await self._app(scope, receive, send)

    async def _note(self, scope: Scope, receive: Receive, send: Send) -> None:
        came_at, ended = time.monotonic(), False

        async def noted(message: Any) -> None:
            nonlocal ended
            ended = ended or message.get("status") == 200 or COMPLETE in message.get("body", b"")
            await send(message)

        await self._app(scope, receive, noted)
        run = next((value.decode() for name, value in scope["headers"] if name == b"x-run-id"), "")
        self._calls.append((run, came_at, time.monotonic()))
        self._ended += ended
        self._changed.set()

    async def _tell(self, wanted: int, send: Send) -> None:
        try:
            async with asyncio.timeout(LONGEST):
                while self._ended < wanted:
                    self._changed.clear()
                    await self._changed.wait()
        except TimeoutError:  # who asks may ask again
            pass
        calls, ended = self._calls, self._ended
        self._calls, self._ended = [], 0
        body = json.dumps({"calls": calls, "ended": ended}).encode()
        headers = [(b"content-type", b"application/json"), (b"content-length", str(len(body)).encode())]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})


def serve(app: App) -> None:
    """Serve until the process is ended. The first line of output is where, and the process."""
    import uvicorn

    with socket.socket(proto=socket.IPPROTO_TCP) as listening:  # said, or asyncio would not set TCP_NODELAY
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(("127.0.0.1", 0))
        listening.listen(512)
        print(json.dumps({"url": f"http://127.0.0.1:{listening.getsockname()[1]}", "pid": os.getpid()}), flush=True)
        config = uvicorn.Config(Noted(app), log_level="critical", access_log=False, interface="asgi3")
        uvicorn.Server(config).run(sockets=[listening])
