"""`inngest dev`: options are checked, and the code is served, here or by workers."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import typer

from inngest.cli import arguments
from inngest.cli.errors import CommandError, Exit

from . import sockets
from .loading import CodeError, ResolvedTarget, TargetError, locate
from .log_output import ConsoleWriter, JsonLinesWriter, record_writer
from .options import Options

CAN_RELOAD = sys.platform != "win32"
"""A worker inherits the socket, which Windows does in another way."""

MAX_RETRY_INTERVAL = 86_400.0
MAX_PORT = 65_535


def dev(
    targets: Sequence[str],
    *,
    host: str,
    port: str,
    allowed_hosts: Sequence[str],
    database: str,
    retry_interval: str | None,
    drain: str,
    reload: bool,
    as_json: bool,
) -> None:
    """Serve functions until interrupted."""
    interval = arguments.seconds("--retry-interval", retry_interval)
    if interval is not None and interval > MAX_RETRY_INTERVAL:
        raise CommandError(f"--retry-interval: expected at most 24 h, got {retry_interval!r}")
    options = Options(
        targets=tuple(targets),
        database=str(arguments.database_path(database)),
        host=host,
        allowed_hosts=tuple(allowed_hosts),
        retry_interval=interval,
        drain=arguments.seconds("--drain-timeout", drain) or 0.0,
        as_json=as_json,
    )
    number = arguments.whole_number("--port", port, 0, MAX_PORT)
    places = [_locate(target) for target in targets]
    _make_folder(Path(options.database))
    with sockets.listen(host, number) as sock:
        code = _supervise(options, places, sock) if reload and CAN_RELOAD else _serve_here(options, sock)
    raise typer.Exit(code)


def _locate(target: str) -> ResolvedTarget:
    try:
        return locate(target)
    except TargetError as error:
        raise CommandError(str(error), hint=error.hint) from None


def _make_folder(database: Path) -> None:
    """Make the folder of the database; the default one is ignored by git."""
    folder = database.parent
    if folder.is_dir():
        return
    try:
        folder.mkdir(parents=True)
        if folder.name == ".inngest":
            (folder / ".gitignore").write_text("*\n", encoding="utf-8")
    except OSError as error:
        raise CommandError(
            f"--database: the folder {folder} cannot be made: {error.strerror}", code=Exit.UNREACHABLE
        ) from None


def _supervise(options: Options, places: Sequence[ResolvedTarget], sock: socket.socket) -> int:
    from .supervisor import Supervisor  # noqa: PLC0415 - loads watchfiles

    emit = JsonLinesWriter(sys.stdout) if options.as_json else ConsoleWriter()
    return asyncio.run(Supervisor(options, places, sock, emit).run())


def _serve_here(options: Options, sock: socket.socket) -> int:
    """Load the code into this process and serve it; a change needs a restart."""
    from . import logs  # noqa: PLC0415 - loads the engine, which the supervisor does not need
    from .serving import Stop, load_targets, problem, serve  # noqa: PLC0415 - see above

    sockets.close_in_forks(sock)
    emit = record_writer(as_json=options.as_json)
    emit({"type": "loading", "targets": options.targets})
    try:
        given = load_targets(options)
    except (TargetError, CodeError) as error:
        emit(problem(error, final=True))
        return Exit.USAGE if isinstance(error, TargetError) else Exit.FAILED
    logs.set_up(emit)

    async def run() -> None:
        stop = Stop()
        _take_signals(stop.ask, asyncio.get_running_loop())
        await serve(given, options, sock, emit, stop)

    asyncio.run(run())
    emit({"type": "stopped"})
    return Exit.OK


def _take_signals(stop: Callable[[], None], loop: asyncio.AbstractEventLoop) -> None:
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
