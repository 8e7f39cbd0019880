"""Sleep and its end."""

from __future__ import annotations

from inngest.protocol.opcodes import Memo, Op, Opcode, OpenStep

from .draft import Draft


def began(draft: Draft, op: Op) -> None:
    """A sleep: its deadline is set now, by the store's clock; reported again, it keeps the first."""
    known = draft.known(op.step.hash)
    if known is not None:
        draft.entries.append(known)
        return
    due_at = op.until if op.until is not None else draft.now + (op.duration or 0)
    if due_at <= draft.now:
        _memo(draft, op)
    else:
        draft.opened(OpenStep(op.step, Opcode.SLEEP, 0, due_at, draft.now))


def ended(draft: Draft, op: Op) -> None:
    """A sleep fell due while its invocation was still going."""
    _memo(draft, op)


def fell_due(draft: Draft) -> list[tuple[int, OpenStep]]:
    """Sleeps that are over when a run is taken up again, each with the time since when it is."""
    return [
        (step.due_at, step)
        for step in draft.run.open.values()
        if step.kind is Opcode.SLEEP and step.due_at <= draft.now
    ]


def over(draft: Draft, step: OpenStep) -> None:
    """Such a sleep is over."""
    draft.memo(Memo(step.step, step.kind, draft.seq, None, None, draft.now, 0, step.created_at))


def _memo(draft: Draft, op: Op) -> None:
    known = draft.known(op.step.hash)
    began_at = known.created_at if known else draft.now
    draft.memo(Memo(op.step, Opcode.SLEEP, draft.seq, None, None, draft.now, 0, began_at))
