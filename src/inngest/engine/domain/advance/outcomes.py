"""How an invocation ended."""

from __future__ import annotations

from collections.abc import Sequence

from inngest.engine.domain.backoff import retry_delay
from inngest.engine.domain.model import Ended, FailedAttempt, Released, RunStatus
from inngest.protocol.calls import Completed, Failed, Outcome, Yielded
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Op, Opcode

from .draft import Draft, Overflow


def ops(draft: Draft, outcome: Outcome) -> Sequence[Op]:
    """The reports about steps in an outcome. A run that fails for good opens no step any more."""
    if isinstance(outcome, Failed) and _is_final(draft, outcome):
        return [op for op in outcome.ops if op.kind is Opcode.DEFER_ADD]
    return outcome.ops


def completed(draft: Draft, outcome: Completed) -> None:
    """The function returned."""
    draft.transition = Ended(RunStatus.COMPLETED, outcome.data, None, draft.deferred())


def failed(draft: Draft, outcome: Failed) -> None:
    """The function raised: it is entered again, unless it must not be or that was the last attempt."""
    if _is_final(draft, outcome):
        _fail(draft, outcome.error)
        return
    delay = retry_delay(
        draft.attempt, jitter=draft.jitter, interval=draft.policy.retry_interval, retry_after=outcome.retry_after
    )
    draft.failed.append(FailedAttempt("", draft.attempt, draft.now, draft.now, outcome.error))
    draft.attempt += 1
    draft.transition = Released(draft.now + delay)


def yielded(draft: Draft, outcome: Yielded) -> None:
    """The function waits: it is entered again when the first of its steps falls due that this can help.

    That is now if one of the steps that it reports has its memo: a sleep whose time has come meanwhile.
    """
    at_once = outcome.at_once or any(draft.done(op.step.hash) for op in outcome.ops)
    due_at = draft.now if at_once else draft.next_due(outcome.unreached)
    draft.transition = Released(due_at, draft.code.hold)


def overflowed(draft: Draft, overflow: Overflow) -> None:
    """The run is larger than it may be."""
    _fail(draft, overflow.info)


def _is_final(draft: Draft, outcome: Failed) -> bool:
    return not outcome.retriable or draft.attempt >= draft.run.retries


def _fail(draft: Draft, error: ErrorInfo) -> None:
    draft.transition = Ended(RunStatus.FAILED, None, error, draft.deferred())
