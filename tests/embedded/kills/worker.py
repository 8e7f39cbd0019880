"""A process with an engine, that does as it is told until it is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import inngest
from tests.processes import Talk

from . import functions
from .ledger import Pen


@dataclass(frozen=True)
class Order:
    """An event to send."""

    kind: str
    key: str  # also its id: sent again, it starts nothing again

    def event(self) -> inngest.Event:
        """The event."""
        return inngest.Event(name=f"kill/{self.kind}", id=self.key, data={"key": self.key})


@dataclass(frozen=True)
class Send:
    """Send batches of events, one after another."""

    batches: Sequence[Sequence[Order]]


@dataclass(frozen=True)
class Hold:
    """Handlers stay in, from the n-th that begins now on; None: no more."""

    number: int | None


@dataclass(frozen=True)
class Stop:
    """Stop as one should."""


Command = Send | Hold | Stop


def work(talk: Talk, folder: Path, database: str, number: int, first: Sequence[Command]) -> None:
    """The process."""
    pen, gate = Pen(folder / "ledger", number), functions.Gate()
    pen.write("starting")
    asyncio.run(_work(talk, database, first, pen, gate))


async def _work(talk: Talk, database: str, first: Sequence[Command], pen: Pen, gate: functions.Gate) -> None:
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    sending: set[asyncio.Task[None]] = set()
    client = functions.app(pen, gate)
    engine = inngest.Engine(
        client, database=database, retry_interval=0, drain_timeout=60_000, max_steps=100, lease=2_000
    )

    def obey(command: object) -> None:
        match command:
            case Send(batches):
                sending.add(loop.create_task(_send(engine, pen, batches)))
            case Hold(number):
                gate.hold_from(number)
            case Stop():
                stop.set()
            case _:
                raise AssertionError(f"not a command: {command!r}")

    for command in first:
        if isinstance(command, Hold):  # what is taken over begins while the engine starts
            obey(command)
    async with engine:
        pen.write("started")
        for command in first:
            if not isinstance(command, Hold):
                obey(command)
        loop.add_reader(talk.fileno(), lambda: obey(talk.hear()))
        await stop.wait()
        loop.remove_reader(talk.fileno())
        await asyncio.gather(*sending)


async def _send(engine: inngest.Engine, pen: Pen, batches: Sequence[Sequence[Order]]) -> None:
    for batch in batches:
        for order in batch:
            pen.write("sending", order.key)
        await engine.send([order.event() for order in batch])
        for order in batch:
            pen.write("acked", order.key)
