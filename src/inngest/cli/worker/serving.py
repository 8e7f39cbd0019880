"""The engine of `inngest worker`, from start to stop."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import AsyncGenerator, Sequence
from typing import Any

from inngest.cli import arguments
from inngest.cli.descriptors import make_room
from inngest.cli.http_server import HttpServer, Stop, url_of
from inngest.embedded.engine import Engine, host_of
from inngest.server.health import create_health_app

from .command import Options

LOGGER = logging.getLogger("inngest.worker")


async def serve(functions: Sequence[Any], options: Options, sock: socket.socket | None, stop: Stop) -> None:
    """Run until it is asked to stop; then let handlers that run come to their end.

    Args:
        functions: clients and functions, as an engine takes them.
        options: how they run.
        sock: where the worker tells how it fares; None: nowhere.
        stop: asks it to.

    Raises:
        EngineConfigError, EngineBindingError: the functions cannot be run; nothing was started.
        StoreError: the database cannot be used; nothing was started.
    """
    if (crowded := make_room()) is not None:
        LOGGER.warning("%s", crowded)
    engine = Engine(
        functions,
        database=arguments.database_url(str(options.database)),
        lease=options.lease,
        retention=options.retention,
        max_steps=options.max_steps,
        retry_interval=options.retry_interval,
        drain_timeout=round(options.drain * 1_000),
        max_runs_in_flight=options.runs_in_flight,
        thread_pool_size=options.threads,
    )
    async with engine:
        shown = arguments.shown(str(options.database), host_of(engine).settings.database.shown)
        names = ", ".join(function.id for function in engine.functions)
        LOGGER.info("running %s; the database is %s", names, shown)
        async with _telling(engine, options, sock):
            await stop.asked.wait()
            LOGGER.info("stopping: handlers that run have %g s to end", options.drain)
            await host_of(engine).drain()
    LOGGER.info("stopped; runs that had not ended go on in another worker, or when this one starts again")


@contextlib.asynccontextmanager
async def _telling(engine: Engine, options: Options, sock: socket.socket | None) -> AsyncGenerator[None]:
    """The worker tells how it fares, if it was asked to."""
    if sock is None or options.health is None:
        yield
        return
    http = HttpServer(create_health_app(engine))
    serving = asyncio.ensure_future(http.serve(sockets=[sock]))
    LOGGER.info("telling at %s/health and /ready how it fares", url_of(sock, options.health[0]))
    try:
        yield
    finally:
        http.should_exit = True
        await serving
