"""Calls of steps that are not answered yet: which is the next with a memo, and what keeps all of them from going on."""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from inngest.protocol.calls import Recorded, Sign
from inngest.protocol.opcodes import Entry, Memo, Op, Opcode, OpenStep
from inngest.protocol.steps import StepName
from inngest.runtime.ports import Clock, Timer

from .replay import PATIENCE, STOOD_STILL, TIMES_LATE, History


class Ending(enum.Enum):
    """Why an invocation is over."""

    RETURNED = "returned"  # the body returned or raised
    WAITING = "waiting"  # everything that is left waits
    STOPPED = "stopped"  # the run is not this invocation's any more
    FAILED = "failed"  # it cannot go on
    HELD = "held"  # the code changed while the run was under way


class Turn(asyncio.Future[None]):
    """Resolved when its call may go on. Being cancelled is noted, and does not end the wait."""

    asked_to_cancel: Callable[[object], None]

    def cancel(self, msg: object | None = None) -> bool:
        """Note that the caller gave up; the call itself goes on until its turn."""
        self.asked_to_cancel(msg)
        return False


class StepCall:
    """A step call that has not been answered."""

    # What most calls never change is the class's.
    turn: Turn | None = None  # it has a memo, and waits for its turn
    memo: Memo | None = None  # that memo
    refused = False  # it is given the memo of a call that was given up, though it was not
    behind: asyncio.Future[None] | None = None  # nothing is recorded of it, and it waits for the history
    park: asyncio.Future[None] | None = None  # it has no memo, and waits
    open: OpenStep | None = None  # what is recorded of its waiting
    op: Op | None = None  # what to record of its waiting
    cancelled = False  # its caller gave up
    reason: tuple[object, ...] = ()  # what it gave up with: a cancel scope knows its own by that
    recorded: Recorded | None = None  # it was recorded in a transaction of its own
    executing = False  # its handler runs
    blocks = False  # its handler was seen to block the loop

    def __init__(self, step: StepName, kind: Opcode, task: asyncio.Task[object] | None) -> None:
        self.step = step
        self.kind = kind
        self.task = task  # the task that waits for the answer

    @property
    def is_kept(self) -> bool:
        """Whether the memo says that the caller gave up, and it has not."""
        return self.memo is not None and self.memo.cancelled and not self.cancelled and not self.refused

    def abandon(self, *reason: object) -> None:
        """Its caller does not want it any more; the first reason counts."""
        self.cancelled = True
        self.reason = self.reason or reason


class Callers:
    """Tasks that have called a step, while the code had not come to all that was recorded.

    A branch that was given up does not come to what it had recorded: that is no sign of change.
    """

    def __init__(self) -> None:
        self._tasks: dict[asyncio.Task[object], None] = {}
        self._body: asyncio.Task[object] | None = None
        self._gave_up = False

    def add(self, task: asyncio.Task[object] | None) -> None:
        """A task has called a step."""
        if task is not None:
            self._tasks[task] = None

    def body(self, task: asyncio.Task[object] | None) -> None:
        """The task of the body: no branch."""
        self._body = task

    def is_body(self, task: asyncio.Task[object] | None) -> bool:
        """Whether a task is the body's."""
        return task is not None and task is self._body

    def lost(self) -> None:
        """A branch has lost a race."""
        self._gave_up = True

    def gave_up(self) -> bool:
        """Whether a branch was given up: it lost a race, or was cancelled."""
        return self._gave_up or any(task.cancelled() or task.cancelling() for task in self._tasks)

    def are_left(self) -> bool:
        """Whether a branch that has called a step goes on."""
        return any(not task.done() for task in self._tasks if task is not self._body)

    def clear(self) -> None:
        """The invocation is over."""
        self._tasks.clear()
        self._body = None


class Stall(NamedTuple):
    """The code does not come to what was recorded of it."""

    sign: Sign
    missing: Entry  # what it does not come to
    call: str  # id of the call that stands in its place; "" if the body returns


def earliest(calls: Iterable[StepCall], history: History) -> StepCall | None:
    """The call that waits with the memo that was recorded first of those that may come."""
    may_come = history.may_come
    waiting = [(one.memo.seq, one) for one in calls if one.memo and one.turn and may_come(one.memo)]
    free = [pair for pair in waiting if not pair[1].is_kept]
    return min(free or waiting, key=lambda pair: pair[0], default=(0, None))[1]


def stall_of(
    calls: Mapping[str, StepCall], behind: Mapping[str, StepCall], history: History, *, returning: bool
) -> Stall | None:
    """The reason why calls, or the end of the body, do not go on; None if they wait for nothing but time.

    Args:
        calls: all of them, by hash.
        behind: those that wait for the history, in the order in which they were made.
        history: the records of the run.
        returning: the body has returned, and waits for the history.
    """
    memo = history.next
    if history.in_order:
        call = None if memo is None else calls.get(memo.step.hash)
    else:
        call = earliest(calls.values(), history)
    if call is not None and call.memo is not None and call.is_kept:
        return Stall(Sign.GIVEN_UP, call.memo, call.step.text)
    missing = history.missing
    if missing is None:
        return None
    if returning:
        return Stall(Sign.RETURNED, missing, "")
    if behind:
        return Stall(Sign.CALLED, missing, next(iter(behind.values())).step.text)
    waiting = [(one.memo.seq, one.step.text) for one in calls.values() if one.turn and one.memo]
    return Stall(Sign.CALLED, memo, min(waiting)[1]) if waiting and memo is not None else None


class Patience:
    """The time that code has to come to what is missing."""

    __slots__ = ("_clock", "_timer")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timer: Timer | None = None

    @property
    def lasts(self) -> bool:
        """Whether it is not over, nor was ended."""
        return self._timer is not None

    def begin(self, ms: int, lost: Callable[[], object], late: int = 0) -> None:
        """Call back when so many milliseconds are over. If the loop, or the process, stood still then, the code had no
        chance to go on, and gets more of them.
        """
        until = self._clock.monotonic() + ms

        def over() -> None:
            self._timer = None
            if self._clock.monotonic() - until > STOOD_STILL and late < TIMES_LATE:
                self.begin(PATIENCE, lost, late + 1)
            else:
                lost()

        self._timer = self._clock.call_after(ms, over)

    def end(self) -> None:
        """Nothing is missing any more. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


class Alarm:
    """A timer that is set anew as other calls become the next that are due.

    Attributes:
        due: unix ms; None if it is not set.
    """

    __slots__ = ("_clock", "_timer", "due")

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._timer: Timer | None = None
        self.due: int | None = None

    def set(self, due: int, callback: Callable[[], object]) -> None:
        """Call back at a time (unix ms)."""
        if self.due == due:
            return
        self.clear()

        def fire() -> None:
            self._timer = self.due = None
            callback()

        self.due = due
        self._timer = self._clock.call_at(due, fire)

    def clear(self) -> None:
        """Never call back. Idempotent."""
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self.due = None


def nothing(*_: object) -> None:
    """Called back where nobody is interested any more."""
