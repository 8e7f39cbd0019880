"""One engine with its event API on a socket, from start to stop; in a worker of the supervisor, or alone."""

from __future__ import annotations

import asyncio
import logging
import os
import socket
from collections.abc import Callable, Sequence
from typing import Any

from inngest.cli import arguments
from inngest.cli.descriptors import make_room
from inngest.cli.http_server import HttpServer, Stop, url_of
from inngest.cli.loading import CodeError, TargetError, load, locate
from inngest.embedded.engine import Engine, host_of
from inngest.embedded.host import EngineHost
from inngest.protocol.config import TriggerCron
from inngest.runtime.egress import Egress
from inngest.sdk.client import Inngest
from inngest.sdk.function import Function
from inngest.server.app import create_app
from inngest.server.syncs import Server

from .event_log import Emit, EventLog, Record
from .options import Options

LOGGER = logging.getLogger("inngest.server")

Given = Sequence[Inngest | Function[Any]]


def load_targets(options: Options) -> Given:
    """The clients and functions that the targets name, as an engine takes them.

    Raises:
        TargetError, CodeError: they cannot be loaded.
    """
    return load([locate(target) for target in options.targets]) if options.targets else []


def problem(error: Exception, *, final: bool) -> Record:
    """The record of code that cannot be run; if that is not final, the event API is served without it."""
    record = {"type": "loading.failed", "message": str(error), "hint": None, "report": None, "final": final}
    if isinstance(error, TargetError):
        return {**record, "hint": error.hint}
    if isinstance(error, CodeError):
        return {**record, "report": error.report}
    return record


async def serve(
    given: Given,
    options: Options,
    sock: socket.socket,
    emit: Emit,
    stop: Stop,
    *,
    first: bool = True,
    told_until: int | None = None,
    on_serving: Callable[[], None] = lambda: None,
) -> int | None:
    """Run an engine and its event API until it is asked to stop.

    Without functions, events are stored, and runs of functions that the database knows wait.

    Returns:
        Until when (unix ms) it was told which runs were cancelled: `told_until` of the next engine.

    Raises:
        EngineConfigError, EngineBindingError: the functions cannot be run; nothing was started.
        StoreError: the database cannot be used; nothing was started.
    """
    crowded = make_room()
    if crowded is not None and first:
        LOGGER.warning("%s", crowded)
    engine = Engine(
        given,
        database=arguments.database_url(options.database),
        lease=options.lease,
        retention=options.retention,
        max_steps=options.max_steps,
        retry_interval=options.retry_interval,
        drain_timeout=round(options.drain * 1_000),
    )
    host = host_of(engine)
    host.call_apps()
    host.observe(EventLog(emit, host.now), told_until=told_until)
    async with engine:
        app = create_app(engine, host=options.host, allowed_hosts=options.allowed_hosts)
        server = HttpServer(app)
        serving = asyncio.ensure_future(server.serve(sockets=[sock]))
        shown = arguments.shown(options.database, host.settings.database.shown)
        emit(_serving(engine.functions, options, shown, sock, first))
        on_serving()
        syncing = asyncio.ensure_future(_sync_apps(host, options, sock, emit))
        asked = asyncio.ensure_future(stop.asked.wait())
        await asyncio.wait([serving, asked], return_when=asyncio.FIRST_COMPLETED)
        emit({"type": "stopping", "reason": stop.reason, "files": list(stop.files), "executing": list(host.executing)})
        server.should_exit = True
        asked.cancel()
        syncing.cancel()
        await asyncio.gather(serving, host.drain())
    return host.told_until


async def _sync_apps(host: EngineHost, options: Options, sock: socket.socket, emit: Emit) -> None:
    """Ask apps to register, those that are named and those that are found."""
    if not (options.sdk_urls or options.discover):
        return
    from inngest.cli.syncing import Wanted, record_of, sync_apps  # noqa: PLC0415 - few call apps

    port = sock.getsockname()[1]
    wanted = Wanted(options.sdk_urls, options.poll_interval, port if options.discover else None)
    server = Server("dev", url_of(sock, options.host))
    await sync_apps(host, server, wanted, Egress(), lambda outcome: emit(record_of(outcome)))


def _serving(
    functions: Sequence[Function[Any]], options: Options, database: str, sock: socket.socket, first: bool
) -> Record:
    return {
        "type": "serving",
        "url": url_of(sock, options.host),
        "database": database,
        "pid": os.getpid(),
        "first": first,
        "functions": [{"id": function.id, "triggers": _triggers(function)} for function in functions],
    }


def _triggers(function: Function[Any]) -> list[str]:
    return [one.cron if isinstance(one, TriggerCron) else one.event for one in function.options.triggers]
