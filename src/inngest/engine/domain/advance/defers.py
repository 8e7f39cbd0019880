"""DeferAdd, DeferAbort: functions that start when the run has ended. They have no place in the order of its memos.

A file of its own: each family of inputs has one.
"""

from __future__ import annotations

from collections.abc import Sequence

from inngest.engine.domain.model import Defer
from inngest.protocol import codec, limits
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Op

from .draft import Draft


def added(draft: Draft, op: Op) -> None:
    """A function is to start; reported again, the first report stands, and so does its end."""
    if _known(draft, op) is None:
        assert op.target is not None
        number = len({**draft.run.defers, **draft.defers})
        draft.defers[op.step.hash] = Defer(op.step, number, op.target.name, op.target.data, draft.now)


def reported(draft: Draft, op: Op) -> None:
    """An app says that a function is to start. One that is too much is rejected, and the run goes on.

    Functions of this process are refused as they call; what counts here are all that the run has deferred.
    """
    if _known(draft, op) is not None:
        return
    assert op.target is not None
    kept = [one for one in {**draft.run.defers, **draft.defers}.values() if one.rejected is None]
    reason = op.error or _too_much(codec.size(op.target.data), kept)
    if reason is None:
        added(draft, op)
    elif len({**draft.run.defers, **draft.defers}) < len(kept) + limits.MAX_DEFERS:  # more of them are told by nobody
        number = len({**draft.run.defers, **draft.defers})
        rejected = Defer(op.step, number, op.target.name, "{}", draft.now, rejected=reason)
        draft.defers[op.step.hash] = rejected


def _too_much(size: int, kept: Sequence[Defer]) -> ErrorInfo | None:
    """Why a run that has deferred these may not defer data of so many bytes more."""
    in_all = size + sum(codec.size(one.data) for one in kept)
    if size > limits.MAX_DEFER:
        return _rejection(
            "per_defer_size", f"its data are {size:,} bytes of JSON; at most {limits.MAX_DEFER:,} are allowed"
        )
    if len(kept) >= limits.MAX_DEFERS:
        text = (
            f"the run has deferred {limits.MAX_DEFERS} functions, those that were aborted too, and may not defer more"
        )
        return _rejection("per_run_count", text)
    if in_all > limits.MAX_DEFERRED:
        text = f"with it the data of all are {in_all:,} bytes of JSON; at most {limits.MAX_DEFERRED:,} are allowed"
        return _rejection("aggregate_size", text)
    return None


def _rejection(reason: str, text: str) -> ErrorInfo:
    return ErrorInfo("DeferRejectedError", text, code=reason)


def aborted(draft: Draft, op: Op) -> None:
    """It is not to start, after all."""
    known = _known(draft, op)
    if known is not None and known.starts:
        draft.defers[op.step.hash] = known._replace(aborted=True)


def _known(draft: Draft, op: Op) -> Defer | None:
    return draft.defers.get(op.step.hash) or draft.run.defers.get(op.step.hash)
