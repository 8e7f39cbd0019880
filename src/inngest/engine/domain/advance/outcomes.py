"""How an invocation ended."""

from __future__ import annotations

from inngest.engine.domain.model import Ended, FailedAttempt, Released, RunStatus
from inngest.engine.domain.schedule import retry_delay
from inngest.protocol.calls import Completed, Failed, Yielded
from inngest.protocol.errors import ErrorInfo

from .draft import Draft, Overflow


def completed(draft: Draft, outcome: Completed) -> None:
    """The function returned."""
    draft.transition = Ended(RunStatus.COMPLETED, outcome.data, None, draft.deferred())


def failed(draft: Draft, outcome: Failed) -> None:
    """The function raised: it is entered again, unless it must not be or that was the last attempt."""
    if not outcome.retriable or draft.attempt >= draft.run.retries:
        _fail(draft, outcome.error)
        return
    delay = retry_delay(
        draft.attempt, chance=draft.chance, interval=draft.policy.retry_interval, retry_after=outcome.retry_after
    )
    draft.failed.append(FailedAttempt("", draft.attempt, draft.now, draft.now, outcome.error))
    draft.attempt += 1
    draft.transition = Released(draft.now + delay)


def yielded(draft: Draft, outcome: Yielded) -> None:
    """The function waits: it is entered again when the first of its steps falls due."""
    draft.transition = Released(draft.now if outcome.at_once else draft.next_due())


def overflowed(draft: Draft, overflow: Overflow) -> None:
    """The run is larger than it may be."""
    _fail(draft, overflow.info)


def _fail(draft: Draft, error: ErrorInfo) -> None:
    draft.transition = Ended(RunStatus.FAILED, None, error, draft.deferred())
