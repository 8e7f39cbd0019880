"""A process with an engine, that does as it is told until it is killed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import inngest
from inngest.errors import StoreError
from tests.processes import Talk

from . import functions, limited
from .ledger import Pen

if TYPE_CHECKING:
    from .world import Mishaps, World


@dataclass(frozen=True)
class Order:
    """An event to send."""

    kind: str
    key: str  # also its id: sent again, it starts nothing again

    def event(self) -> inngest.Event:
        """The event."""
        key = limited.cause_of(self.key)
        return inngest.Event(name=f"kill/{self.kind}", id=self.key, data={"key": key, "tenant": limited.tenant_of(key)})


@dataclass(frozen=True)
class Send:
    """Send batches of events, one after another."""

    batches: Sequence[Sequence[Order]]


@dataclass(frozen=True)
class Hold:
    """Handlers stay in, from the n-th that begins now on; None: no more, and those that are in go on."""

    number: int | None


@dataclass(frozen=True)
class Pause:
    """Pause the function `paused`, or resume it."""

    on: bool


@dataclass(frozen=True)
class Meet:
    """Something happens to the next transaction; see `world`."""

    what: str


@dataclass(frozen=True)
class Stop:
    """Stop as one should."""


Command = Send | Hold | Pause | Meet | Stop

AGAIN = 0.05
"""Seconds until a worker of a fleet sends again what was refused: its database is away, or full."""


def work(
    talk: Talk, folder: Path, database: str, number: int, first: Sequence[Command], world: World | None = None
) -> None:
    """The process; it is of a fleet if it has a world."""
    pen, gate = Pen(folder / "ledger", number), functions.Gate()
    worker = Worker(pen, gate, functions.app(pen, gate))
    if world is not None:
        limited.app(pen, gate, worker.client)
        worker.mishaps = world.enter(pen)
    pen.write("starting")
    asyncio.run(_work(talk, database, first, worker, 2_000 if world is None else world.lease))


class Worker:
    """What a worker does when it is told to.

    Args:
        pen: into the ledger.
        gate: of its handlers.
        client: of its functions.

    Attributes:
        mishaps: of a worker of a fleet, whose database may be away for a while.
    """

    def __init__(self, pen: Pen, gate: functions.Gate, client: inngest.Inngest) -> None:
        self.pen = pen
        self.client = client
        self.stop = asyncio.Event()
        self.tasks: set[asyncio.Task[None]] = set()
        self.mishaps: Mishaps | None = None
        self._gate = gate

    def obey(self, engine: inngest.Engine, command: object) -> None:
        """Do it, or begin to."""
        loop = asyncio.get_running_loop()
        match command:
            case Send(batches):
                self.tasks.add(loop.create_task(self._send(engine, batches)))
            case Hold(number):
                self._gate.hold_from(number)
            case Pause(on):
                self.tasks.add(loop.create_task(self._pause(engine, on=on)))
            case Meet(what):
                assert self.mishaps is not None
                self.mishaps.ask_for(what)
            case Stop():
                self.stop.set()
            case _:
                raise AssertionError(f"not a command: {command!r}")

    async def _send(self, engine: inngest.Engine, batches: Sequence[Sequence[Order]]) -> None:
        for batch in batches:
            for order in batch:
                self.pen.write("sending", order.key)
            events = [order.event() for order in batch]
            await self._again_and_again(lambda events=events: engine.send(events))  # type: ignore[misc]
            for order in batch:
                self.pen.write("acked", order.key)

    async def _pause(self, engine: inngest.Engine, *, on: bool) -> None:
        if not on:
            self.pen.write("resuming")
        await self._again_and_again(lambda: (engine.pause if on else engine.resume)("kill-paused"))
        if on:
            self.pen.write("paused")

    async def _again_and_again(self, do: Callable[[], Awaitable[object]]) -> None:
        while True:
            try:
                await do()
            except StoreError:
                if self.mishaps is None:
                    raise
                await asyncio.sleep(AGAIN)
            else:
                return


async def _work(talk: Talk, database: str, first: Sequence[Command], worker: Worker, lease: int) -> None:
    loop = asyncio.get_running_loop()
    engine = inngest.Engine(
        worker.client, database=database, retry_interval=0, drain_timeout=60_000, max_steps=100, lease=lease
    )
    for command in first:
        if isinstance(command, Hold):  # what is taken over begins while the engine starts
            worker.obey(engine, command)
    async with engine:
        worker.pen.write("started")
        for command in first:
            if not isinstance(command, Hold):
                worker.obey(engine, command)
        loop.add_reader(talk.fileno(), lambda: worker.obey(engine, talk.hear()))
        await worker.stop.wait()
        loop.remove_reader(talk.fileno())
        await asyncio.gather(*worker.tasks)
