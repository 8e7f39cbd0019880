"""An ASGI app on a socket, from start to stop, in a process of a command."""

from __future__ import annotations

import asyncio
import contextlib
import importlib
import os
import signal
import socket
from collections.abc import Callable, Coroutine, Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from inngest.server.protocol import BoundedProtocol

from .errors import Exit

CLOSE_CONNECTIONS = 2
"""Seconds that requests have to end when the server stops."""

R = TypeVar("R")

KEEP_ALIVE = 75
"""Seconds that an idle connection is kept: apps close theirs after 4 s to 15 s, and no request is to meet its end."""


@dataclass
class Stop:
    """Why a server is to stop, once it is."""

    asked: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str = "interrupted"
    files: Sequence[str] = ()

    def ask(self, reason: str = "interrupted", files: Sequence[str] = ()) -> None:
        """Stop. The first reason counts."""
        if not self.asked.is_set():
            self.reason, self.files = reason, files
            self.asked.set()


class HttpServer(uvicorn.Server):
    """Serves an app with httptools, bounded heads and no access log, and leaves signals to its command."""

    def __init__(self, app: ASGIApp) -> None:
        super().__init__(
            uvicorn.Config(
                self._answering(app),
                lifespan="off",
                http=BoundedProtocol,
                log_config=None,
                log_level="warning",
                access_log=False,
                proxy_headers=False,  # nothing here asks who a client is, or says by which scheme it came
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=CLOSE_CONNECTIONS,
            )
        )

    def _answering(self, app: ASGIApp) -> ASGIApp:
        """The app; a request that is cut short because the server stops is answered, and is no error of the app."""

        async def answer(scope: Scope, receive: Receive, send: Send) -> None:
            begun = False

            async def pass_on(message: Message) -> None:
                nonlocal begun
                begun = True
                await send(message)

            try:
                await app(scope, receive, pass_on)
            except asyncio.CancelledError:
                if not self.should_exit:
                    raise
                if scope["type"] == "http" and not begun:
                    await send({"type": "http.response.start", "status": 503, "headers": [(b"content-length", b"0")]})
                    await send({"type": "http.response.body"})

        return answer

    @contextlib.contextmanager
    def capture_signals(self) -> Generator[None]:
        """Capture none."""
        yield


def run(main: Coroutine[Any, Any, R]) -> R:
    """Run the process of a server in which no code of users runs: on uvloop if that is installed (decision 0062)."""
    try:
        loops = importlib.import_module("uvloop")
    except ImportError:
        loops = asyncio
    with asyncio.Runner(loop_factory=loops.new_event_loop) as runner:
        return runner.run(main)


def take_signals(stop: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
    """The first interrupt stops; the second ends the process, which loses nothing that was recorded."""
    asked = False

    def interrupted(*_: object) -> None:
        nonlocal asked
        if asked:
            os._exit(Exit.INTERRUPTED)
        asked = True
        loop.call_soon_threadsafe(stop)

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, interrupted)


def url_of(sock: socket.socket, host: str) -> str:
    """Where the server answers."""
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]", "": "127.0.0.1"}.get(host, f"[{host}]" if ":" in host else host)
    return f"http://{shown}:{sock.getsockname()[1]}"
