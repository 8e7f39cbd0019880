"""`report(state, report, policy, moment) → Changes`: what follows from an app's answer to a call, row by row.

Beside it: what follows from a checkpoint that an app writes during a call, and from what falls due between calls.
Families of reports have their own files, for local runs and for these; here stands what only calls need: which step an
answer is about, whose attempt has failed, and whether another discovery is owed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple

from inngest.engine.domain import advance
from inngest.engine.domain.backoff import retry_delay
from inngest.engine.domain.matching import WAIT, ExpressionError, compiled
from inngest.engine.domain.model import Changes, Ended, FailedAttempt, Policy, Released, RunState, RunStatus
from inngest.engine.domain.remote import DISCOVERY
from inngest.protocol import codec, events, limits
from inngest.protocol.calls import Completed, Held
from inngest.protocol.errors import ErrorCode, ErrorInfo
from inngest.protocol.opcodes import WAITS, Op, Opcode, OpenStep
from inngest.protocol.steps import StepName
from inngest.protocol.wire.operations import COMPLETE
from inngest.protocol.wire.responses import Reply, ReplyKind

from . import code, defers, outcomes, sleeps, steps, waits
from .draft import Draft, Moment, Overflow

AGAIN = 1_000
"""Milliseconds until the code is asked again, after it had nothing to say."""

MAX_IDLE = 4
"""Discoveries in a row that may bring nothing new; the last of them is a failed attempt."""

MAX_STRAYS = 3
"""Answers in a row to calls for a step that may say nothing of it; the last of them is a failed attempt."""

FIRST = frozenset((Opcode.WAIT_FOR_EVENT, Opcode.DEFER_ADD, Opcode.DEFER_ABORT))
"""Reports that come before the others of one body."""


class Report(NamedTuple):
    """An app has answered a call."""

    target: str  # hash of the step that it was for; DISCOVERY
    left_at: int  # unix ms, when the call left
    reply: Reply


def report(state: RunState, report: Report, policy: Policy, moment: Moment) -> Changes:
    """Decides what follows from an answer.

    Args:
        state: the run, as its owner knows it; not changed.
        report: the answer.
        policy: how this engine runs functions.
        moment: the time and the jitter of this decision.
    """
    answer = _Answer(state, report, policy, moment)
    return answer.decided(lambda: answer.take(report.reply))


def checkpoint(state: RunState, ops: Sequence[Op], left_at: int, policy: Policy, moment: Moment) -> Changes:
    """Decides what follows from reports that the code makes while its call is under way: it has gone on since.

    Args:
        state: the run, as its owner knows it; not changed.
        ops: what happened to steps.
        left_at: unix ms, when the call left; 0 if nobody knows.
        policy: how this engine runs functions.
        moment: the time and the jitter of this decision.
    """
    answer = _Answer(state, Report(DISCOVERY, left_at, Reply(ReplyKind.REPORTED)), policy, moment)
    return answer.decided(lambda: answer.ops(ops, going_on=True))


def interrupted(state: RunState, policy: Policy, moment: Moment) -> Changes:
    """Decides what becomes of a run that is taken over: steps fail that have begun, and must not begin again.

    Args:
        state: the run, as its owner knows it; not changed.
        policy: how this engine runs functions.
        moment: the time and the jitter of this decision.
    """
    answer = _Answer(state, Report(DISCOVERY, 0, Reply(ReplyKind.REPORTED)), policy, moment)
    return answer.decided(answer.interrupt_all)


def left(state: RunState) -> Changes:
    """A discovery leaves: what happens from now on owes another one.

    Args:
        state: the run, as its owner knows it; not changed.
    """
    return Changes(state.attempt, asking=state.asking._replace(under_way=True, again=False, news=False))


def came_back(state: RunState) -> Changes:
    """A discovery was not delivered: it is owed as before.

    Args:
        state: the run, as its owner knows it; not changed.
    """
    return Changes(state.attempt, asking=state.asking._replace(under_way=False, again=False))


def doubted(state: RunState, target: str) -> Changes:
    """Nobody knows whether a call was delivered: it is made again, and whatever the first one does counts no more.

    Args:
        state: the run, as its owner knows it; not changed.
        target: hash of the step that the call was for; DISCOVERY.
    """
    changes = came_back(state) if target == DISCOVERY else Changes(state.attempt)
    return changes._replace(discovery=state.discovery._replace(generation=state.discovery.generation + 1))


def woken(state: RunState, policy: Policy, moment: Moment) -> advance.Woken:
    """As `advance.woken`, with the discoveries that these steps make owed.

    Args:
        state: the run, as its owner knows it; not changed.
        policy: how this engine runs functions.
        moment: the time and the jitter of this decision.
    """
    changes, overflow = advance.woken(state, policy, moment)
    answer = _Answer(state, Report(DISCOVERY, 0, Reply(ReplyKind.REPORTED)), policy, moment)
    answer.draft.made(changes.memos)
    answer.all_finished([state.open[memo.step.hash] for memo in changes.memos])
    return advance.Woken(answer.added_to(changes), overflow)


class _Answer:
    """One answer, while it becomes a decision.

    Args:
        state: the run.
        report: the answer.
        policy: how this engine runs functions.
        moment: the time and the jitter of this decision.
    """

    def __init__(self, state: RunState, report: Report, policy: Policy, moment: Moment) -> None:
        self.draft = Draft(state, policy, moment)
        self._state = state
        self._report = report
        self._discovery = state.discovery
        self._asking = state.asking
        self._open = len(state.open)
        self._unseen = iter(state.open.values())
        self._other = next(self._unseen, None)  # the first that is not known to be over, or of a race
        self._tried: set[str] = set()  # hashes of steps of which an attempt has failed; "": of the body

    def decided(self, take: Callable[[], object]) -> Changes:
        """The decision, after this was done."""
        try:
            take()
        except Overflow as overflow:
            outcomes.overflowed(self.draft, overflow)
        return self.added_to(self.draft.changes())

    def added_to(self, changes: Changes) -> Changes:
        """Changes, and what becomes of discoveries."""
        discovery = None if self._discovery == self._state.discovery else self._discovery
        asking = self._asking
        if changes.memos or changes.open or changes.defers:
            asking = asking._replace(news=True)
        return changes._replace(discovery=discovery, asking=None if asking == self._state.asking else asking)

    # -- the answer

    def take(self, reply: Reply) -> None:
        """Decide what an answer means."""
        if self._report.target == DISCOVERY:
            self._set(owed=self._asking.again)
            self._asking = self._asking._replace(under_way=False, again=False)
        if self._discovery.version < 0:
            self._set(version=reply.version)
        if reply.kind is ReplyKind.HELD:
            assert reply.held is not None
            if (step := self.draft.known(self._report.target)) is not None and step.begun:
                self.draft.opened(step._replace(begun=False))  # the code did not come to it
            code.held(self.draft, self._named(reply.held))
            return
        if reply.kind in (ReplyKind.COMPLETED, ReplyKind.REPORTED):
            code.came_to_its_place(self.draft)
        if reply.kind is ReplyKind.COMPLETED:
            outcomes.completed(self.draft, Completed("null" if reply.data is None else reply.data))
        elif reply.kind is ReplyKind.REPORTED:
            self.ops(reply.ops, no_retry=reply.no_retry, retry_after=reply.retry_after)
        else:
            if reply.kind is ReplyKind.BROKEN:
                self._set(generation=self._discovery.generation + 1)
                if (step := self.draft.known(self._report.target)) is not None and step.begun:
                    self.interrupted(step)
                    return
            self._failed(reply.error or ErrorInfo("Error", ""), reply.no_retry, reply.retry_after)

    def _named(self, held: Held) -> Held:
        """For people: an app knows a step that it has not come to by its hash alone."""
        known = self.draft.known(held.step) or self.draft.done(held.step)
        return held if known is None else held._replace(step=known.step.text)

    def interrupt_all(self) -> None:
        """The worker that has called for steps is gone."""
        for step in self._state.open.values():
            if step.begun:
                self.interrupted(step)

    def interrupted(self, step: OpenStep) -> None:
        """Nobody knows how an attempt went that must not be repeated."""
        text = (
            f'step "{step.step.text}" was cut while its app ran it. What its handler has done is not known, and with '
            'on_crash="fail" it is not run again'
        )
        error = ErrorInfo("StepInterruptedError", text, code=ErrorCode.STEP_INTERRUPTED.value)
        op = Op(Opcode.STEP_FAILED, step.step, step.kind, step.attempt, step.created_at, error=error)
        steps.failed(self.draft, op)
        self.finished(step, going_on=True)

    def ops(
        self, ops: Sequence[Op], *, no_retry: bool = False, retry_after: int | None = None, going_on: bool = False
    ) -> None:
        """Decide what reports mean.

        Args:
            ops: the reports of one body.
            no_retry: no attempt that failed is to be followed by another.
            retry_after: ms until the next attempt, as the answer asks for.
            going_on: the call that they are from is still under way.
        """
        mode = "race" if any(op.mode == "race" for op in ops) else "wait"
        for op in sorted(ops, key=lambda op: op.op not in FIRST):
            if self.draft.transition is not None:
                return
            whole = op if op.retry_after is not None else op._replace(retry_after=retry_after)
            self._op(whole, mode, no_retry=no_retry, going_on=going_on)
        if self._state.code.hold is not None and self.draft.transition is None and not going_on:
            self._goes_on(ops)
        elif self.draft.transition is None and not going_on:
            self._nothing_new(ops) if self._report.target == DISCOVERY else self._stray(ops)

    def _op(self, op: Op, mode: str, *, no_retry: bool, going_on: bool) -> None:
        draft, hashed = self.draft, op.step.hash
        if op.op is Opcode.RUN_COMPLETE:
            outcomes.completed(draft, Completed("null" if op.data is None else op.data))
        elif op.op in _MARKS:
            _MARKS[op.op](draft, op)
        elif op.op is Opcode.DEFER_ADD:
            defers.reported(draft, op)
        elif op.op is Opcode.DEFER_ABORT:
            defers.aborted(draft, op)
        elif hashed == COMPLETE.hash and op.op in (Opcode.STEP_ERROR, Opcode.STEP_FAILED):
            final = no_retry or op.op is Opcode.STEP_FAILED
            self._failed(op.error or ErrorInfo("Error", ""), final, op.retry_after)
        elif (known := draft.done(hashed)) is not None:
            draft.entries.append(known)
        elif op.op in _RAN:
            self._ran(op, no_retry=no_retry, going_on=going_on)
        elif op.op is Opcode.STEP_PLANNED or op.op in _WAITING:
            self._opens(op, mode, going_on=going_on)

    def _ran(self, op: Op, *, no_retry: bool, going_on: bool) -> None:
        """A handler was run: what it gave is its step's, or how it failed."""
        draft, was = self.draft, self.draft.known(op.step.hash)
        attempt = was.attempt if was is not None else self._attempt
        if was is not None and was.kind is not Opcode.STEP_RUN:
            if op.op is Opcode.STEP_CANCELLED:  # of whatever kind it is
                steps.given_up(draft, op._replace(kind=was.kind, attempt=was.attempt))
                self.finished(was, going_on=going_on)
            else:
                self._changed(was, Opcode.STEP_RUN)
            return
        op = op._replace(attempt=attempt, kind=Opcode.STEP_RUN, started_at=op.started_at or self._report.left_at)
        if op.error is not None:
            op = op._replace(error=op.error._replace(code=None))
        if op.op is Opcode.STEP_ERROR and op.step.hash in self._tried:
            return
        if op.op is Opcode.STEP_ERROR and not no_retry and attempt + 1 < (op.max_attempts or draft.run.retries + 1):
            if was is not None:
                self._tried.add(op.step.hash)
                steps.attempt_failed(draft, op)
            else:
                self._try_again(op.step, op.error or ErrorInfo("Error", ""), op.retry_after)
            return
        if op.op is Opcode.STEP_RUN and (op.data is None or codec.size(op.data) <= limits.MAX_STEP_OUTPUT):
            steps.succeeded(draft, op._replace(data="null" if op.data is None else op.data))
        elif op.op is Opcode.STEP_RUN:
            steps.failed(draft, op._replace(error=_too_large(op)))
        elif op.op is Opcode.STEP_CANCELLED:
            steps.given_up(draft, op)
        else:
            steps.failed(draft, op)
        self.finished(was, going_on=going_on)

    def _opens(self, op: Op, mode: str, *, going_on: bool) -> None:
        """A step is to be called for, sleeps, or waits; one that does already goes on as it began."""
        draft, hashed = self.draft, op.step.hash
        was, kind = draft.known(hashed), _WAITING.get(op.op, Opcode.STEP_RUN)
        if was is not None and was.kind is not kind:
            self._changed(was, kind)
            return
        if was is None:
            if draft.run.steps + len(draft.memos) + self._open >= draft.policy.max_steps:
                raise draft.too_many(op.step)
            if (error := _problem(op, draft.now)) is not None:
                steps.failed(draft, op._replace(error=error, kind=kind))
                self.finished(None, going_on=going_on)
                return
        if op.op is not Opcode.STEP_PLANNED:
            (sleeps if kind is Opcode.SLEEP else waits).began(draft, op._replace(kind=kind))
        elif was is None:
            draft.opened(OpenStep(op.step, kind, 0, draft.now, draft.now, once=op.once))
        if was is None and hashed in draft.open:
            self._open += 1
            step = draft.open[hashed] = draft.open[hashed]._replace(mode=mode)
            if step.kind in WAITS:
                draft.waits[-1] = draft.waits[-1]._replace(step=step)
        elif was is None:  # a sleep whose time has come
            self.finished(None, going_on=going_on)

    def _changed(self, was: OpenStep, kind: Opcode) -> None:
        text = f'the app reports its step "{was.step.text}" as {kind.value}, and has reported it as {was.kind.value}'
        self._failed(ErrorInfo("StepChangedError", text), final=False, retry_after=None)

    # -- what follows for discoveries

    def finished(self, was: OpenStep | None, *, going_on: bool) -> None:
        """A step has its memo, the last of the draft's: the code is to be entered with it, alone or with others'.

        Args:
            was: the step, as it was open; None if it was not.
            going_on: the code goes on with it by itself, if it was not open.
        """
        if was is None:
            if self._report.target == DISCOVERY and not going_on:
                self._owe()
            return
        self.all_finished((was,))

    def all_finished(self, steps: Collection[OpenStep]) -> None:
        """As `finished`, for steps that end at the same time: each look at those that wait costs a pass."""
        self._open -= len(steps)
        tells = self._discovery.version < 2 or any(step.mode == "race" for step in steps)
        if steps and (tells or not self._others_wait()):
            self._owe()

    def _others_wait(self) -> bool:
        """Whether steps are open whose ends are told together. All looks of an answer together pass them once."""
        draft = self.draft
        while self._other is not None and (self._other.mode == "race" or draft.done(self._other.step.hash) is not None):
            self._other = next(self._unseen, None)
        return self._other is not None or any(step.mode != "race" for step in draft.open.values())

    def _owe(self, at: int = 0) -> None:
        if self._asking.under_way:
            self._asking = self._asking._replace(again=True)
        else:
            self._set(owed=True, at=at)

    def _set(self, **changed: Any) -> None:
        self._discovery = self._discovery._replace(**changed)

    def _goes_on(self, ops: Sequence[Op]) -> None:
        """The code of a run on hold came to its place: it is claimed as others are, with a slot if it needs one."""
        if any(op.op is Opcode.DISCOVERY_REQUEST for op in ops):
            self._owe()
        self.draft.transition = Released(self.draft.now)

    # -- answers that bring nothing

    def _nothing_new(self, ops: Sequence[Op]) -> None:
        """A discovery brought nothing: what is open is waited for; else the code is asked again, after a while."""
        draft = self.draft
        if draft.memos or draft.open or draft.defers or draft.failed or self._asking.news:
            self._asking = self._asking._replace(idle=0)
            if any(op.op is Opcode.DISCOVERY_REQUEST for op in ops):
                self._owe()
            return
        if self._open and not any(op.op is Opcode.DISCOVERY_REQUEST for op in ops):
            return
        idle = self._asking.idle + 1
        self._asking = self._asking._replace(idle=idle % MAX_IDLE)
        if idle < MAX_IDLE:
            self._owe(draft.now + AGAIN)
        else:
            text = f"the app has answered {idle} calls in a row without doing anything, and nothing of the run waits"
            self._failed(ErrorInfo("NothingNewError", text), final=False, retry_after=None)

    def _stray(self, ops: Sequence[Op]) -> None:
        """An answer to a call for a step has to say something of it."""
        target = self._report.target
        strays = dict(self._asking.strays)
        count = strays.pop(target, 0)
        step = self.draft.known(target)
        if step is not None and self.draft.done(target) is None and not any(op.step.hash == target for op in ops):
            count += 1
            if count < MAX_STRAYS:
                strays[target] = count
                if not self.draft.memos:
                    self.draft.opened(step._replace(due_at=self.draft.now + AGAIN))
            else:
                text = f'the app was called {count} times in a row for its step "{step.step.text}", and answered with '
                self._failed(ErrorInfo("StepUnexpectedError", text + "others"), final=False, retry_after=None)
        self._asking = self._asking._replace(strays=tuple(strays.items()))

    # -- attempts that failed

    def _failed(self, error: ErrorInfo, final: bool, retry_after: int | None) -> None:
        """The call has failed as a whole: it is made again, unless that was the last attempt."""
        draft, target = self.draft, self._report.target
        if target in self._tried and not final:  # DISCOVERY is the body
            return
        attempt, step = self._attempt, None
        if target != DISCOVERY:
            step = draft.known(target)
            if step is None or draft.done(target) is not None:
                return  # what became of it is recorded
            attempt = step.attempt
        if final or attempt >= draft.run.retries:
            draft.transition = Ended(RunStatus.FAILED, None, error, draft.deferred())
        elif step is None:
            self._try_again(None, error, retry_after)
        else:
            self._tried.add(target)
            op = Op(Opcode.STEP_ERROR, step.step, step.kind, attempt, self._report.left_at, error=error)
            steps.attempt_failed(draft, op._replace(retry_after=retry_after))

    @property
    def _attempt(self) -> int:
        """Of the body. All that one answer says is of the same one, unless a step is recorded in between."""
        return self.draft.attempt - 1 if DISCOVERY in self._tried and self.draft.attempt else self.draft.attempt

    def _try_again(self, step: StepName | None, error: ErrorInfo, retry_after: int | None) -> None:
        """The code is to be entered once more, later: an attempt of the body is over, one for each answer at most."""
        draft, attempt = self.draft, self._attempt
        interval = draft.policy.retry_interval
        delay = retry_delay(attempt, jitter=draft.jitter, interval=interval, retry_after=retry_after)
        hashed, name = ("", "") if step is None else (step.hash, step.text)
        draft.failed.append(FailedAttempt(hashed, attempt, self._report.left_at, draft.now, error, name))
        if DISCOVERY not in self._tried:
            draft.attempt += 1
            self._owe(draft.now + delay)
        self._tried |= {DISCOVERY, hashed}


_RAN = frozenset((Opcode.STEP_RUN, Opcode.STEP_ERROR, Opcode.STEP_FAILED, Opcode.STEP_CANCELLED))

_MARKS = {Opcode.PATCHED: code.patched, Opcode.FOLLOWED: code.followed, Opcode.THREADED: code.threaded}

_WAITING = {kind: kind for kind in (Opcode.SLEEP, *WAITS)}


def _problem(op: Op, now: int) -> ErrorInfo | None:
    """Why a step cannot wait for what it asks for; None if it can."""
    if op.op is Opcode.STEP_PLANNED:
        return None
    where, target = f'step "{op.step.text}"', op.target
    length = op.until - now if op.until is not None else op.duration or 0
    if length > limits.MAX_SLEEP:
        text = f"{where}: at most 366 days can be waited, got {length // limits.DAY}"
        return ErrorInfo("TimeoutTooLongError", text, code=ErrorCode.TIMEOUT_TOO_LONG.value)
    if op.op is not Opcode.WAIT_FOR_EVENT or target is None:
        return None
    reason = events.listening_problem(target.name)
    if reason is None and target.expression:
        try:
            compiled(target.expression, WAIT)
        except ExpressionError as error:
            reason = f"if: {error}"
    return None if reason is None else ErrorInfo("StepArgumentError", f"{where}: {reason}; got {target.name!r}")


def _too_large(op: Op) -> ErrorInfo:
    size = 0 if op.data is None else codec.size(op.data)
    text = f'the output of step "{op.step.text}" has {size:,} bytes; at most {limits.MAX_STEP_OUTPUT:,} are kept'
    return ErrorInfo("OutputTooLargeError", text, code=ErrorCode.OUTPUT_TOO_LARGE.value)
