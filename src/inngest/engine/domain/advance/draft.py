"""A decision in the making."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import NamedTuple

from inngest.engine.domain.model import Changes, Defer, Ended, FailedAttempt, Policy, Released, RunState, Signal, Wait
from inngest.protocol import limits
from inngest.protocol.errors import ErrorCode, ErrorInfo
from inngest.protocol.opcodes import Entry, Memo, Opcode, OpenStep, SentEvent
from inngest.protocol.steps import StepName

LATER = 30_000
"""Milliseconds until a run is entered again of which nothing is open but attempts that its code did not come to."""


class Moment(NamedTuple):
    """The time and the jitter of one decision."""

    now: int  # unix ms
    jitter: float  # from 0 to 1


class Overflow(Exception):
    """A run is larger than it may be: it fails with this error. Raised and caught inside `advance` only."""

    def __init__(self, info: ErrorInfo) -> None:
        self.info = info


class Draft:
    """The decisions so far in one call of `advance`."""

    __slots__ = (
        "_done",
        "attempt",
        "code",
        "defers",
        "entries",
        "failed",
        "follows",
        "jitter",
        "memos",
        "now",
        "open",
        "policy",
        "run",
        "sent",
        "signals",
        "size",
        "transition",
        "waits",
    )

    def __init__(self, run: RunState, policy: Policy, moment: Moment) -> None:
        self.run = run
        self.policy = policy
        self.now = moment.now
        self.jitter = moment.jitter
        self.attempt = run.attempt
        self.memos: list[Memo] = []
        self._done: dict[str, Memo] = {}  # the memos, by hash
        self.open: dict[str, OpenStep] = {}
        self.failed: list[FailedAttempt] = []
        self.entries: list[Entry] = []
        self.sent: list[SentEvent] = []
        self.waits: list[Wait] = []
        self.signals: list[Signal] = []
        self.defers: dict[str, Defer] = {}
        self.transition: Ended | Released | None = None
        self.size = 0
        self.code = run.code
        self.follows = False

    @property
    def seq(self) -> int:
        """The place of the next memo."""
        return self.run.seq + len(self.memos)

    def known(self, step_hash: str) -> OpenStep | None:
        """The open part of a step, in the store or in this draft."""
        return self.open.get(step_hash) or self.run.open.get(step_hash)

    def done(self, step_hash: str) -> Memo | None:
        """The memo of a step, in the store or in this draft."""
        return self.run.done.get(step_hash) or self._done.get(step_hash)

    def memo(self, memo: Memo) -> None:
        """A step is finished; the body's attempts start anew.

        Raises:
            Overflow: too many steps, or too much state.
        """
        if self.run.steps + len(self.memos) >= self.policy.max_steps:
            raise self.too_many(memo.step)
        self.size += memo.size
        if self.run.size + self.size > limits.MAX_STATE:
            raise Overflow(
                ErrorInfo(
                    "StateOverflowedError",
                    f"the results and errors of the run's steps are over {limits.MAX_STATE:,} bytes, at step "
                    f'"{memo.step.text}": keep large values elsewhere and return references to them',
                    code=ErrorCode.STATE_OVERFLOWED.value,
                )
            )
        self.made((memo,))
        self.entries.append(memo)
        self.open.pop(memo.step.hash, None)
        self.attempt = 0

    def made(self, memos: Iterable[Memo]) -> None:
        """These memos are of this decision, whatever was asked before they were made."""
        for memo in memos:
            self.memos.append(memo)
            self._done[memo.step.hash] = memo

    def too_many(self, step: StepName) -> Overflow:
        """The end of a run that has as many steps as it may have, as another comes."""
        return Overflow(
            ErrorInfo(
                "FunctionOverflowedError",
                f'the run has more than {self.policy.max_steps} steps, at step "{step.text}": '
                "raise max_steps (--max-steps), or split the work with step.invoke or step.send_event",
                code=ErrorCode.FUNCTION_OVERFLOWED.value,
            )
        )

    def opened(self, open_step: OpenStep) -> None:
        """A step waits."""
        self.open[open_step.step.hash] = open_step
        self.entries.append(open_step)

    def deferred(self) -> Sequence[Defer]:
        """The functions that start when the run ends now."""
        if not self.run.defers and not self.defers:
            return ()
        return [defer for defer in {**self.run.defers, **self.defers}.values() if defer.starts]

    def next_due(self, unreached: Collection[str] = ()) -> int | None:
        """When the first of the open steps falls due; None if none is open.

        Args:
            unreached: hashes of steps that the code did not come to. An attempt of one of these that is due already
                does not count: the code would be entered for it for ever. Sleeps and waits count, they get their memos.
        """
        left = [step for key, step in {**self.run.open, **self.open}.items() if key not in self._done]
        if not unreached:
            return min((step.due_at for step in left), default=None)
        times = [step.due_at for step in left if not (step.step.hash in unreached and self._is_due_attempt(step))]
        return min(times, default=self.now + LATER if left else None)

    def _is_due_attempt(self, step: OpenStep) -> bool:
        return step.kind is Opcode.STEP_RUN and step.due_at <= self.now

    def changes(self) -> Changes:
        """The decision."""
        return Changes(
            attempt=self.attempt,
            memos=self.memos,
            open=tuple(self.open.values()),
            failed=self.failed or (),  # what is empty, as most is, is not kept until it is written
            entries=self.entries or (),
            size=self.size,
            transition=self.transition,
            sent=self.sent or (),
            waits=self.waits or (),
            signals=self.signals or (),
            defers=tuple(self.defers.values()),
            code=None if self.code is self.run.code and not self.follows else self.code,
            follows=self.follows,
        )
