"""A worker of `inngest dev`: loads the user's code and serves it, until the supervisor asks it to stop or is gone."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from inngest.cli.errors import Exit
from inngest.cli.http_server import Stop
from inngest.cli.loading import CodeError, TargetError, files_of, source_files
from inngest.cli.sockets import close_in_forks
from inngest.embedded.errors import EngineConfigError
from inngest.engine.errors import StoreError
from inngest.sdk.errors import EngineBindingError

from . import logs
from .event_log import Emit
from .log_output import record_writer
from .options import Options
from .serving import Given, load_targets, problem, serve

Loaded = tuple[Given, Exception | None]
"""What there is to run, and why it cannot be loaded."""


class Link:
    """The pipes to the supervisor: it says when to stop, and is told what to watch and whether to give up.

    Args:
        inbox: descriptor to read from; at its end the supervisor is gone.
        outbox: descriptor to write to.
    """

    def __init__(self, inbox: int, outbox: int) -> None:
        self._inbox = os.fdopen(inbox, "rb", buffering=0)
        self._outbox = os.fdopen(outbox, "wb", buffering=0)
        close_in_forks(self._inbox, self._outbox)

    def send(self, message: Mapping[str, object]) -> None:
        """Tell the supervisor, if it is there."""
        line = json.dumps(message).encode() + b"\n"
        try:
            while line:  # a signal may cut it
                line = line[self._outbox.write(line) :]
        except BrokenPipeError:
            return

    async def listen(self, stop: Stop, sock: socket.socket) -> None:
        """Wait for the supervisor's word, or its end: then nobody keeps the port, and another may have it."""
        reader = asyncio.StreamReader()
        await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), self._inbox)
        line = await reader.readline()
        if line:
            message = json.loads(line)
            stop.ask(message["reason"], message["files"])
        else:
            sock.close()
            stop.ask("the supervisor is gone")


class Life(NamedTuple):
    """The place of a worker among those of a supervisor."""

    first: bool  # there was none before it
    told_until: int | None  # until when (unix ms) those before it have told which runs were cancelled


async def work(loaded: Loaded, options: Options, sock: socket.socket, emit: Emit, link: Link, life: Life) -> int:
    """Serve what was loaded; the exit code."""
    given, failure = loaded
    stop = Stop()
    loop = asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.ask, "terminated")
    listening = asyncio.ensure_future(link.listen(stop, sock))
    try:
        if failure is None:
            try:
                await _serve(given, options, sock, emit, stop, link, life)
            except (EngineConfigError, EngineBindingError) as error:
                failure = error
        if failure is not None:
            final = life.first and isinstance(failure, TargetError)
            emit(problem(failure, final=final))
            if final:
                link.send({"give_up": Exit.USAGE})
                return Exit.USAGE
            await _serve([], options, sock, emit, stop, link, life)
    except StoreError as error:
        emit(problem(error, final=True))
        link.send({"give_up": Exit.UNREACHABLE})
        return Exit.UNREACHABLE
    finally:
        listening.cancel()
    return Exit.OK


def _load(options: Options, link: Link) -> Loaded:
    """Import the code, and say which files are to be watched."""
    try:
        loaded: Loaded = load_targets(options), None
    except (TargetError, CodeError) as error:
        loaded = [], error
    failure = loaded[1]
    link.send({"files": source_files(files_of(failure) if isinstance(failure, CodeError) else ())})
    return loaded


async def _serve(
    given: Given, options: Options, sock: socket.socket, emit: Emit, stop: Stop, link: Link, life: Life
) -> None:
    if sock.fileno() < 0:  # the supervisor is gone already
        return
    served = sock.dup()
    close_in_forks(served)
    told_until = await serve(
        given, options, served, emit, stop, **life._asdict(), on_serving=lambda: link.send({"serving": True})
    )
    link.send({"told_until": told_until})


def main(arguments: Sequence[str]) -> int:
    """Be a worker.

    Args:
        arguments: options as JSON; descriptors of the socket, the inbox and the outbox; "first" or "again"; until when
            (unix ms) workers before it have told which runs were cancelled, or nothing.
    """
    options = Options.from_json(arguments[0])
    descriptor, inbox, outbox = map(int, arguments[1:4])
    signal.signal(signal.SIGINT, _leave_it_to_the_supervisor)
    emit = record_writer(as_json=options.as_json)
    for inherited in (descriptor, inbox, outbox):  # what the user's code starts must not keep the port
        os.set_inheritable(inherited, False)
    link = Link(inbox, outbox)
    with socket.socket(fileno=descriptor) as sock:
        close_in_forks(sock)
        loaded = _load(options, link)  # with no event loop running: the code may use one of its own
        logs.set_up(emit)
        life = Life(arguments[4] == "first", int(arguments[5]) if arguments[5] else None)
        return asyncio.run(work(loaded, options, sock, emit, link, life))


def _leave_it_to_the_supervisor(*_: object) -> None:
    """Ctrl-C reaches both; a handler, unlike SIG_IGN, is not inherited by what the user's code starts."""


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
