"""One entry into a function behind HTTP, in virtual time: what it reports."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import inngest
from inngest.protocol import codec
from inngest.protocol.calls import Advice, Call, EventData, Mode, Outcome, Recorded
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Memo, Op
from inngest.protocol.steps import StepName, hash_step_id
from inngest.runtime.idle import LoopIdle
from inngest.sdk.invocation.enter import FunctionEntry
from inngest.sdk.serving.invocation import ServedInvocation
from tests.simulation.loop import STRAND

from .world import RUN_ID, World, later, world

Making = Callable[[World], Callable[..., Any]]


def memo(step_id: str, value: object = None, *, seq: int = 0, error: str = "", cancelled: bool = False) -> Memo:
    """A memo as it comes over the wire: nobody says what kind its step is of, nor what it is called."""
    hashed = hash_step_id(step_id)
    info = ErrorInfo(error, "no") if error else None
    data = None if error or cancelled else codec.dumps(value)
    return Memo(StepName(hashed, 0, hashed), None, seq, data, info, 0, cancelled=cancelled)


@dataclass
class Entered:
    """What came of an entry."""

    outcome: Outcome
    recorded: Sequence[Op]  # before it was over
    world: World
    ms: int  # how long it took

    @property
    def ops(self) -> Sequence[Op]:
        """What is reported."""
        return [*self.recorded, *self.outcome.ops]

    @property
    def said(self) -> list[str]:
        """The same, in words."""
        return [" ".join(filter(None, (op.op.value, op.step.text, op.mode))) for op in self.ops]


class Reporter:
    """A recorder that answers with one advice; None: it keeps results, and the code goes on."""

    slots = None

    def __init__(self, advice: Advice) -> None:
        self.ops: list[Op] = []
        self._advice = advice

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded] | Recorded:
        self.ops.extend(ops)
        if self._advice is Advice.STOP:
            return Recorded(Advice.STOP, ())
        op = ops[-1]
        return later(Recorded(self._advice, [Memo(op.step, op.kind, len(self.ops), op.data, op.error, 0)]))


def enter(
    make: Making,
    mode: Mode,
    *memos: Memo,
    target: str = "",
    advice: Advice = Advice.STOP,
    client: inngest.Inngest | None = None,
    seed: int = 0,
    **more: Any,
) -> Entered:
    """Enter a function once.

    Args:
        make: makes its handler.
        mode: of the call.
        memos: what is recorded.
        target: id of the step that it is for.
        advice: the answer to records.
        client: whose function it is.
        seed: of the world.
        more: other fields of the call.
    """
    app = client or inngest.Inngest(app_id="test", is_production=False)
    hashed = hash_step_id(target) if target else ""
    events = [EventData("01J00000000000000000000001", "test/started", "{}", 1)]
    fields = {"attempt": 0, "max_attempts": 1, "open_steps": (), **more}
    with world(seed, app, {}) as one:
        function = app.create_function(fn_id="f", trigger=inngest.TriggerEvent(event="test/started"))(make(one))
        call = Call(
            run_id=RUN_ID, function_id=function.id, events=events, memos=memos, mode=mode, target=hashed, **fields
        )
        recorder = Reporter(advice)

        async def main() -> Outcome:
            STRAND.set("call")
            idle = LoopIdle(asyncio.get_running_loop())
            return await FunctionEntry(
                function, function.handler, call, recorder, one.clock, one.threads, idle, ServedInvocation
            ).run()

        began = one.loop.now_us
        outcome = one.loop.drive(main())
        return Entered(outcome, recorder.ops, one, (one.loop.now_us - began) // 1000)
