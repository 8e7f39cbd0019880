"""A simulated process: the real engine with its clock, ids, writer, threads and locks handed in."""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Callable, Coroutine, Sequence
from pathlib import Path
from typing import Any, Protocol

from inngest.embedded.assembly import Runtime, assemble
from inngest.embedded.registration import specs_of
from inngest.embedded.settings import Settings, database_named
from inngest.engine.errors import StoreError
from inngest.engine.invokers.ports import Carrier
from inngest.runtime.idle import LoopIdle
from inngest.runtime.ids import SeededIds
from inngest.sdk.function import Function

from .database import SimDatabase, busy, full, unanswered
from .faults import Fault
from .history import Committed, Died, Entry, History, Noticed, Started, Stopped, Stopping, Written
from .hosting import GoneError, Hosted
from .loop import SimLoop
from .ports import InlineExecutor, SimClock, SimHttp, SimLiveness
from .threads import BatonThreads, CrashError
from .watch import WatchedCalls, WatchedInvoker

FEW = 20
"""Callbacks that a process at most lives on after it is doomed."""

FAREWELL_US = 15_000_000
"""Microseconds in which the tasks of a loop that is torn down end, with what user code has for unwinding."""


class Realm(Protocol):
    """The world, as a process sees it."""

    loop: SimLoop
    path: Path
    history: History
    locks: set[str]
    away_until: int
    retry_interval: int | None
    max_in_flight: int
    wall: int
    max_steps: int
    requests: int
    threads: int

    def note(self, entry: Entry) -> None:
        """Something happened."""
        ...

    def now(self) -> int:
        """Microseconds since the world began."""
        ...

    def moves_away(self, process: Process, us: int) -> None:
        """The files are moved away for a while."""
        ...

    def latency(self) -> int:
        """Microseconds that something takes."""
        ...

    def boundary(self) -> tuple[int, Fault | None]:
        """The number of a commit that is to be made, and what is to happen at it."""
        ...

    def finds_busy(self, process: Process) -> bool:
        """Whether a transaction that begins finds the database busy."""
        ...

    def repeats(self, process: Process) -> bool:
        """Whether a record comes twice."""
        ...

    def deafens(self, process: Process) -> Fault | None:
        """Whether a look at what others wrote sees nothing (DEAF), or sees it the next time (LATE)."""
        ...

    def fired(self, fault: Fault, process: Process | None) -> None:
        """A fault happens."""
        ...

    def died(self, process: Process) -> None:
        """A process is gone."""
        ...


class Process(Hosted):
    """See the module.

    Args:
        world: where it lives.
        number: never used again.
        functions: what it runs.
        skew: how wrong its clock is (ms).
        chance: of its own.
        carrier: carries its calls to apps; None if it makes none.
    """

    def __init__(
        self,
        world: Realm,
        number: int,
        functions: Sequence[Function[Any]],
        skew: int,
        chance: random.Random,
        carrier: Carrier | None = None,
    ) -> None:
        super().__init__(world.loop, number)
        self.world = world
        self.lock_out = 0  # so many transactions more find the database busy
        self.full = 0  # so many commits more find no space
        self.tokens: dict[str, str] = {}  # of its claims, by run whose app it calls
        self._chance = chance
        self._hidden = False  # others wrote, and it is told of it late
        self._dies_in: int | None = None
        self._torn_in: int | None = None
        self._leaving: asyncio.Task[None] | None = None
        settings = Settings(
            functions,
            clients=(),
            database=database_named(world.path),
            retry_interval=world.retry_interval,
            max_steps=world.max_steps,
            max_runs_in_flight=world.max_in_flight,
            thread_pool_size=world.threads,
            drain_timeout=2_000,
            durable=True,
            retention=None,
            max_takeovers=10,
            requests=world.requests,
        )
        self.clock = SimClock(world.loop, skew, lambda: world.wall)
        self.locks = SimLiveness(world.locks)
        idle = LoopIdle(world.loop)
        self.executor = InlineExecutor(world.loop, self, world.latency, idle)
        self.threads = BatonThreads(world.loop, world.threads, lambda: chance.choice((0, 0, 50, 400)))
        self.database = SimDatabase(world.path, self)
        runtime = Runtime(
            self.clock,
            SeededIds(chance),
            idle,
            self.threads,
            self.executor,
            self.database,
            self.locks,
            SimHttp(chance),
            "sim",
            number,
        )._replace(carrier=carrier)
        engine = assemble(
            settings,
            specs_of(functions),
            runtime,
            around=lambda invoker: WatchedInvoker(invoker, self),
            calling=lambda *parts: WatchedCalls(self, *parts),
        )
        self.store, self.service = engine.store, engine.service

    def note(self, entry: Entry) -> None:
        """Something happened in this process; nothing does when it is gone."""
        if not self.dead:
            self.world.note(entry)

    # -- life

    async def start(self, cut: int | None = None) -> None:
        """Start the engine. Raises what `Service.start` raises, and GoneError.

        Args:
            cut: microseconds after which the start is cancelled, if it still goes on.
        """
        self.note(Started(self.now, self.number))
        await self.call(self.service.start if cut is None else lambda: self._start_for(cut))

    async def _start_for(self, us: int) -> None:
        start = self.world.loop.create_task(self.service.start())

        def give_up() -> None:
            if not start.done():
                self.world.fired(Fault.CUT_START, self)
                start.cancel()

        self.world.loop.call_at_us(self.now + us, give_up)
        await start

    def could_not_start(self, why: str) -> None:
        """A start that failed, or was cut short, has undone what had begun: the process could start anew."""
        if not self.dead:
            left = [task.get_name() for task in self.world.loop.tasks_of(self)]
            if left or self.locks.held:
                what = f"process {self.number} could not start, and left {len(left)} tasks and locks {self.locks.held}"
                self.note(Noticed(self.now, what))
        self.crash(f"could not start: {why}")

    async def stop(self) -> None:
        """Drain and end."""
        self.note(Stopping(self.now, self.number))
        await self.call(self.service.stop)
        self.note(Stopped(self.now, self.number))
        self._end()

    def pauses(self, function_id: str, on_event: str) -> Callable[[], Coroutine[Any, Any, object]]:
        """What the engine does to pause a function."""
        return lambda: self.service.control.pause(function_id, on_event)

    def resumes(self, function_id: str) -> Callable[[], Coroutine[Any, Any, object]]:
        """What the engine does to resume it."""
        return lambda: self.service.control.resume(function_id)

    def crash(self, why: str) -> None:
        """End it, between two callbacks or in the middle of one."""
        if self.dead:
            return
        self.note(Died(self.now, self.number, why))
        self._end()

    def _end(self) -> None:
        self.dead = True
        self.locks.lose()
        self.database.abandon()
        self.end()
        self.world.died(self)

    def doom(self) -> None:
        """End it after a few more of its callbacks."""
        self._dies_in = self._chance.randrange(FEW)

    def tear_down(self) -> None:
        """Cancel all its tasks at once, as `asyncio.run` does; it is gone when they have ended."""
        tasks = list(self.world.loop.tasks_of(self))
        left: set[asyncio.Task[Any]] = set(tasks)

        def ended(task: asyncio.Task[Any]) -> None:
            left.discard(task)
            if not left:
                self.crash(Fault.TORN.value)

        def linger() -> None:
            if not self.dead:
                self.note(Noticed(self.now, f"tasks of process {self.number} do not end: {left}"))
                self.crash(Fault.TORN.value)

        self.world.loop.call_at_us(self.now + FAREWELL_US, linger)
        for task in self._chance.sample(tasks, len(tasks)):  # asyncio has no order for them, either
            task.add_done_callback(ended)
            task.cancel()

    def lets_run(self, handle: asyncio.Handle) -> bool:
        """Whether a callback of it may run now."""
        if self._dies_in is not None and not self.dead:
            self._dies_in -= 1
            if self._dies_in < 0:
                self.world.fired(Fault.CRASH_KNOWN, self)
                self.crash(Fault.CRASH_KNOWN.value)
        if self._torn_in is not None and not self.dead:
            self._torn_in -= 1
            if self._torn_in < 0:
                self._torn_in = None
                self.world.fired(Fault.TORN, self)
                self.tear_down()
        return super().lets_run(handle)

    # -- the boundaries of its transactions

    def begin(self) -> None:
        """A transaction begins."""
        if self.lock_out > 0:
            self.lock_out -= 1
            raise busy()
        if self.world.finds_busy(self):
            raise busy()

    def commit(self, commit: Callable[[], None], writings: Callable[[], list[Written]]) -> None:
        """A transaction is to be committed."""
        number, fault = self.world.boundary()
        if fault is Fault.CRASH_BEFORE:
            self.world.fired(fault, self)
            raise CrashError(fault.value)
        if fault is Fault.FULL:
            self.world.fired(fault, self)
            self.full = self._chance.choice((1, 1, 2, 4))
        if self.full > 0:
            self.full -= 1
            raise full()
        changed = self.world.history.state.changes(writings())
        if fault is Fault.AWAY:
            self.world.moves_away(self, self._chance.choice((1_000, 50_000, 1_500_000)))
        try:
            commit()
        except StoreError:  # after it has happened: nobody finds it, until the files are back
            self.note(Committed(self.now, self.number, number, changed))
            raise
        self.note(Committed(self.now, self.number, number, changed))
        if fault is Fault.CRASH_AFTER:
            self.world.fired(fault, self)
            raise CrashError(fault.value)
        if fault is Fault.TORN:
            self._torn_in = self._chance.randrange(FEW)
        if fault is Fault.STOP:
            self.world.fired(fault, self)
            self._leaving = self.world.loop.create_task(self._leave())
        if fault is Fault.UNANSWERED:
            self.world.fired(fault, self)
            self.lock_out = self._chance.choice((0, 0, 3, 15, 40))  # until it can be found out
            raise unanswered()
        if fault is Fault.CRASH_KNOWN:
            self.executor.die_after_reply()

    def is_away(self) -> bool:
        """Whether the files are not where they were."""
        return self.world.now() < self.world.away_until

    async def _leave(self) -> None:
        with contextlib.suppress(GoneError):
            await self.stop()

    def repeats(self) -> bool:
        """Whether a record comes twice."""
        return self.world.repeats(self)

    def look(self, changed: bool) -> bool:
        """What a look at what others wrote is told."""
        late, self._hidden = self._hidden, False
        if not changed:
            return late
        fault = self.world.deafens(self)
        if fault is None:
            return True
        self.world.fired(fault, self)
        self._hidden = fault is Fault.LATE
        return late
