"""Who may go on, and when an invocation is over (design §4.1: parking, order).

The code between steps is user code on an event loop: nothing says when it has come to rest. What is observed is
that no step was called for a few turns of the loop while no thread of a plain function was in its body. Then, and only
then, the conductor lets one call go on: the one whose memo is next in commit order.
"""

from __future__ import annotations

import asyncio
import enum
from collections import deque
from collections.abc import Callable, Collection

from inngest.protocol.opcodes import Memo, Op, Opcode, OpenStep
from inngest.protocol.steps import StepName

from .errors import DeterminismError, EndOfInvocation
from .ports import Clock, Timer
from .replay import History
from .turns import REST_TURNS, Turns

PATIENCE = 1_000
PATIENCE_MAX = 60_000
"""How long (ms) to wait, at rest, for a step that was recorded earlier but is not called: the body may await something
outside steps first. Then the code is taken to have changed."""


class Ending(enum.Enum):
    """Why an invocation is over."""

    RETURNED = "returned"  # the body returned or raised
    WAITING = "waiting"  # everything that is left waits
    STOPPED = "stopped"  # the run is not this invocation's any more
    FAILED = "failed"  # it cannot go on


class Turn(asyncio.Future[None]):
    """Resolved when its call may go on. Being cancelled is noted, and does not end the wait."""

    asked_to_cancel: Callable[[], None]

    def cancel(self, msg: object | None = None) -> bool:
        """Note that the caller gave up; the call itself goes on until its turn."""
        self.asked_to_cancel()
        return False


class StepCall:
    """A step call that has not been answered."""

    __slots__ = ("blocks", "cancelled", "executing", "kind", "op", "open", "park", "step", "task", "turn")

    def __init__(self, step: StepName, kind: Opcode, task: asyncio.Task[object] | None) -> None:
        self.step = step
        self.kind = kind
        self.task = task  # the task that waits for the answer
        self.turn: Turn | None = None  # it has a memo, and waits for its turn
        self.park: asyncio.Future[None] | None = None  # it has none, and waits
        self.open: OpenStep | None = None  # what is recorded of its waiting
        self.op: Op | None = None  # what to record of its waiting
        self.cancelled = False  # its caller gave up
        self.executing = False  # its handler runs
        self.blocks = False  # its handler was seen to block the loop


class Conductor:
    """The turns of one invocation."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        turns: Turns,
        clock: Clock,
        history: History,
        record_open: Callable[[StepCall], None],
    ) -> None:
        self._loop = loop
        self._turns = turns
        self._clock = clock
        self._history = history
        self._record_open = record_open
        self.calls: dict[str, StepCall] = {}  # by hash, in the order in which they were made
        self.running = 0  # handlers that execute and records under way
        self._parked = 0  # calls that wait without a memo
        self.ending: Ending | None = None  # why it is over
        self._over: asyncio.Future[Ending] = loop.create_future()
        self.error: Exception | None = None  # why it FAILED
        self.broken = False  # the error is the store's, not the code's
        self.yielding = False  # to end as soon as nothing runs
        self._busy = 0  # threads in the body of a plain function
        self._active_at = 0  # the turn of the last activity
        self._watching = False
        self._waiting_for_rest: deque[asyncio.Future[None]] = deque()
        self._timer: Timer | None = None
        self._timer_for: object = None
        self._hoped_until: int | None = None  # unix ms: when a due attempt that the code has not come to is given up

    # -- what happens

    def open(self, call: StepCall) -> None:
        """A step was called."""
        self.calls[call.step.hash] = call
        self.activity()

    def close(self, call: StepCall) -> None:
        """A call was answered, or given up."""
        if self.calls.get(call.step.hash) is call:
            del self.calls[call.step.hash]
        call.task = None  # the traceback of a task that was cancelled leads to the call
        self.activity()

    def enter(self) -> None:
        """A thread goes on in the body of a plain function."""
        self._busy += 1

    def leave(self) -> None:
        """A thread has called a step, or returned."""
        self._busy -= 1
        self.activity()

    def activity(self) -> None:
        """Something happened that may make the code go on: it is not at rest."""
        self._active_at = self._turns.now
        if not self._watching:
            self._watching = True
            self._turns.watch(self.look)

    def changed(self) -> None:
        """Something happened that does not move the code, but may change who goes on."""
        if self.resting:
            self._decide()

    def arrived(self, hashes: Collection[str]) -> None:
        """What these steps have been waiting for has come."""
        self._history.arrived(hashes)
        for hashed in hashes:
            call = self.calls.get(hashed)
            if call is not None and call.open is not None:
                call.open = call.open._replace(due_at=0)
        self.changed()

    def let_go(self) -> None:
        """End as soon as nothing runs: nobody gets a turn any more."""
        self.yielding = True
        self.changed()

    def break_off(self, error: Exception) -> None:
        """The store failed: nothing more can be recorded."""
        self.broken = self.ending is None
        self.end(Ending.FAILED, error)

    def end(self, ending: Ending, error: Exception | None = None) -> None:
        """The invocation is over; the first reason stands. Calls that wait for a turn are told."""
        if self.ending is not None:
            return
        self.error = error
        self.ending = ending
        if not self._over.done():
            self._over.set_result(ending)
        self._record_open = _nothing  # what would keep the invocation, and it this, until garbage is collected
        self._disarm()
        for waiter in self._waiting_for_rest:
            waiter.cancel()
        for call in self.calls.values():
            if call.turn is not None and not call.turn.done():
                call.turn.set_exception(EndOfInvocation())

    # -- waiting

    def until_over(self) -> asyncio.Future[Ending]:
        """Resolved when the invocation is over."""
        return self._over

    @property
    def resting(self) -> bool:
        """Whether the code has come to rest."""
        return not self._watching and not self._busy

    def may_pass(self, call: StepCall, memo: Memo) -> bool:
        """Whether the call may go on at once: it is the only one, the code rests, and its memo is next."""
        return (
            self.resting
            and len(self.calls) == 1
            and self._history.next is memo
            and not memo.cancelled
            and self.ending is None
        )

    async def turn(self, call: StepCall, memo: Memo) -> None:
        """Wait until it is the call's turn, whoever cancels it meanwhile.

        Raises:
            asyncio.CancelledError: the memo says that the caller gave up.
            EndOfInvocation: the invocation is over.
        """
        if self.ending is not None:
            raise EndOfInvocation
        turn = call.turn = Turn(loop=self._loop)
        turn.asked_to_cancel = lambda: self._asked_to_cancel(call)
        self.changed()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.done():
                raise
            turn.result()  # EndOfInvocation, if that is why
        finally:
            turn.asked_to_cancel = _nothing
        if memo.cancelled:
            raise asyncio.CancelledError

    async def rest(self) -> None:
        """Wait until the code has come to rest; served before any turn."""
        if self.ending is not None:
            raise EndOfInvocation
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiting_for_rest.append(waiter)
        self.changed()
        await waiter

    async def parked(self, call: StepCall) -> None:
        """Wait until what is recorded of the call falls due, or is over, while this invocation is still going.

        Raises:
            EndOfInvocation: the invocation is over.
        """
        if self.ending is not None:
            raise EndOfInvocation
        call.park = self._loop.create_future()
        self._parked += 1
        self.changed()
        try:
            await call.park
        finally:
            call.park = None
            self._parked -= 1

    def _asked_to_cancel(self, call: StepCall) -> None:
        call.cancelled = True
        self._loop.call_soon(self.changed)

    # -- deciding

    def look(self) -> None:
        """So many turns after an activity: has the code come to rest?"""
        if not self._busy and self._active_at + REST_TURNS > self._turns.now:
            self._turns.watch(self.look)  # a little later than need be, so that the turns stay in order
            return
        self._watching = False
        if not self._busy:
            self._decide()

    def _decide(self) -> None:
        """The code rests: let one call go on, or wait, or end."""
        if self.ending is not None:
            return
        if self.yielding:
            if not self.running:
                self.end(Ending.WAITING)
            return
        while self._waiting_for_rest:
            waiter = self._waiting_for_rest.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self.activity()
                return
        if self._history.next is None and not self._parked:
            return  # nobody waits, but for handlers and records
        if not (self._give_turn() or self._resume_due()):
            self._wait_or_end()

    def _give_turn(self) -> bool:
        """Whether a memo is waited for: then its call goes on, or is waited for itself."""
        memo = self._history.next
        if memo is None:
            return False
        call = self.calls.get(memo.step.hash)
        if call is not None and call.turn is None:
            return True  # it is on its way here from its record
        if call is not None and call.turn is not None:
            if memo.cancelled and not call.cancelled:
                self._be_patient(memo)
                return True
            self._disarm()
            self._history.deliver(memo)
            call.turn.set_result(None)
            self.activity()
            return True
        if any(other.turn is not None for other in self.calls.values()):
            self._be_patient(memo)
            return True
        return False

    def _resume_due(self) -> bool:
        now = self._clock.now()
        due = [
            (call.open.due_at, call)
            for call in self.calls.values()
            if call.park is not None and not call.park.done() and call.open is not None and call.open.due_at <= now
        ]
        if not due:
            return False
        call = min(due, key=lambda pair: pair[0])[1]
        assert call.park is not None
        call.park.set_result(None)
        self.activity()
        return True

    def _wait_or_end(self) -> None:
        parked = [call for call in self.calls.values() if call.park is not None]
        due = [call.open.due_at for call in parked if call.open is not None]
        if self.running:
            for call in parked:
                if call.open is None and call.op is not None:
                    self._record_open(call)
        elif not parked:
            return
        elif (until := self._hope()) is None:
            self.end(Ending.WAITING)
            return
        else:
            due.append(until)
        if due:
            self._arm(min(due), lambda fire: self._clock.call_at(min(due), fire), self.changed)

    def _hope(self) -> int | None:
        """Until when to wait for a step whose next attempt is due, and that the code has not come to yet.

        The run may have been entered for this very attempt: a branch that awaits something outside steps first would
        be cut off each time. None: there is no such step, or it was waited for.
        """
        now = self._clock.now()
        if not self._history.overdue(now):
            return None
        if self._hoped_until is None:
            self._hoped_until = now + PATIENCE
        return self._hoped_until if now < self._hoped_until else None

    def _be_patient(self, memo: Memo) -> None:
        """The code must ask for this memo, or give up waiting for it, before anyone may go on."""
        span = memo.ended_at - (memo.started_at if memo.cancelled else self._history.began_at)
        patience = PATIENCE + (2 * span if memo.cancelled else min(span, PATIENCE_MAX))
        self._arm(memo, lambda fire: self._clock.call_after(patience, fire), lambda: self._lose_patience(memo))

    def _lose_patience(self, memo: Memo) -> None:
        if not self.resting or self._history.next is not memo:
            return
        what = "given up" if memo.cancelled else "called"
        self.end(
            Ending.FAILED,
            DeterminismError(
                f'step "{memo.step.text}" was {what} when this run was recorded, and now it is not: the code changed '
                "while the run was under way, or its order depends on something outside steps."
            ),
        )

    def _arm(
        self, purpose: object, start: Callable[[Callable[[], None]], Timer], callback: Callable[[], object]
    ) -> None:
        if self._timer is not None and self._timer_for == purpose:
            return
        self._disarm()

        def fire() -> None:
            self._timer = self._timer_for = None
            callback()

        self._timer_for = purpose
        self._timer = start(fire)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._timer_for = None


def _nothing(*_: object) -> None:
    """Called back where nobody is interested any more."""
