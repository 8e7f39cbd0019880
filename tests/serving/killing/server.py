"""The process of a server: `inngest start`, without the time that a command needs to be loaded."""

from __future__ import annotations

import asyncio
import itertools
import os
from collections.abc import Collection, Sequence
from pathlib import Path

from inngest.cli.start import command
from inngest.engine.remote_run import RemoteRun
from inngest.protocol.calls import Recorded
from inngest.protocol.opcodes import Memo, Op
from tests.processes import Talk

from .app import EVENT, SIGNING

FORGETS, BELIEVES = "forgets", "believes"
"""Planted bugs: a call that does not bring the last result, and checkpoints that are taken from calls that are over."""


def serve(talk: Talk, folder: Path, number: int, port: int, app: str, plant: str) -> None:
    """Serve until it is killed.

    Args:
        talk: with the test.
        folder: where the database is.
        number: of the server.
        port: at which it listens.
        app: URL of the app, which it asks to register.
        plant: a planted bug; "" for none.
    """
    os.chdir(folder)
    descriptor = os.open(folder / f"server{number}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    os.dup2(descriptor, 2)
    if plant:
        {FORGETS: _forget, BELIEVES: _believe}[plant]()
    flags = {
        "signing_key": [SIGNING],
        "event_key": [EVENT],
        "sdk_url": [app],
        "port": str(port),
        "database": str(folder / "i.db"),
        "retry_interval": "50ms",
        "json": True,
    }
    command.start(flags, config=None)


def _forget() -> None:
    """Every fourth call does not bring the last result."""
    calls = itertools.count()

    def some(self: RemoteRun) -> Collection[Memo]:
        memos = list(self._state.done.values())
        return memos[:-1] if next(calls) % 4 == 3 else memos

    setattr(RemoteRun, "memos", property(some))  # noqa: B010 - checkers see that it is a property without a setter


def _believe() -> None:
    """Whatever comes is from the newest call."""
    checkpoint = RemoteRun.checkpoint

    def believed(self: RemoteRun, generation: int, ops: Sequence[Op]) -> asyncio.Future[Recorded] | Recorded:
        return checkpoint(self, self.generation, ops)

    RemoteRun.checkpoint = believed  # type: ignore[method-assign]
