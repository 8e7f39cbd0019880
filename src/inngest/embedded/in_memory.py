"""An engine that has its database in memory and for itself, and whose time is moved by hand: that of tests."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from inngest.engine.domain.model import FunctionSpec
from inngest.engine.observers import Observers
from inngest.engine.store.dialects import Found
from inngest.engine.store.dialects.sqlite.memory import NAME, MemoryDatabase
from inngest.runtime.idle import LoopIdle
from inngest.runtime.ids import SeededIds
from inngest.runtime.inline_executor import InlineExecutor
from inngest.runtime.ports import HttpClient
from inngest.runtime.threads import FunctionThreads
from inngest.runtime.virtual_clock import VirtualClock
from inngest.sdk.client import Inngest
from inngest.sdk.function import Function

from .assembly import Assembly, Runtime, assemble
from .reader import Reader
from .settings import DatabaseName, Settings, check, flag

THREADS = 256
"""Plain functions that run at a time: as many as a test begins, and no more threads than it needs."""


UNUSED = "sqlite:///unused.db"
"""Stands for the database where arguments are checked, and is never opened."""


class World(NamedTuple):
    """The surroundings of an engine."""

    start: int  # unix ms at which its clock begins
    seed: int  # of its ids, and of jitter
    http: HttpClient  # answers requests of steps
    observers: Observers  # are told what it does


class InMemory(NamedTuple):
    """An engine in memory, with the parts of its world that are moved, or asked, by hand."""

    engine: Assembly
    clock: VirtualClock
    executor: InlineExecutor
    database: MemoryDatabase
    reader: Reader  # of what is committed


def settings_of(
    functions: Sequence[Function[Any] | Inngest] | Inngest, retry_interval: float | None, *, always_replay: bool
) -> Settings:
    """The checked arguments of such an engine.

    Args:
        functions: what it runs: functions, and clients for all functions of their apps.
        retry_interval: seconds between attempts, instead of the backoff table.
        always_replay: runs are entered again after each record.

    Raises:
        EngineConfigError: `argument: expected …, got …`.
    """
    given = check(
        functions,
        database=UNUSED,
        retry_interval=retry_interval,
        max_steps=1_000,
        max_runs_in_flight=10_000,
        thread_pool_size=THREADS,
        drain_timeout=0,
        durability="normal",
        retention=None,
        max_takeovers=10,
        transactions=None,
    )
    replays = flag("always_replay", always_replay)
    return given._replace(database=DatabaseName(NAME, None, NAME), always_replays=replays)


def in_memory(
    settings: Settings,
    specs: Sequence[FunctionSpec],
    world: World,
    stirred: Callable[[], object] = lambda: None,
) -> InMemory:
    """Put an engine together that runs on the running loop.

    Args:
        settings: how it runs, of `settings_of`.
        specs: its functions, as the engine knows them.
        world: what there is around it.
        stirred: called whenever it has something to read or write, or waits for time.
    """
    loop = asyncio.get_running_loop()
    database, alone = MemoryDatabase(), Alone()
    clock, executor = VirtualClock(loop, world.start, stirred), InlineExecutor(loop, stirred)
    runtime = Runtime(
        clock=clock,
        ids=SeededIds.of(world.seed),
        idle=LoopIdle(loop),
        threads=FunctionThreads(THREADS),
        executor=executor,
        database=database,
        liveness=alone,
        http=world.http,
        host="test",
        pid=0,
        by_hand=True,
    )
    reader = Reader(Found(database, alone, lambda: clock.now() * 1_000_000))
    return InMemory(assemble(settings, specs, runtime, world.observers), clock, executor, database, reader)


class Alone:
    """The `Liveness` of the only worker of a database."""

    def __init__(self) -> None:
        self.lease: int | None = None
        self._held: set[str] = set()

    def is_heard(self) -> bool:
        return True

    def may_begin(self) -> bool:
        return True

    def is_over(self, session_id: str) -> bool:
        return False

    def hold(self, session_id: str) -> None:
        self._held.add(session_id)

    def release(self, session_id: str) -> None:
        self._held.discard(session_id)

    def alive(self, session_id: str) -> bool:
        return session_id in self._held

    def show(self, session_id: str) -> bool:
        return False

    def is_unknown(self, session_id: str) -> bool:
        return False

    def forget(self, session_id: str) -> None:
        """Nothing is kept."""
