"""`inngest start`: settings are gathered and checked, and the server runs until it is interrupted."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Mapping
from pathlib import Path

from inngest.cli import arguments, sockets

from . import config_file
from .settings import Settings, resolve


def start(flags: Mapping[str, object], *, config: str | None) -> None:
    """Serve until interrupted.

    Args:
        flags: the options of the command line, by the names of settings; None if one is not given.
        config: the path of the file of settings; None: what `INNGEST_CONFIG` says, or the nearest one.

    Raises:
        CommandError: a setting is wrong or missing, or the address is taken.
        StoreError: the database cannot be used.
    """
    file = config_file.read(config or os.environ.get("INNGEST_CONFIG") or None, Path.cwd())
    settings = resolve(flags, os.environ, file)
    database = arguments.database_named(settings.database)
    arguments.make_folder(database)
    with sockets.listen(settings.host, settings.port) as sock:
        _run(settings._replace(database=str(database)), sock)


def _run(settings: Settings, sock: socket.socket) -> None:
    from inngest.cli import server_logs  # noqa: PLC0415 - see above
    from inngest.cli.http_server import Stop, run, take_signals  # noqa: PLC0415 - loads uvicorn: mistakes are told before

    from .serving import serve  # noqa: PLC0415 - loads the engine

    sockets.close_in_forks(sock)
    server_logs.set_up(as_json=settings.as_json)

    async def serving() -> None:
        stop = Stop()
        take_signals(stop.ask, asyncio.get_running_loop())
        await serve(settings, sock, stop)

    run(serving())
