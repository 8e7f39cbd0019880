"""WaitForEvent, WaitForSignal, InvokeFunction, Gateway, AIGateway: results come from outside; and SendSignal."""

from __future__ import annotations

from inngest.engine.domain.model import Signal, Wait
from inngest.protocol import limits
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import REQUESTS, WAITS, Memo, Op, Opcode, OpenStep

from .draft import Draft

GATEWAY_ERRORS = {Opcode.GATEWAY: "GatewayError", Opcode.AI_GATEWAY: "AIGatewayError"}
"""Names of the errors that requests fail with."""

INVOKE_TIMED_OUT = ErrorInfo("InngestInvokeTimeoutError", "Timed out waiting for invoked function to complete")


def began(draft: Draft, op: Op) -> None:
    """A step waits: its time is set now, by the store's clock; reported again, it keeps the first."""
    known = draft.known(op.step.hash)
    assert op.target is not None
    if known is not None:
        draft.entries.append(known)
        if op.target.secrets:
            draft.waits.append(Wait(known, op.target, again=True))
        return
    length = limits.MAX_SLEEP if op.duration is None else max(op.duration, 0)
    due_at = draft.now + length if op.until is None else max(op.until, draft.now)
    open_step = OpenStep(op.step, op.kind, 0, due_at, draft.now)
    draft.opened(open_step)
    draft.waits.append(Wait(open_step, op.target))


def ended(draft: Draft, op: Op) -> None:
    """A wait is over, by its answer or by its time, while its invocation was still going.

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
    assert op.target is not None
    draft.memo(Memo(op.step, op.kind, draft.seq, "null", None, draft.now, op.attempt, op.started_at))
    draft.signals.append(Signal(op.step.hash, op.target.name, op.target.data))


def _memo(draft: Draft, step: OpenStep) -> None:
    arrival = draft.run.arrived.get(step.step.hash)
    memo = Memo(step.step, step.kind, draft.seq, "null", None, draft.now, 0, step.created_at)
    if arrival is not None:
        memo = arrival.fill(memo)
    elif step.kind is Opcode.INVOKE:
        memo = memo._replace(data=None, error=INVOKE_TIMED_OUT)
    elif step.kind in REQUESTS:
        memo = memo._replace(data=None, error=_unanswered(step.kind))
    draft.memo(memo)


def _unanswered(kind: Opcode) -> ErrorInfo:
    return ErrorInfo(GATEWAY_ERRORS[kind], f"there was no answer within {limits.MAX_SLEEP // limits.DAY} days")
