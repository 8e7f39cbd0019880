"""Enter one function again and again, with a crash after any of its records: an engine's memory alone."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any

from inngest import Inngest, TriggerEvent
from inngest.embedded.local_invoker import LocalInvoker
from inngest.engine.domain.advance import Moment, advance, woken
from inngest.engine.domain.model import Changes, Policy, RunState
from inngest.protocol import codec
from inngest.protocol.calls import Advice, Call, Completed, EventData, Failed, Outcome, Recorded
from inngest.protocol.opcodes import Memo, Op
from inngest.runtime.clock import SystemClock
from inngest.runtime.threads import FunctionThreads

POLICY = Policy(max_steps=100, retry_interval=0)


class Unstoppable(asyncio.Future[Recorded]):
    """What a recorder promises: cancelling it does nothing."""

    def cancel(self, msg: object | None = None) -> bool:
        return False


class Memory:
    """What is recorded of one run; the recorder of its invocations.

    Args:
        crash_at: which record, from 0, is the last that is written: the invocation loses its run after it. None: none.
        hold: records are written at once, and answered when `answer` is called.
    """

    def __init__(self, crash_at: int | None = None, *, hold: bool = False) -> None:
        self.state = RunState("RUN", "test-f", 4)
        self.memos: list[Memo] = []
        self.records = 0
        self.slots = None
        self.crash_at = crash_at
        self.crashed = False
        self._hold = hold
        self._held: list[tuple[Unstoppable, Recorded]] = []
        self._clock = SystemClock(asyncio.get_running_loop())

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded]:
        future = Unstoppable(loop=asyncio.get_running_loop())
        if self.crashed:
            future.set_result(Recorded(Advice.STOP, ()))
            return future
        answer = Recorded(Advice.GO_ON, tuple(self._write(advance(self.state, ops, None, POLICY, self._now()))))
        if self.records - 1 == self.crash_at:
            self.crashed = True
            answer = Recorded(Advice.STOP, ())
        self._held.append((future, answer))
        if not self._hold:
            asyncio.get_running_loop().call_soon(self.answer)
        return future

    def answer(self) -> None:
        """Answer the record that has waited longest."""
        future, answer = self._held.pop(0)
        future.set_result(answer)

    @property
    def held(self) -> int:
        """How many records wait for an answer."""
        return len(self._held)

    def _write(self, changes: Changes) -> Sequence[Any]:
        self.records += 1
        self.state.apply(changes)
        self.memos.extend(changes.memos)
        return changes.entries

    def _now(self) -> Moment:
        return Moment(self._clock.now(), 0.5)

    async def enter(self, invoker: LocalInvoker) -> Outcome:
        """One invocation, with what was recorded before."""
        self.memos.extend((changes := woken(self.state, POLICY, self._now()).changes).memos)
        self.state.apply(changes)
        events = [EventData("E", "test/start", "{}", 0)]
        defers = {hashed: not defer.aborted for hashed, defer in self.state.defers.items()}
        call = Call("RUN", "test-f", 0, 5, events, tuple(self.memos), tuple(self.state.open.values()), defers)
        return await invoker.invoke(call, self)

    async def again(self, body: Any) -> object:
        """Enter it once more with all that is recorded, which must suffice; its result."""
        before = self.records
        result = await self.until_done(body)
        assert self.records == before, "a replay recorded more"
        return result

    async def until_done(self, body: Any) -> object:
        """Enter it until it has ended; its result."""
        threads = FunctionThreads(8)
        function = Inngest(app_id="test").create_function(fn_id="f", trigger=TriggerEvent(event="test/start"))(body)
        invoker = LocalInvoker([function], self._clock, threads)
        try:
            while True:
                outcome = await self.enter(invoker)
                if self.crashed:
                    self.crashed, self.crash_at = False, None
                    continue
                if isinstance(outcome, Completed):
                    self.state.apply(advance(self.state, (), outcome, POLICY, self._now()))
                    return codec.loads(outcome.data)
                assert not isinstance(outcome, Failed), outcome
                self._write(advance(self.state, (), outcome, POLICY, self._now()))
                await self._due()
        finally:
            threads.close()

    async def _due(self) -> None:
        due = asyncio.Event()
        open_steps = self.state.open.values()
        self._clock.call_at(min((step.due_at for step in open_steps), default=0), due.set)
        await due.wait()


async def after_each_crash(body: Any) -> tuple[object, list[str]]:
    """Run a body without a crash, and then with one after each of its records; it must end the same way each time.

    Its result, and its steps as they were recorded: `id`, or `-id` if it was given up. What it defers must be the same,
    too.
    """
    smooth = Memory()
    result = await smooth.until_done(body)
    steps, defers = told(smooth.memos), deferred(smooth)
    for crash_at in range(smooth.records):
        broken = Memory(crash_at)
        assert await broken.until_done(body) == result, f"crashed after record {crash_at}"
        assert told(broken.memos) == steps, f"crashed after record {crash_at}"
        assert deferred(broken) == defers, f"crashed after record {crash_at}"
    return result, steps


def deferred(memory: Memory) -> list[tuple[str, str, bool]]:
    """What is deferred, in order: id, data, and whether it was aborted."""
    return [(defer.step.text, defer.data, defer.aborted) for defer in memory.state.defers.values()]


def told(memos: Sequence[Memo]) -> list[str]:
    return sorted(f"-{memo.step.text}" if memo.cancelled else memo.step.text for memo in memos)
