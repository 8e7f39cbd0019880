"""StepBegun, StepRun, StepError, StepFailed, StepCancelled."""

from __future__ import annotations

from inngest.engine.domain.backoff import retry_delay
from inngest.engine.domain.model import FailedAttempt, Policy, RunState
from inngest.protocol import codec, limits
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Memo, Op, Opcode, OpenStep

from .draft import Draft


def begun(draft: Draft, op: Op) -> None:
    """An attempt is about to begin that must not be repeated: the handler starts when this is committed."""
    known = draft.known(op.step.hash)
    created_at = known.created_at if known else op.started_at
    draft.opened(OpenStep(op.step, op.kind, op.attempt, draft.now, created_at, begun=True))


def succeeded(draft: Draft, op: Op) -> None:
    """The handler returned: its result is the step's, for good."""
    draft.memo(
        Memo(op.step, op.kind, draft.seq, op.data, None, draft.now, op.attempt, op.started_at, metadata=op.metadata)
    )
    draft.sent.extend(op.events)


def succeeded_alone(run: RunState, op: Op, policy: Policy, now: int) -> Memo | None:
    """Decides the commonest report, one handler that returned, at once as `succeeded` does in a draft.

    None where there is more to decide: events that it sends, limits that it reaches, and what was reported before.
    """
    size = 0 if op.data is None else codec.size(op.data)
    if (
        op.events
        or op.metadata
        or op.step.hash in run.done
        or run.steps >= policy.max_steps
        or run.size + size > limits.MAX_STATE
    ):
        return None
    return Memo(op.step, op.kind, run.seq, op.data, None, now, op.attempt, op.started_at)


def attempt_failed(draft: Draft, op: Op) -> None:
    """An attempt failed: another follows (P5), unless it was the last. A step may have a number of its own."""
    error = op.error or ErrorInfo("Error", "")
    max_attempts = draft.run.retries + 1 if op.max_attempts is None else op.max_attempts
    if op.attempt + 1 >= max_attempts:
        failed(draft, op)
        return
    delay = retry_delay(
        op.attempt, jitter=draft.jitter, interval=draft.policy.retry_interval, retry_after=op.retry_after
    )
    draft.failed.append(FailedAttempt(op.step.hash, op.attempt, op.started_at, draft.now, error))
    known = draft.known(op.step.hash)
    created_at = known.created_at if known else op.started_at
    next_one = OpenStep(op.step, op.kind, op.attempt + 1, draft.now + delay, created_at)
    draft.opened(next_one._replace(mode=known.mode, once=known.once) if known else next_one)


def failed(draft: Draft, op: Op) -> None:
    """The step failed for good: the code gets a StepError, now and in every replay."""
    error = op.error or ErrorInfo("Error", "")
    draft.memo(Memo(op.step, op.kind, draft.seq, None, error, draft.now, op.attempt, op.started_at))


def given_up(draft: Draft, op: Op) -> None:
    """The caller gave up waiting before there was a result."""
    assert op.op is Opcode.STEP_CANCELLED
    draft.memo(Memo(op.step, op.kind, draft.seq, None, None, draft.now, op.attempt, op.started_at, cancelled=True))
