"""`inngest worker`: options are checked, the code is loaded, and its functions run until the worker is told to stop."""

from __future__ import annotations

import asyncio
import contextlib
import socket
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal, NamedTuple

import typer

from inngest.cli import arguments, sockets
from inngest.cli.errors import CommandError, Exit

MAX_AT_A_TIME = 10_000

HEALTH = "expected a port, or an address and a port, such as 8080 or 0.0.0.0:8080"


class Options(NamedTuple):
    """The options of a worker, checked."""

    database: Path | str
    lease: int  # ms
    retention: int | Literal["default"] | None  # ms
    retry_interval: float | None  # seconds
    max_steps: int  # of a run
    drain: float  # seconds
    runs_in_flight: int
    threads: int
    health: tuple[str, int] | None  # where to listen


def work(targets: Sequence[str], options: Options, *, as_json: bool) -> None:
    """Run the functions of these targets until the process is told to stop.

    Args:
        targets: what to run, as the command line names it.
        options: how.
        as_json: log lines are JSON.

    Raises:
        CommandError: a target is wrong, its code cannot be loaded, or the address is taken.
        StoreError: the database cannot be used.
        EngineConfigError: the functions cannot be run.
    """
    functions = _load(targets)
    arguments.make_folder(options.database)
    with contextlib.ExitStack() as stack:
        sock = (
            None
            if options.health is None
            else stack.enter_context(sockets.listen(*options.health, ("--health", "--health")))
        )
        _run(functions, options, sock, as_json=as_json)


def checked(
    *,
    database: str,
    lease: str | None,
    retention: str | None,
    retry_interval: str | None,
    max_steps: str,
    drain: str,
    runs_in_flight: str,
    threads: str,
    health: str | None,
) -> Options:
    """The options, from the texts of the command line.

    Raises:
        CommandError: one is wrong.
    """
    return Options(
        database=arguments.database_named(database),
        lease=arguments.lease("--lease", lease),
        retention=arguments.retention("--retention", retention),
        retry_interval=arguments.seconds_at_most("--retry-interval", retry_interval, arguments.MAX_RETRY_INTERVAL),
        max_steps=arguments.max_steps(max_steps),
        drain=arguments.seconds_at_most("--drain-timeout", drain, arguments.MAX_DRAIN) or 0.0,
        runs_in_flight=arguments.whole_number("--max-runs-in-flight", runs_in_flight, 1, MAX_AT_A_TIME),
        threads=arguments.whole_number("--thread-pool-size", threads, 1, MAX_AT_A_TIME),
        health=None if health is None else _address(health),
    )


def _address(text: str) -> tuple[str, int]:
    host, colon, port = text.rpartition(":")
    number = arguments.whole(port)
    if number is None or number > arguments.MAX_PORT or (colon and not host):
        raise CommandError(f"--health: {text!r:.80} is no address", hint=HEALTH)
    return host.removeprefix("[").removesuffix("]") or "127.0.0.1", number


def _load(targets: Sequence[str]) -> Sequence[Any]:
    """The clients and functions that the targets name."""
    from inngest.cli.loading import CodeError, TargetError, load, locate  # noqa: PLC0415 - mistakes are told before

    try:
        return load([locate(target) for target in targets])
    except TargetError as error:
        raise CommandError(str(error), hint=error.hint) from None
    except CodeError as error:
        typer.echo(error.report, err=True)
        raise CommandError(str(error), code=Exit.FAILED) from None


def _run(functions: Sequence[Any], options: Options, sock: socket.socket | None, *, as_json: bool) -> None:
    from inngest.cli import server_logs  # noqa: PLC0415 - see above
    from inngest.cli.http_server import Stop, take_signals  # noqa: PLC0415 - loads uvicorn

    from .serving import serve  # noqa: PLC0415 - loads the engine

    if sock is not None:
        sockets.close_in_forks(sock)
    server_logs.set_up(as_json=as_json, beside=True)

    async def serving() -> None:
        stop = Stop()
        take_signals(stop.ask, asyncio.get_running_loop())
        await serve(functions, options, sock, stop)

    asyncio.run(serving())
