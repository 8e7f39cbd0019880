"""Real processes for tests: forked from a clean one that has imported the engine, so that one starts in milliseconds.

A process is killed for real, with SIGKILL. Test and process speak through a pipe: nobody waits for time.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import random
import signal
import socket
from collections.abc import Callable, Generator, Sequence
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess

_CONTEXT = multiprocessing.get_context("forkserver")
_IMPORTED = ["pytest", "alembic.operations", "alembic.runtime.migration", "inngest.embedded.engine"]
_CONTEXT.set_forkserver_preload(_IMPORTED)

PATIENCE = 60.0
"""Seconds after which a process that says nothing is taken to hang, and the test fails."""


def preload(*modules: str) -> None:
    """Have processes find these modules imported, too. Call it before the first process is started."""
    _CONTEXT.set_forkserver_preload([*_IMPORTED, *modules])


def free_ports(count: int) -> Sequence[int]:
    """Ports that nobody is given by chance while a process is not there: the ranges for that begin above."""
    found: set[int] = set()
    chance = random.Random(os.urandom(8))  # suites that run at the same time look for others
    while len(found) < count:
        port = chance.randrange(20_000, 32_000)
        with socket.socket() as one, contextlib.suppress(OSError):
            one.bind(("127.0.0.1", port))
            found.add(port)
    return list(found)


class Talk:
    """One end of the pipe between a test and its process."""

    def __init__(self, end: Connection) -> None:
        self._end = end

    def say(self, message: object) -> None:
        """Send a message."""
        self._end.send(message)

    def hear(self) -> object:
        """The next message.

        Raises:
            EOFError: the other end is gone.
            AssertionError: it says nothing.
        """
        assert self._end.poll(PATIENCE), f"nothing was heard for {PATIENCE} s"
        return self._end.recv()

    def fileno(self) -> int:
        """What to watch for the next message."""
        return self._end.fileno()

    def expect(self, message: object) -> None:
        """The next message is this one."""
        heard = self.hear()
        assert heard == message, f"expected {message!r}, heard {heard!r}"

    def close(self) -> None:
        """Hang up."""
        self._end.close()


class Started(Talk):
    """A process, seen from its test."""

    def __init__(self, process: ForkServerProcess, end: Connection) -> None:
        super().__init__(end)
        self.process = process

    @property
    def pid(self) -> int:
        """Its number."""
        assert self.process.pid is not None
        return self.process.pid

    def kill(self) -> None:
        """SIGKILL, and wait until it is gone."""
        with contextlib.suppress(ProcessLookupError):  # it has ended meanwhile
            os.kill(self.pid, signal.SIGKILL)
        self.join()

    def join(self) -> int:
        """Wait until it has ended; its exit code, negative for a signal."""
        self.process.join(PATIENCE)
        code = self.process.exitcode
        assert code is not None, f"process {self.pid} does not end"
        return code


def start(target: Callable[..., None], *args: object) -> Started:
    """Start `target(talk, *args)` in a process of its own."""
    here, there = _CONTEXT.Pipe()
    process = _CONTEXT.Process(target=_run, args=(target, there, *args))  # not a daemon: it may have children
    process.start()
    there.close()
    return Started(process, here)


@contextlib.contextmanager
def started(target: Callable[..., None], *args: object) -> Generator[Started]:
    """The same, for a `with` block, which it does not outlive."""
    process = start(target, *args)
    try:
        yield process
    finally:
        if process.process.is_alive():
            process.kill()
        process.join()
        process.close()


def _run(target: Callable[..., None], end: Connection, *args: object) -> None:
    target(Talk(end), *args)
