"""The same run in process: entered with `Mode.RUN`, decided by the engine's own domain, and kept in memory."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from inngest.engine.domain.advance import Moment, advance, woken
from inngest.engine.domain.model import Changes, Ended, Policy, Released, RunState
from inngest.protocol.calls import Advice, Call, EventData, Outcome, Recorded
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Arrival, Memo, Op
from inngest.runtime.idle import LoopIdle
from inngest.sdk.function import Function
from inngest.sdk.invocation.enter import FunctionEntry
from tests.simulation.loop import STRAND

from .world import RETRY, RUN_ID, End, World, finished, later, loaded

POLICY = Policy(max_steps=1_000, retry_interval=RETRY)


class InProcess:
    """Runs one run: the recorder of its invocations.

    Args:
        world: where it is.
        function: what runs.
        retries: of each step, and of the body.
        data: JSON text of its event's data.
    """

    slots = None

    def __init__(self, world: World, function: Function[object], retries: int, data: str) -> None:
        self._world = world
        self._function = function
        self._retries = retries
        self._data = data
        self._state = RunState(RUN_ID, function.id, retries)
        self._memos: list[Memo] = []
        self._entry: FunctionEntry | None = None
        self._came: asyncio.Event

    def drive(self) -> End:
        """Run it to its end."""
        return self._world.loop.drive(self._main())

    async def _main(self) -> End:
        STRAND.set("run")
        self._came, clock = asyncio.Event(), self._world.clock
        idle = LoopIdle(asyncio.get_running_loop())
        while True:
            changes, _ = woken(self._state, POLICY, self._moment())
            self._take(changes)
            self._came.clear()
            handler = self._function.handler
            self._entry = FunctionEntry(self._function, handler, self._call(), self, clock, self._world.threads, idle)
            ended = self._conclude(await self._entry.run())
            if isinstance(ended, Ended):
                return self._end(ended)
            wait = None if ended.due_at is None else max(0, ended.due_at - clock.now()) / 1000
            came = asyncio.ensure_future(self._came.wait())
            await asyncio.wait([came], timeout=wait)
            came.cancel()

    def _call(self) -> Call:
        state = self._state
        return Call(
            RUN_ID,
            self._function.id,
            state.attempt,
            self._retries + 1,
            [EventData("01J00000000000000000000001", "test/started", self._data, 1)],
            list(self._memos),
            tuple(state.open.values()),
            {hashed: not defer.aborted for hashed, defer in state.defers.items()},
            patches=state.code.patches,
        )

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded]:
        changes = self._take(advance(self._state, ops, None, POLICY, self._moment()))
        return later(Recorded(Advice.GO_ON, changes.entries))

    def _conclude(self, outcome: Outcome) -> Ended | Released:
        changes = self._take(advance(self._state, (), outcome, POLICY, self._moment()))
        assert changes.transition is not None
        return changes.transition

    def _take(self, changes: Changes) -> Changes:
        for signal in changes.signals:  # the store says whom it woke
            self._world.signals.append(signal.name)
            told = {memo.step.hash: memo for memo in changes.memos if memo.step.hash == signal.hash}
            told = {hashed: memo._replace(data=f'"woken by {signal.name}"') for hashed, memo in told.items()}
            changes = changes._replace(
                memos=[told.get(memo.step.hash, memo) for memo in changes.memos],
                entries=[told.get(entry.step.hash, entry) for entry in changes.entries],
            )
        self._state.apply(changes)
        self._memos.extend(changes.memos)
        self._world.note(changes.sent)
        for wait in changes.waits:
            text = wait.step.step.text
            if text in self._world.arrivals:
                after, answer = self._world.arrivals[text]
                asyncio.get_running_loop().call_later(after / 1000, self._arrive, wait.step.step.hash, answer)
        return changes

    def _arrive(self, hashed: str, answer: str | ErrorInfo) -> None:
        if hashed not in self._state.open:
            return
        error = answer if isinstance(answer, ErrorInfo) else None
        data = answer if isinstance(answer, str) else None
        self._state.arrived[hashed] = Arrival(RUN_ID, hashed, data, error, self._world.clock.now())
        self._came.set()
        if self._entry is not None:
            self._entry.invocation.arrived([hashed])

    def _moment(self) -> Moment:
        return Moment(self._world.clock.now(), 0.0)

    def _end(self, ended: Ended) -> End:
        memos = [finished(memo.step.text, memo) for memo in self._memos]
        self._world.deferred |= {defer.step.text: defer.aborted for defer in self._state.defers.values()}
        return End(loaded(ended.output), None if ended.error is None else ended.error.name, memos)
