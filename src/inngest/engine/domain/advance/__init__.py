"""`advance(run, ops, outcome, policy, moment) → Changes`: decides what follows from steps and outcomes of a run.

Nothing else decides that. A dispatch; each family of inputs has its own file. The runs that an event starts are decided
in `triggers`, and when they begin in `gates` and `lanes`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from inngest.engine.domain.model import Changes, Policy, RunState
from inngest.protocol.calls import Completed, Failed, Held, Outcome, Yielded
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Entry, Memo, Op, Opcode

from . import code, defers, outcomes, sleeps, steps, waits
from .draft import Draft, Moment, Overflow

__all__ = ["Moment", "Woken", "advance", "woken"]


def _woke(draft: Draft, op: Op) -> None:
    (sleeps if op.kind is Opcode.SLEEP else waits).ended(draft, op)


_OPCODES = {
    Opcode.STEP_RUN: steps.succeeded,
    Opcode.STEP_BEGUN: steps.begun,
    Opcode.STEP_ERROR: steps.attempt_failed,
    Opcode.STEP_FAILED: steps.failed,
    Opcode.STEP_CANCELLED: steps.given_up,
    Opcode.SLEEP: sleeps.began,
    Opcode.WAIT_FOR_EVENT: waits.began,
    Opcode.WAIT_FOR_SIGNAL: waits.began,
    Opcode.INVOKE: waits.began,
    Opcode.GATEWAY: waits.began,
    Opcode.AI_GATEWAY: waits.began,
    Opcode.SEND_SIGNAL: waits.signalled,
    Opcode.DEFER_ADD: defers.added,
    Opcode.DEFER_ABORT: defers.aborted,
    Opcode.WAKE: _woke,
    Opcode.PATCHED: code.patched,
    Opcode.FOLLOWED: code.followed,
    Opcode.THREADED: code.threaded,
}


def advance(run: RunState, ops: Sequence[Op], outcome: Outcome | None, policy: Policy, moment: Moment) -> Changes:
    """Decides what follows from the report of an invocation.

    Args:
        run: the run, as its owner knows it; not changed.
        ops: what happened to steps, in order.
        outcome: how the invocation ended; None while it goes on.
        policy: how this engine runs functions.
        moment: the time and the jitter of this decision.
    """
    if outcome is None:
        memo = lone_result(run, ops, policy, moment.now)
        if memo is not None:
            return Changes.of_result(memo)
    draft = Draft(run, policy, moment)
    try:
        for op in ops:
            if not _came_before(draft, op):
                _OPCODES[op.op](draft, op)
        for op in () if outcome is None else outcomes.ops(draft, outcome):
            if not _came_before(draft, op):
                _OPCODES[op.op](draft, op)
        if isinstance(outcome, Held):
            code.held(draft, outcome)
        elif outcome is not None:
            code.went_on(draft, outcome)
        if isinstance(outcome, Yielded):
            outcomes.yielded(draft, outcome)
        elif isinstance(outcome, Completed):
            outcomes.completed(draft, outcome)
        elif isinstance(outcome, Failed):
            outcomes.failed(draft, outcome)
    except Overflow as overflow:
        outcomes.overflowed(draft, overflow)
    return draft.changes()


def lone_result(run: RunState, ops: Sequence[Op], policy: Policy, now: int) -> Memo | None:
    """Decides the commonest report, one handler that returned, as `advance` does: nothing but its memo follows. None
    for all others.
    """
    if len(ops) != 1 or ops[0].op is not Opcode.STEP_RUN:
        return None
    return steps.succeeded_alone(run, ops[0], policy, now)


def _came_before(draft: Draft, op: Op) -> bool:
    """Whether a report came before, as it may if its answer was lost: what the step became then is the answer."""
    known: Entry | None = draft.done(op.step.hash)
    if known is None and op.op is Opcode.STEP_ERROR:
        known = draft.known(op.step.hash)
        if known is not None and known.attempt <= op.attempt:
            return False
    if known is None:
        return False
    draft.entries.append(known)
    return True


class Woken(NamedTuple):
    """The steps that fell due, or got answers, while nobody owned a run."""

    changes: Changes
    overflow: ErrorInfo | None  # the run is larger by it than it may be: it fails, and is not entered


def woken(run: RunState, policy: Policy, moment: Moment) -> Woken:
    """Memos for the steps whose waiting is over, in the order of their times; those that the run may not have are left.

    Args:
        run: the run, as its new owner knows it; not changed.
        policy: how this engine runs functions.
        moment: the time and the jitter of this decision.
    """
    draft = Draft(run, policy, moment)
    over = [*sleeps.fell_due(draft), *waits.came(draft)]
    try:
        for _, step in sorted(over, key=lambda pair: (pair[0], pair[1].created_at)):
            (sleeps if step.kind is Opcode.SLEEP else waits).over(draft, step)
    except Overflow as overflow:
        return Woken(draft.changes(), overflow.info)
    return Woken(draft.changes(), None)
