"""WaitForEvent, WaitForSignal, InvokeFunction: steps whose results come from outside; and SendSignal."""

from __future__ import annotations

from inngest.engine.domain.model import Signal, Wait
from inngest.protocol import limits
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import WAITS, Memo, Op, Opcode, OpenStep

from .draft import Draft

INVOKE_TIMED_OUT = ErrorInfo("InngestInvokeTimeoutError", "Timed out waiting for invoked function to complete")


def began(draft: Draft, op: Op) -> None:
    """A step waits: its time is set now, by the store's clock; reported again, it keeps the first."""
    known = draft.known(op.step.hash)
    if known is not None:
        draft.entries.append(known)
        return
    assert op.sought is not None
    length = limits.MAX_SLEEP if op.duration is None else max(op.duration, 0)
    open_step = OpenStep(op.step, op.kind, 0, draft.now + length, draft.now)
    draft.opened(open_step)
    draft.waits.append(Wait(open_step, op.sought))


def ended(draft: Draft, op: Op) -> None:
    """What it waits for came, or its time is over, while its invocation was still going.

    If the time is over, but the store knows of something that came before this is written, that counts.
    """
    known = draft.known(op.step.hash)
    _memo(draft, known or OpenStep(op.step, op.kind, 0, draft.now, draft.now))


def came(draft: Draft) -> list[tuple[int, OpenStep]]:
    """Steps whose waiting is over when a run is taken up again, each with the time since when it is."""
    found: list[tuple[int, OpenStep]] = []
    for step in draft.run.open.values():
        if step.kind not in WAITS:
            continue
        arrival = draft.run.arrived.get(step.step.hash)
        if arrival is not None:
            found.append((arrival.at, step))
        elif step.due_at <= draft.now:
            found.append((step.due_at, step))
    return found


def over(draft: Draft, step: OpenStep) -> None:
    """The waiting of such a step is over."""
    _memo(draft, step)


def signalled(draft: Draft, op: Op) -> None:
    """A signal is sent as it is recorded; the store says in the memo which run it woke."""
    assert op.sought is not None
    draft.memo(Memo(op.step, op.kind, draft.seq, "null", None, draft.now, op.attempt, op.started_at))
    draft.signals.append(Signal(op.step.hash, op.sought.name, op.sought.data))


def _memo(draft: Draft, step: OpenStep) -> None:
    arrival = draft.run.arrived.get(step.step.hash)
    if arrival is not None:
        data, error = arrival.data, arrival.error
    elif step.kind is Opcode.INVOKE:
        data, error = None, INVOKE_TIMED_OUT
    else:
        data, error = "null", None
    draft.memo(Memo(step.step, step.kind, draft.seq, data, error, draft.now, 0, step.created_at))
