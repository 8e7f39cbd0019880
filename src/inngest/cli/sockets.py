"""The socket that a server listens on."""

from __future__ import annotations

import errno
import os
import socket
import sys
from typing import Protocol

from inngest.cli.errors import CommandError, Exit

BACKLOG = 2048


class Closable(Protocol):
    """A socket, or one end of a pipe. A protocol because those are classes of the standard library."""

    def close(self) -> None:
        """Close it; a second time does nothing."""
        ...


def close_in_forks(*open_here: Closable) -> None:
    """Forks of this process do not keep these: one that outlives it would keep the port, or its readers waiting."""
    if sys.platform != "win32":
        for one in open_here:
            os.register_at_fork(after_in_child=one.close)


def listen(host: str, port: int, options: tuple[str, str] = ("--host", "--port")) -> socket.socket:
    """A listening socket.

    Args:
        host: an address of this machine, or a name of one.
        port: 0 takes a free one.
        options: which of the command line gave the two.

    Raises:
        CommandError: the address is taken, not allowed, or none of this machine.
    """
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
    except (OSError, UnicodeError):
        raise CommandError(
            f"{options[0]}: {host!r} is no address of this machine", hint="expected 127.0.0.1 or 0.0.0.0"
        ) from None
    family, kind, protocol, _, address = found
    sock = socket.socket(family, kind, protocol)  # asyncio sets TCP_NODELAY where it is told that this is TCP
    try:
        if sys.platform != "win32":  # there it would let two servers share the port
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        sock.bind(address)
        sock.listen(BACKLOG)
    except OSError as error:
        sock.close()
        raise _explain(error, host, port, options) from None
    return sock


def _explain(error: OSError, host: str, port: int, options: tuple[str, str]) -> CommandError:
    of_host, of_port = options
    if error.errno == errno.EADDRINUSE:
        return CommandError(
            f"{of_port}: {port} is in use at {host}: another server may be running",
            hint=f"stop that one, or choose another port; {of_port} 0 takes any that is free",
            code=Exit.UNREACHABLE,
        )
    if error.errno == errno.EACCES:
        return CommandError(f"{of_port}: {port} may not be used by this user", hint="choose one from 1024 on")
    if error.errno == errno.EADDRNOTAVAIL:
        return CommandError(f"{of_host}: {host!r} is no address of this machine", hint="expected 127.0.0.1 or 0.0.0.0")
    return CommandError(f"cannot listen at {host}:{port}: {error.strerror}", code=Exit.UNREACHABLE)
