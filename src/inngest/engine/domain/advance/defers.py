"""DeferAdd, DeferAbort: functions that start when the run has ended. They have no place in the order of its memos.

A file of its own: each family of inputs has one.
"""

from __future__ import annotations

from inngest.engine.domain.model import Defer
from inngest.protocol.opcodes import Op

from .draft import Draft


def added(draft: Draft, op: Op) -> None:
    """A function is to start; reported again, the first report stands, and so does its end."""
    if _known(draft, op) is None:
        assert op.target is not None
        number = len({**draft.run.defers, **draft.defers})
        draft.defers[op.step.hash] = Defer(op.step, number, op.target.name, op.target.data, draft.now)


def aborted(draft: Draft, op: Op) -> None:
    """It is not to start, after all."""
    known = _known(draft, op)
    if known is not None and not known.aborted:
        draft.defers[op.step.hash] = known._replace(aborted=True)


def _known(draft: Draft, op: Op) -> Defer | None:
    return draft.defers.get(op.step.hash) or draft.run.defers.get(op.step.hash)
