"""One run whose code changes between its invocations, in virtual time: an engine's memory alone.

`Story.live` enters a body until the run waits for nothing but time, ends, or its worker dies; what each body did is
listed in `did`. A later body of the same story finds what earlier ones recorded.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import inngest
from inngest.embedded.local_invoker import LocalInvoker
from inngest.engine.domain.advance import Moment, advance, woken
from inngest.engine.domain.model import Changes, Ended, Hold, Policy, Released, RunState
from inngest.protocol import codec
from inngest.protocol.calls import Advice, Call, EventData, Outcome, Recorded
from inngest.protocol.opcodes import Memo, Op, OpenStep
from inngest.runtime.threads import FunctionThreads
from tests.simulation.loop import STRAND, SimLoop
from tests.simulation.ports import SimClock
from tests.simulation.threads import BatonThreads

POLICY = Policy(max_steps=100, retry_interval=1_000)

ENTRIES = 40
"""Entries of one body after which its run is taken to be entered without end."""


class Story:
    """One run, and what became of it.

    Args:
        retries: of each step, and of the body.
        options: of the function, as `create_function` takes them.
        middleware: of the client.
    """

    def __init__(self, *, retries: int = 4, middleware: Sequence[type] = (), **options: Any) -> None:
        self.state = RunState("RUN", "app-f", retries)
        self.follows = False
        self.memos: list[Memo] = []
        self.did: list[str] = []  # steps whose handlers began, of the last body
        self._tries: Counter[str] = Counter()  # at handlers, of all bodies
        self.outcomes: list[Outcome] = []
        self.ended: Ended | None = None
        self.hold: Hold | None = None
        self.due_at: int | None = None
        self.slots = None
        self.loop = SimLoop(random.Random("story"))
        self.clock = SimClock(self.loop, 0)
        self.threads = BatonThreads(self.loop, 8, lambda: 0)
        self._client = inngest.Inngest(app_id="app", is_production=False, middleware=list(middleware))
        self._options = options
        self._records: int | None = None  # that are written yet before the worker dies
        self._dead = asyncio.Event()  # since a moment after the last of them

    # -- what bodies call

    def does(self, name: str, value: object = None, *, ms: int = 0, fails: int = 0) -> Callable[[], Awaitable[object]]:
        """A handler; it fails so many times."""

        async def handler() -> object:
            self.did.append(name)
            self._tries[name] += 1
            await asyncio.sleep(ms / 1_000)
            if self._tries[name] <= fails:
                raise ValueError(name)
            return name if value is None else value

        return handler

    def does_plain(self, name: str) -> Callable[[], str]:
        """A handler of a plain function."""

        def handler() -> str:
            self.did.append(name)
            return name

        return handler

    # -- the recorder

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded]:
        """See `Recorder.record`."""
        future: asyncio.Future[Recorded] = asyncio.get_running_loop().create_future()
        if self._records == 0:  # the worker is dead: nobody answers
            return future
        changes = self._write(ops, None)
        answer = Recorded(Advice.GO_ON, tuple(changes.entries))
        if self._records is not None:
            self._records -= 1
            if self._records == 0:
                asyncio.get_running_loop().call_later(0.001, self._dead.set)
        asyncio.get_running_loop().call_soon(_answer, future, answer)
        return future

    def _write(self, ops: Sequence[Op], outcome: Outcome | None) -> Changes:
        changes = advance(self.state, ops, outcome, POLICY, Moment(self.clock.now(), 0.5))
        self.state.apply(changes)
        self.memos.extend(changes.memos)
        self.follows = self.follows or changes.follows
        self.hold = self.state.code.hold
        if isinstance(changes.transition, Ended):
            self.ended = changes.transition
        elif isinstance(changes.transition, Released):
            self.due_at = changes.transition.due_at
        return changes

    # -- living

    def live(self, body: Any, *, records: int | None = None, ms: int | None = None, holds: int = 0) -> None:
        """Enter a body until the run has ended, waits for ever, or is put on hold.

        Args:
            body: a coroutine function, or a plain one.
            records: the worker dies when so many records were written, and the next is asked for.
            ms: it dies when so much time has passed.
            holds: so often the run is entered again after it was put on hold.
        """
        self.did = []
        self.outcomes = []
        self._records = records
        function = self._client.create_function(
            fn_id="f", retries=self.state.retries, trigger=inngest.TriggerEvent(event="app/f"), **self._options
        )(body)
        self._client = inngest.Inngest(app_id="app", is_production=False, middleware=list(self._client.middleware))
        self.loop.drive(self._live(function, ms, holds))

    async def _live(self, function: Any, ms: int | None, holds: int) -> None:
        STRAND.set("story")
        dies = asyncio.create_task(asyncio.sleep(10**9 if ms is None else ms / 1_000))
        self._dead = asyncio.Event()
        threads: Any = self.threads
        assert isinstance(threads, FunctionThreads | BatonThreads)
        for _ in range(ENTRIES):
            entry = asyncio.create_task(LocalInvoker([function], self.clock, threads).invoke(self.call(), self))
            dead = asyncio.create_task(self._dead.wait())
            await asyncio.wait((entry, dies, dead), return_when=asyncio.FIRST_COMPLETED)
            dead.cancel()
            if not entry.done():
                self._records = 0
                entry.cancel()
                await asyncio.wait((entry,))
                break
            outcome = entry.result()
            self.outcomes.append(outcome)
            self._write((), outcome)
            if self.ended is not None or self.due_at is None or (self.hold is not None and holds == 0):
                break
            holds -= self.hold is not None
            await asyncio.wait((dies,), timeout=max(0, self.due_at - self.clock.now()) / 1_000)
            if dies.done():
                break
        else:
            raise AssertionError(f"entered {ENTRIES} times: {self.outcomes}")
        dies.cancel()
        await asyncio.wait((dies,))

    def tear_down(self, body: Any, turns: int) -> None:
        """Enter a body once; after so many turns its loop ends as `asyncio.run` ends one: all tasks are cancelled."""
        function = self._client.create_function(
            fn_id="f", retries=self.state.retries, trigger=inngest.TriggerEvent(event="app/f"), **self._options
        )(body)
        self._client = inngest.Inngest(app_id="app", is_production=False, middleware=list(self._client.middleware))
        self._records = None
        self.loop.drive(self._tear_down(function, turns))

    async def _tear_down(self, function: Any, turns: int) -> None:
        STRAND.set("story")
        threads: Any = self.threads
        entry = asyncio.create_task(LocalInvoker([function], self.clock, threads).invoke(self.call(), self))
        for _ in range(turns):
            await asyncio.sleep(0)
        for task in sorted(asyncio.all_tasks() - {asyncio.current_task(), entry}, key=id):
            task.cancel()
        entry.cancel()  # asyncio has no order for this: the engine's own task may be the last
        await asyncio.wait((entry,))

    def call(self) -> Call:
        """What the function is entered with."""
        changes, _ = woken(self.state, POLICY, Moment(self.clock.now(), 0.5))
        self.state.apply(changes)
        self.memos.extend(changes.memos)
        state = self.state
        return Call(
            "RUN",
            "app-f",
            state.attempt,
            state.retries + 1,
            [EventData("E", "app/f", "{}", 0)],
            tuple(self.memos),
            tuple(state.open.values()),
            {hashed: not defer.aborted for hashed, defer in state.defers.items()},
            self.follows,
            state.code.holds,
            state.code.hold is not None,
            state.code.patches,
        )

    # -- what is to be seen

    @property
    def seconds(self) -> float:
        """Of the story so far, to the hundredth."""
        return round(self.loop.now_us / 1e6, 2)

    @property
    def steps(self) -> list[str]:
        """What is recorded, in order; `-x` if it was given up, `?x` if it is open."""
        open_steps = sorted(self.state.open.values(), key=lambda step: step.created_at)
        return [*map(_told, self.memos), *map(_told, open_steps)]

    @property
    def result(self) -> object:
        """What the run returned."""
        assert self.ended is not None, self.hold
        assert self.ended.output is not None, self.ended
        return codec.loads(self.ended.output)

    @property
    def why(self) -> tuple[str, str, str] | None:
        """Sign, recorded step and call of the hold."""
        return None if self.hold is None else (self.hold.sign.value, self.hold.step, self.hold.call)

    def close(self) -> None:
        """The story is over."""
        self.loop.end()
        self.threads.abandon()


def _answer(future: asyncio.Future[Recorded], answer: Recorded) -> None:
    if not future.done():
        future.set_result(answer)


def _told(entry: Memo | OpenStep) -> str:
    if isinstance(entry, OpenStep):
        return f"?{entry.step.text}"
    return f"-{entry.step.text}" if entry.cancelled else entry.step.text
