"""`advance(run, inputs, now) → Changes`: the only place that decides what happens next.

A dispatch; each family of inputs has its own file.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from inngest.engine.domain.model import Changes, Policy, RunState
from inngest.protocol.calls import Completed, Failed, Outcome, Yielded
from inngest.protocol.opcodes import Op, Opcode

from . import outcomes, sleeps, steps
from .draft import Draft, Moment, Overflow

__all__ = ["Moment", "advance", "woken"]

_OPCODES = {
    Opcode.STEP_RUN: steps.succeeded,
    Opcode.STEP_ERROR: steps.attempt_failed,
    Opcode.STEP_FAILED: steps.failed,
    Opcode.STEP_CANCELLED: steps.given_up,
    Opcode.SLEEP: sleeps.began,
    Opcode.WAKE: sleeps.ended,
}


def advance(run: RunState, ops: Sequence[Op], outcome: Outcome | None, policy: Policy, moment: Moment) -> Changes:
    """What follows from what an invocation reports.

    Args:
        run: the run, as its owner knows it; not changed.
        ops: what happened to steps, in order.
        outcome: how the invocation ended; None while it goes on.
        policy: how this engine runs functions.
        moment: the time and chance of this decision.
    """
    draft = Draft(run, policy, moment)
    try:
        for op in ops:
            _OPCODES[op.op](draft, op)
        if isinstance(outcome, Yielded):
            for op in outcome.ops:
                _OPCODES[op.op](draft, op)
            outcomes.yielded(draft, outcome)
        elif isinstance(outcome, Completed):
            outcomes.completed(draft, outcome)
        elif isinstance(outcome, Failed):
            outcomes.failed(draft, outcome)
    except Overflow as overflow:
        outcomes.overflowed(draft, overflow)
    return draft.changes()


def woken(run: RunState, policy: Policy, moment: Moment) -> Changes:
    """What fell due while nobody owned the run: its sleeps that are over get their memos."""
    draft = Draft(run, policy, moment)
    with contextlib.suppress(Overflow):  # the invocation will meet it too, and then the run fails
        sleeps.fell_due(draft)
    return draft.changes()
