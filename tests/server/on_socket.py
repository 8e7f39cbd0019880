"""A server on a socket, in a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import uvicorn

import inngest
from inngest.server.app import create_app
from inngest.server.auth import Keys

from .test_bounds import Quiet


@contextlib.contextmanager
def served(path: Path, keys: Keys | None = None) -> Generator[str]:
    """A server in a thread of its own, with an engine; its URL."""
    client = inngest.Inngest(app_id="shop")

    @client.create_function(fn_id="echo", trigger=inngest.TriggerEvent(event="shop/said"))
    async def echo(ctx: inngest.Context) -> object:
        return ctx.event.data

    loop = asyncio.new_event_loop()
    ready = threading.Event()
    servers: list[uvicorn.Server] = []

    async def main() -> None:
        async with inngest.Engine(client, database=path) as engine:
            config = uvicorn.Config(create_app(engine, keys=keys), port=0, lifespan="off", log_config=None)
            server = Quiet(config)
            servers.append(server)
            startup = server.startup

            async def seen(sockets: Any = None) -> None:
                await startup(sockets)
                ready.set()

            server.startup = seen  # type: ignore[method-assign]
            await server.serve()

    thread = threading.Thread(target=loop.run_until_complete, args=(main(),))
    thread.start()
    assert ready.wait(60)
    try:
        yield f"http://127.0.0.1:{servers[0].servers[0].sockets[0].getsockname()[1]}"
    finally:
        servers[0].should_exit = True
        thread.join()
        loop.close()
