"""`inngest dev`: options are checked, and the code is served, here or by workers."""

from __future__ import annotations

import asyncio
import socket
import sys
from collections.abc import Sequence

import typer

from inngest.cli import arguments, sockets
from inngest.cli.errors import CommandError, Exit
from inngest.cli.loading import CodeError, ResolvedTarget, TargetError, locate

from .log_output import ConsoleWriter, JsonLinesWriter, record_writer
from .options import Options

CAN_RELOAD = sys.platform != "win32"
"""A worker inherits the socket, which Windows does in another way."""


def dev(
    targets: Sequence[str],
    *,
    host: str,
    port: str,
    allowed_hosts: Sequence[str],
    database: str,
    lease: str | None,
    retention: str | None,
    retry_interval: str | None,
    max_steps: str,
    drain: str,
    reload: bool,
    as_json: bool,
    sdk_urls: Sequence[str],
    poll_interval: str,
    discovery: bool | None,
) -> None:
    """Serve functions until interrupted."""
    interval = arguments.seconds_at_most("--retry-interval", retry_interval, arguments.MAX_RETRY_INTERVAL)
    named = arguments.database_named(database)
    options = Options(
        targets=tuple(targets),
        database=str(named),
        host=host,
        allowed_hosts=tuple(allowed_hosts),
        lease=arguments.lease("--lease", lease),
        retention=arguments.retention("--retention", retention),
        retry_interval=interval,
        max_steps=arguments.max_steps(max_steps),
        drain=arguments.seconds("--drain-timeout", drain) or 0.0,
        as_json=as_json,
        sdk_urls=tuple(arguments.app_url("--sdk-url", url) for url in sdk_urls),
        poll_interval=arguments.seconds("--poll-interval", poll_interval) or 0.0,
        discover=not (targets or sdk_urls) if discovery is None else discovery,
    )
    number = arguments.whole_number("--port", port, 0, arguments.MAX_PORT)
    places = [_locate(target) for target in targets]
    arguments.make_folder(named)
    with sockets.listen(host, number) as sock:
        code = _supervise(options, places, sock) if targets and reload and CAN_RELOAD else _serve_here(options, sock)
    raise typer.Exit(code)


def _locate(target: str) -> ResolvedTarget:
    try:
        return locate(target)
    except TargetError as error:
        raise CommandError(str(error), hint=error.hint) from None


def _supervise(options: Options, places: Sequence[ResolvedTarget], sock: socket.socket) -> int:
    from .supervisor import Supervisor  # noqa: PLC0415 - loads watchfiles

    emit = JsonLinesWriter(sys.stdout) if options.as_json else ConsoleWriter()
    return asyncio.run(Supervisor(options, places, sock, emit).run())


def _serve_here(options: Options, sock: socket.socket) -> int:
    """Load the code into this process and serve it; a change needs a restart."""
    from inngest.cli.http_server import Stop, run, take_signals  # noqa: PLC0415 - see above

    from . import logs  # noqa: PLC0415 - loads the engine, which the supervisor does not need
    from .serving import load_targets, problem, serve  # noqa: PLC0415 - see above

    sockets.close_in_forks(sock)
    emit = record_writer(as_json=options.as_json)
    if options.targets:
        emit({"type": "loading", "targets": options.targets})
    try:
        given = load_targets(options)
    except (TargetError, CodeError) as error:
        emit(problem(error, final=True))
        return Exit.USAGE if isinstance(error, TargetError) else Exit.FAILED
    logs.set_up(emit)

    async def serving() -> None:
        stop = Stop()
        take_signals(stop.ask, asyncio.get_running_loop())
        await serve(given, options, sock, emit, stop)

    if options.targets:
        asyncio.run(serving())
    else:
        run(serving())
    emit({"type": "stopped"})
    return Exit.OK
