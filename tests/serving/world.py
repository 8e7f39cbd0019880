"""The outer world of one run, with virtual time: what handlers do, and what is sent."""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import inngest
from inngest.protocol import codec
from inngest.protocol.calls import Recorded
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Memo, OpTarget, SentEvent
from inngest.sdk.client import bind
from inngest.sdk.errors import SendEventsError
from tests.simulation.loop import SimLoop
from tests.simulation.ports import SimClock
from tests.simulation.threads import BatonThreads, sleep

RUN_ID = "01J00000000000000000000000"
RETRY = 1_000
"""Milliseconds until the next attempt, if nobody asks for others."""

CANCELLED = "StepCancelledError"
"""Name of the error of a step that was given up, as servers keep it."""

Answer = str | ErrorInfo
"""What a step that waits gets: JSON text, or an error."""


class Finished(NamedTuple):
    """A finished step, as tests compare it."""

    id: str
    value: object
    error: str | None  # its name


class End(NamedTuple):
    """How a run went."""

    output: object
    error: str | None  # name of the error it failed with
    memos: Sequence[Finished]  # in their order


class World:
    """The outer world of one run: handlers that take a while, what they did, and what was sent.

    Args:
        seed: draws the order within turns.
        arrivals: what steps that wait get, by id: how long (ms) after they began, and what.
    """

    def __init__(self, seed: int, arrivals: Mapping[str, tuple[int, Answer]]) -> None:
        self.arrivals = arrivals
        self.loop = SimLoop(random.Random(seed))
        self.chance = random.Random(seed)
        self.clock = SimClock(self.loop, 0)
        self.threads = BatonThreads(self.loop, 64, lambda: self.chance.randrange(20))
        self.begun: Counter[str] = Counter()  # handlers that began, by name
        self.ended: Counter[str] = Counter()  # and that returned, or raised
        self.sent: list[tuple[str, str]] = []  # names and data of events
        self.events: list[SentEvent] = []  # the same, whole
        self.refuses = False  # it takes neither events nor signals
        self.signals: list[str] = []
        self.deferred: dict[str, bool] = {}  # by id of the defer: whether it is aborted
        self.of_this_process = True
        self.outbox = None

    def does(
        self,
        name: str,
        value: object = None,
        ms: float = 10,
        *,
        fails: int = 0,
        error: Callable[[], Exception] | None = None,
    ) -> Callable[..., Any]:
        """An async handler that takes so long, fails so often, and then gives a value: that of its arguments if any."""

        async def handler(*args: object) -> object:
            self.begun[name] += 1
            await asyncio.sleep(ms / 1000)
            return self._result(name, args, value, fails, error)

        return handler

    def does_sync(
        self,
        name: str,
        value: object = None,
        ms: float = 10,
        *,
        fails: int = 0,
        error: Callable[[], Exception] | None = None,
    ) -> Callable[..., Any]:
        """The same, plain."""

        def handler(*args: object) -> object:
            self.begun[name] += 1
            sleep(round(ms * 1000))
            return self._result(name, args, value, fails, error)

        return handler

    def _result(
        self, name: str, args: tuple[object, ...], value: object, fails: int, error: Callable[[], Exception] | None
    ) -> object:
        self.ended[name] += 1
        if self.ended[name] <= fails:
            raise ValueError(f"{name} is not ready") if error is None else error()
        return list(args) if args else value

    def _take(self) -> None:
        if self.refuses:
            raise SendEventsError("not now", [])

    # -- the client sends here

    async def send_events(self, events: Sequence[SentEvent]) -> list[str]:
        await asyncio.sleep(0.001)
        return self.note(events)

    def send_events_sync(self, events: Sequence[SentEvent]) -> list[str]:
        sleep(1_000)
        return self.note(events)

    def note(self, events: Sequence[SentEvent]) -> list[str]:
        """Events are stored; their ids."""
        self._take()
        self.events.extend(events)
        self.sent.extend((event.name, event.data) for event in events)
        return [event.id for event in events]

    async def send_signal(self, signal: OpTarget) -> str | None:
        await asyncio.sleep(0.001)
        self._take()
        self.signals.append(signal.name)
        return f"woken by {signal.name}"

    def send_signal_sync(self, signal: OpTarget) -> str | None:
        sleep(1_000)
        self._take()
        self.signals.append(signal.name)
        return f"woken by {signal.name}"


@contextmanager
def world(seed: int, client: inngest.Inngest, arrivals: Mapping[str, tuple[int, Answer]]) -> Generator[World]:
    """A world, which ends with the block."""
    one = World(seed, arrivals)
    bind(client, one)
    try:
        yield one
        assert not one.loop.troubles, one.loop.troubles
    finally:
        one.threads.abandon()
        one.loop.end()


class _Kept(asyncio.Future[Recorded]):
    """What is being recorded is recorded, whoever gives up waiting for it."""

    def cancel(self, msg: object | None = None) -> bool:
        return False


def later(answer: Recorded) -> asyncio.Future[Recorded]:
    """An answer that takes a moment."""
    future = _Kept(loop=asyncio.get_running_loop())
    asyncio.get_running_loop().call_later(0.000_5, future.set_result, answer)
    return future


def finished(step_id: str, memo: Memo) -> Finished:
    """A memo, as tests compare it."""
    if memo.cancelled:
        return Finished(step_id, None, CANCELLED)
    value = loaded(memo.data)
    if isinstance(value, dict) and value.keys() == {"signal", "data"}:
        value = value["data"]
    return Finished(step_id, value, None if memo.error is None else memo.error.name)


def loaded(text: str | None) -> object:
    return None if text is None else codec.loads(text)
