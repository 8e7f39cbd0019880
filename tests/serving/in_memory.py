"""A server in memory that drives one run of a function: strictly by the protocol, and without the protocol's bytes.

It shares nothing with the engine. Its time is virtual, and a seed draws the order within each turn of the loop.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from inngest.protocol.calls import Advice, Call, Completed, EventData, Failed, Held, Mode, Outcome, Recorded, Yielded
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import MARKS, Memo, Op, Opcode
from inngest.protocol.steps import StepName
from inngest.runtime.idle import LoopIdle
from inngest.sdk.function import Function
from inngest.sdk.invocation.enter import FunctionEntry
from inngest.sdk.serving.invocation import ServedInvocation
from tests.simulation.loop import STRAND

from .carried import answer_over_bytes, call_over_bytes
from .world import CANCELLED, RETRY, RUN_ID, Answer, End, World, finished, later, loaded

DISCOVERY = ""
LAZY = MARKS | {Opcode.DEFER_ADD, Opcode.DEFER_ABORT}
RESULTS = frozenset((Opcode.STEP_RUN, Opcode.STEP_ERROR, Opcode.STEP_FAILED, Opcode.STEP_CANCELLED))


class Style(NamedTuple):
    """How a server drives functions."""

    mode: Mode  # of its first call: REPORT, CHECKPOINT, or PLAN, which never has a step run at once
    pace: str = "said"  # who decides when branches go on: what ops say, or "wait", or "race" for all of them
    foreign: bool = False
    as_bytes: bool = False  # calls and answers are written, and read


@dataclass
class _Open:
    """A step that is planned, or waits."""

    kind: Opcode
    mode: str
    due_at: int | None  # virtual ms; None: it waits for something from outside, for as long as it takes
    attempt: int = 0
    answer: Answer = "null"
    op: Op | None = None


class Reply(NamedTuple):
    """What came back from one call."""

    ops: Sequence[Op]
    outcome: Outcome


class _Reporting:
    """The recorder of a call without checkpoints: what is recorded is the report."""

    slots = None

    def __init__(self) -> None:
        self.ops: list[Op] = []

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded] | Recorded:
        assert not self.ops, "it goes on after its report"
        self.ops.extend(ops)
        return Recorded(Advice.STOP, ())


class _Checkpointing(_Reporting):
    """The recorder of a call with checkpoints: results of steps are kept at once, all others are the report."""

    def __init__(self, server: MemoryServer) -> None:
        super().__init__()
        self._server = server

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded] | Recorded:
        if ops[-1].op is Opcode.STEP_ERROR:
            return super().record(ops)
        entries = [entry for op in ops if (entry := self._server.keep(op)) is not None]
        self._server.attempt = 0
        answer = Recorded(Advice.GO_ON, entries)
        return later(answer)


@dataclass
class MemoryServer:
    """Drives one run.

    Attributes:
        calls: what it asked for, and what came back, in words.
    """

    world: World
    function: Function[object]
    style: Style
    retries: int = 0
    data: str = "{}"
    inputs: Mapping[str, str] = field(default_factory=dict)
    memos: dict[str, Memo] = field(default_factory=dict)  # by hash, in their order
    open: dict[str, _Open] = field(default_factory=dict)
    names: dict[str, str] = field(default_factory=dict)  # ids of steps, by hash
    kinds: dict[str, Opcode] = field(default_factory=dict)  # of steps that waited, by hash
    defers: dict[str, bool] = field(default_factory=dict)
    patches: list[str] = field(default_factory=list)
    attempt: int = 0  # of the body
    due_at: int = 0  # when it may be discovered
    owed: bool = True
    ended: Outcome | None = None
    calls: list[str] = field(default_factory=list)
    failed: Counter[str] = field(default_factory=Counter)  # attempts, by id of the step; "" is the body
    _flying: set[str] = field(default_factory=set)
    _idle: int = 0

    def drive(self) -> End:
        """Drive it to its end."""
        return self.world.loop.drive(self._main())

    async def _main(self) -> End:
        self._threads_idle = LoopIdle(asyncio.get_running_loop())
        self._changed = asyncio.Event()
        tasks: set[asyncio.Task[None]] = set()
        while self.ended is None:
            for target, attempt, plan in self._due():
                self._flying.add(target)
                tasks.add(asyncio.create_task(self._call(target, attempt, plan)))
            assert tasks or self.open or self.owed, "nothing is due, and nothing waits"
            self._changed.clear()
            wait = self._next_time()
            done, _ = await asyncio.wait(
                {*tasks, asyncio.ensure_future(self._changed.wait())},
                timeout=None if wait is None else wait / 1000,
                return_when=asyncio.FIRST_COMPLETED,
            )
            for task in done & tasks:
                tasks.discard(task)
                task.result()
            self._fire()
        if tasks:  # what still runs is dropped
            await asyncio.wait(tasks)
        return self._end()

    def _end(self) -> End:
        assert self.ended is not None
        memos = [
            finished(self.names[memo.step.hash], memo)
            for memo in self.memos.values()
            if not self.names[memo.step.hash].startswith("inngest/")
        ]
        self.world.deferred |= {self.names[hashed]: aborted for hashed, aborted in self.defers.items()}
        if isinstance(self.ended, Completed):
            return End(loaded(self.ended.data), None, memos)
        assert isinstance(self.ended, Failed), self.ended
        return End(None, self.ended.error.name, memos)

    # -- which calls are due

    def _due(self) -> list[tuple[str, int, bool]]:
        now = self.world.clock.now()
        calls = [
            (hashed, step.attempt, False)
            for hashed, step in self.open.items()
            if step.kind is Opcode.STEP_PLANNED and hashed not in self._flying and (step.due_at or 0) <= now
        ]
        if self.owed and DISCOVERY not in self._flying and self.due_at <= now:
            calls.append((DISCOVERY, self.attempt, bool(self.open)))
        return calls

    def _next_time(self) -> int | None:
        now = self.world.clock.now()
        times = [
            step.due_at
            for hashed, step in self.open.items()
            if step.due_at is not None and not (step.kind is Opcode.STEP_PLANNED and hashed in self._flying)
        ]
        if self.owed and DISCOVERY not in self._flying:
            times.append(self.due_at)
        return max(0, min(times) - now) if times else None

    def _fire(self) -> None:
        """Sleeps and waits that are due are over."""
        now = self.world.clock.now()
        over = [
            (step.due_at, hashed)
            for hashed, step in self.open.items()
            if step.kind is not Opcode.STEP_PLANNED and step.due_at is not None and step.due_at <= now
        ]
        for _, hashed in sorted(over):
            answer = self.open[hashed].answer
            if self.open[hashed].kind is Opcode.WAIT_FOR_SIGNAL and isinstance(answer, str) and answer != "null":
                answer = f'{{"data":{answer},"signal":"name"}}'
            if isinstance(answer, ErrorInfo):
                self._finish(hashed, None, answer)
            else:
                self._finish(hashed, answer, None)

    # -- one call

    async def _call(self, target: str, attempt: int, plan: bool) -> None:
        STRAND.set(f"call {len(self.calls)} for {target}")  # code of users may rely on the order of its own callbacks
        mode = Mode.TARGET if target else Mode.PLAN if plan else self.style.mode
        call = Call(
            RUN_ID,
            self.function.id,
            attempt,
            self.retries + 1,
            [EventData("01J00000000000000000000001", "test/started", self.data, 1)],
            list(self.memos.values()),
            (),
            defers={hashed: not aborted for hashed, aborted in self.defers.items()},
            patches=() if self.style.foreign else tuple(self.patches),
            mode=mode,
            target=target,
            inputs=self.inputs,
            foreign=self.style.foreign,
        )
        if self.style.as_bytes:
            call = call_over_bytes(call, self.kinds)
        recorder = _Checkpointing(self) if mode is Mode.CHECKPOINT else _Reporting()
        entry = FunctionEntry(
            self.function,
            self.function.handler,
            call,
            recorder,
            self.world.clock,
            self.world.threads,
            self._threads_idle,
            ServedInvocation,
        )
        outcome = await entry.run()
        reply = Reply([*recorder.ops, *outcome.ops], outcome)
        if self.style.as_bytes:
            reply = Reply(*answer_over_bytes(outcome, recorder.ops, call, self.world.clock.now()))
        said = [f"{op.op.value} {op.step.text}{' ' + op.mode if op.mode else ''}" for op in reply.ops]
        name = f"target {self.names[target]}" if target else "plan" if plan else "discover"
        self.calls.append(f"{name} {attempt}: {type(outcome).__name__} {said}")
        self._flying.discard(target)
        if self.ended is None:
            check(mode, target, reply)
            self._report(target, attempt, reply)
        self._changed.set()

    def _report(self, target: str, attempt: int, reply: Reply) -> None:
        outcome = reply.outcome
        if not target:
            self.owed = False
        if isinstance(outcome, Held):
            self.ended = outcome
        elif isinstance(outcome, Failed) and not _results(reply.ops):
            self._body_failed(target, attempt, outcome)
        else:
            self._take(target, attempt, reply)

    def _body_failed(self, target: str, attempt: int, outcome: Failed) -> None:
        self.failed[""] += 1
        if not outcome.retriable or attempt >= self.retries:
            self.ended = outcome
        elif target:
            self.open[target].attempt += 1
            self.open[target].due_at = self.world.clock.now() + RETRY
        else:
            self.attempt += 1
            self.owed = True
            self.due_at = self.world.clock.now() + (outcome.retry_after if outcome.retry_after is not None else RETRY)

    def _take(self, target: str, attempt: int, reply: Reply) -> None:
        told = [op for op in reply.ops if op.op not in LAZY]
        new = [op for op in told if op.step.hash not in self.memos and op.step.hash not in self.open]
        race = self.style.pace == "race" or (self.style.pace == "said" and any(op.mode == "race" for op in told))
        for op in reply.ops:
            self.names[op.step.hash] = op.step.text
            if op.op is Opcode.STEP_ERROR:
                self._step_failed(target, attempt, op)
            elif op.op in RESULTS or op.op in LAZY:
                self.keep(op)
            elif op.step.hash not in self.memos and op.step.hash not in self.open:
                self._open_step(op, "race" if race else "wait")
        if isinstance(reply.outcome, Completed):
            self.ended = reply.outcome
        if target or new or isinstance(reply.outcome, Completed):
            self._idle = 0
        elif not self.open:
            self._idle += 1
            assert self._idle < 4, "it answers without doing anything"
            self.owed = True

    def _step_failed(self, target: str, attempt: int, op: Op) -> None:
        assert op.attempt == attempt, "an attempt has another number than the call"
        self.failed[op.step.text] += 1
        due_at = self.world.clock.now() + (RETRY if op.retry_after is None else op.retry_after)
        if target:
            self.open[target].attempt += 1
            self.open[target].due_at = due_at
        else:
            self.attempt, self.owed, self.due_at = attempt + 1, True, due_at

    def _open_step(self, op: Op, mode: str) -> None:
        now = self.world.clock.now()
        if op.op is Opcode.STEP_PLANNED:
            self.open[op.step.hash] = _Open(op.op, mode, now)
            return
        if op.op is Opcode.SLEEP:
            due_at: int | None = op.until if op.until is not None else now + (op.duration or 0)
        else:
            due_at = None if op.duration is None else now + op.duration
        opened = _Open(op.op, mode, due_at)
        if op.step.text in self.world.arrivals:
            after, answer = self.world.arrivals[op.step.text]
            if due_at is None or now + after < due_at:
                opened.due_at, opened.answer = now + after, answer
        self.open[op.step.hash] = opened

    def keep(self, op: Op) -> Memo | None:
        """Take the result of a step, from wherever it comes; a known one is kept as it is."""
        self.names[op.step.hash] = op.step.text
        if op.op is Opcode.DEFER_ADD:
            self.defers.setdefault(op.step.hash, False)
        elif op.op is Opcode.DEFER_ABORT:
            self.defers[op.step.hash] = True
        elif op.op is Opcode.PATCHED:
            assert not self.style.foreign
            self.patches.append(op.step.id)
        if op.op in LAZY:
            return None
        if op.step.hash not in self.memos:
            error = op.error
            if op.op is Opcode.STEP_CANCELLED:
                error = ErrorInfo(CANCELLED, "its caller gave it up")
            assert (op.data is None) is (error is not None), op
            self._finish(op.step.hash, op.data, error)
        return self.memos[op.step.hash]

    def _finish(self, hashed: str, data: str | None, error: ErrorInfo | None) -> None:
        step = self.open.pop(hashed, None)
        if step is not None:
            self.kinds[hashed] = step.kind
        told = None if error is None else ErrorInfo(error.name, error.message, error.stack)  # no code is kept
        cancelled = error is not None and error.name == CANCELLED
        self.memos[hashed] = Memo(
            StepName(hashed, 0, hashed),
            None,
            len(self.memos),
            data,
            None if cancelled else told,
            0,
            cancelled=cancelled,
        )
        self.attempt, self.due_at = 0, 0
        if step is None or step.mode == "race" or not any(other.mode != "race" for other in self.open.values()):
            self.owed = True
        self._changed.set()


def _results(ops: Sequence[Op]) -> list[Op]:
    return [op for op in ops if op.op in RESULTS]


def check(mode: Mode, target: str, reply: Reply) -> None:
    """What may come back from a call.

    Raises:
        AssertionError: something else did.
    """
    told = [op for op in reply.ops if op.op not in LAZY and not op.step.text.startswith("inngest/")]
    results = _results(told)
    if mode is Mode.TARGET:
        assert all(op.step.hash == target for op in told), "it says something of steps that nobody asked for"
    if mode is Mode.PLAN:
        assert all(op.op is Opcode.STEP_CANCELLED for op in results), "a step ran, and was to be planned"
    assert len(results) <= 1, "more than one step in one report"
    assert not results or len(told) == 1, "a result is reported alone"
    if isinstance(reply.outcome, Yielded):
        assert told, "it waits for nothing"
