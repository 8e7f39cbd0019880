"""Runs of apps and answers of theirs, as the tests of what follows from these have them."""

from __future__ import annotations

import dataclasses
from typing import Any

from inngest.engine.domain.advance import Moment, reports
from inngest.engine.domain.model import Asking, Changes, Discovery, Policy, RunState
from inngest.engine.domain.remote import DISCOVERY, due
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Memo, Op, Opcode, OpenStep
from inngest.protocol.steps import StepName
from inngest.protocol.wire.responses import Reply, ReplyKind
from tests.unit.names import named

NOW = 1_000_000
LEFT = NOW - 50
POLICY = Policy(max_steps=10, retry_interval=7_000)
MOMENT = Moment(NOW, 0.5)
OOPS = ErrorInfo("Oops", "it broke", None, "some_code")
RECORDED_OOPS = OOPS._replace(code=None)
A, B, C, D = named("a"), named("b"), named("c"), named("d")
ASKED = Asking(under_way=True)


def planned(step: StepName, mode: str = "wait", attempt: int = 0) -> OpenStep:
    return OpenStep(step, Opcode.STEP_RUN, attempt, NOW - 10, NOW - 100, mode=mode)


def sleeping(step: StepName, mode: str = "wait") -> OpenStep:
    return OpenStep(step, Opcode.SLEEP, 0, NOW - 10, NOW - 100, mode=mode)


def waiting(step: StepName, mode: str = "wait") -> OpenStep:
    return OpenStep(step, Opcode.WAIT_FOR_EVENT, 0, NOW + 1_000, NOW - 100, mode=mode)


def done(step: StepName, seq: int = 0) -> Memo:
    return Memo(step, Opcode.STEP_RUN, seq, '"old"', None, NOW - 500)


def state(*entries: Memo | OpenStep, owed: bool = True, version: int = 2, **values: Any) -> RunState:
    """A run while a discovery is under way, unless `asking` says otherwise."""
    memos = [one for one in entries if isinstance(one, Memo)]
    return RunState(
        "run",
        "app-fn",
        **{
            "retries": 2,
            "seq": len(memos),
            "steps": len(memos),
            "open": {one.step.hash: one for one in entries if isinstance(one, OpenStep)},
            "done": {one.step.hash: one for one in memos},
            "discovery": Discovery(3, version, owed),
            "asking": ASKED,
            **values,
        },
    )


def reported(*ops: Op, **values: Any) -> Reply:
    return Reply(ReplyKind.REPORTED, ops, version=2, **values)


FAILED = Reply(ReplyKind.FAILED, error=OOPS, version=2)
BROKEN = Reply(ReplyKind.BROKEN, error=OOPS)


def ran(step: StepName, data: str = "1") -> Op:
    return Op(Opcode.STEP_RUN, step, data=data)


def raised(step: StepName, **values: Any) -> Op:
    return Op(Opcode.STEP_ERROR, step, error=OOPS, **values)


def plan(step: StepName, mode: str = "") -> Op:
    return Op(Opcode.STEP_PLANNED, step, mode=mode)


def report(run: RunState, reply: Reply, target: str = DISCOVERY) -> Changes:
    """The decision; it leaves the run as it was."""
    before = dataclasses.replace(run, open=dict(run.open), done=dict(run.done))
    changes = reports.report(run, reports.Report(target, LEFT, reply), POLICY, MOMENT)
    assert run == before
    return changes


def after(run: RunState, changes: Changes) -> RunState:
    run.apply(changes)
    return run


def calls(run: RunState, now: int = NOW) -> list[tuple[str, int, bool]]:
    flying = [DISCOVERY] if run.asking.under_way else []
    return [(one.target, one.attempt, one.plan) for one in due(run, flying, now).calls]
