"""Decides which call may go on, and when an invocation is over.

The code between steps is user code on an event loop: nothing says when it has come to rest. It counts as at rest when
no step was called for a few turns of the loop, and no thread of a plain function is in its body. Only then the
scheduler lets one call go on: the one whose memo is next in commit order.

New code waits for the history: calls of which nothing is recorded begin when the code has asked for all that is. The
scheduler waits as long as `History.patience` says. If the code does not come to a record by then, or a memo has no
turn, the code has changed, and the invocation ends on hold (docs/decisions/0039).
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Sequence

from inngest.protocol.calls import Held, Sign
from inngest.protocol.opcodes import Entry, Memo
from inngest.runtime.idle import IDLE_TURNS, LoopIdle
from inngest.runtime.ports import Clock
from inngest.sdk.errors import EndOfInvocation

from .open_calls import Alarm, Callers, Ending, Patience, Stall, StepCall, Turn, earliest, nothing, stall_of
from .replay import NOT_YET, PATIENCE, History


class StepScheduler:
    """The turns of one invocation. Every wait here raises EndOfInvocation when the invocation is over."""

    # What most invocations never change is the class's.
    exact = False  # at rest nothing comes from anywhere else: all code is in threads that are seen
    running = 0  # handlers that execute and records under way
    _parked = 0  # calls that wait without a memo
    _returning: asyncio.Future[None] | None = None  # the body has returned, and waits for the history
    _stall: Stall | None = None  # what keeps everything from going on
    held: Held | None = None  # why it is HELD
    ending: Ending | None = None  # why it is over
    error: BaseException | None = None  # why it FAILED
    broken = False  # the error is the store's, not the code's
    yielding = False  # to end as soon as nothing runs
    _busy = 0  # threads in the body of a plain function
    threaded = False  # others, which the function has started itself, call steps: nobody sees when they rest
    _aside = 0  # such calls that are open: while there are any, the function's own thread waits for them
    _aside_until = 0  # monotonic ms: until when one that was answered, or another one, may be about to call
    _active_at = 0  # the turn of the last activity
    _stirred = False  # something has happened since the code rested last
    _watching = False  # for the rest after that
    _hoped_until: int | None = None  # monotonic ms: a due attempt the code has not come to is given up then

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        idle: LoopIdle,
        clock: Clock,
        history: History,
        record_open: Callable[[StepCall], None],
        passed: Callable[[Sequence[Entry]], None],
        holds: int,
    ) -> None:
        self._loop = loop
        self._idle = idle
        self._clock = clock
        self._history = history
        self._record_open = record_open
        self._passed = passed
        self._holds = holds
        self.callers = Callers()
        self.calls: dict[str, StepCall] = {}  # by hash, in the order in which they were made
        self._behind: dict[str, StepCall] = {}  # calls that wait for the history, in the order in which they were made
        self._patience = Patience(clock)  # with the stall
        self.over: asyncio.Future[Ending] = loop.create_future()  # resolved with the ending
        self._waiting_for_rest: deque[asyncio.Future[None]] = deque()
        self._alarm = Alarm(clock)  # for when something that waits is due

    # -- what happens

    def open(self, call: StepCall) -> None:
        """A step was called."""
        self.calls[call.step.hash] = call
        if not self._history.through:
            self.callers.add(call.task)
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

    def expect_threads(self) -> None:
        """Threads of the function's own call steps: what does not come may come from one of them."""
        self.threaded, self.exact = True, False
        self._aside_until = self._clock.monotonic() + PATIENCE

    def enter_aside(self) -> None:
        """Such a thread has called a step."""
        self._aside += 1
        self.expect_threads()
        self.activity()

    def leave_aside(self) -> None:
        """The step of such a thread is answered."""
        self._aside -= 1
        self._aside_until = self._clock.monotonic() + PATIENCE
        self.activity()

    @property
    def _at_work(self) -> bool:
        """Whether a thread is in the body, and does not wait for other threads of it."""
        return self._busy > 0 and not self._aside

    def activity(self) -> None:
        """Something happened that may make the code go on: it is not at rest."""
        self._stirred = True
        self._active_at = self._idle.now
        if not self._watching and (not self._idle.is_idle or len(self.calls) > 1 or self._is_awaited):
            self.watch()

    def watch(self) -> None:
        """Look for the code to come to rest. Nobody looks while the loop is idle and nobody waits for that."""
        if self._stirred and not self._watching:
            self._watching = True
            self._idle.when_idle(self.look)

    @property
    def _is_awaited(self) -> bool:
        """Whether something is decided as soon as the code rests."""
        return bool(
            self.yielding
            or self._parked
            or self._behind
            or self._returning is not None
            or self._waiting_for_rest
            or self._history.is_waited_for
        )

    def changed(self) -> None:
        """Something happened that does not move the code, but may change who goes on."""
        if self.resting:
            self._decide()
        else:
            self.watch()

    def ran(self, call: StepCall) -> None:
        """A handler, or a record, of a call is over. A call that is alone asks at once whether it may pass."""
        self.running -= 1
        if self.yielding or len(self.calls) != 1 or call.open is not None:
            self.changed()

    def arrived(self, hashes: Collection[str]) -> None:
        """The answers to these steps have come."""
        self._history.arrived(hashes)
        for hashed in hashes:
            call = self.calls.get(hashed)
            if call is not None and call.open is not None:
                call.open = call.open._replace(due_at=0)
        self.changed()

    def yield_run(self) -> None:
        """End as soon as nothing runs: nobody gets a turn any more."""
        self.yielding = True
        self.changed()

    def break_off(self, error: Exception) -> None:
        """The store failed: nothing more can be recorded."""
        self.broken = self.ending is None
        self.end(Ending.FAILED, error)

    def end(self, ending: Ending, error: BaseException | None = None) -> None:
        """The invocation is over; the first reason stands. Calls that wait for a turn are told."""
        if self.ending is not None:
            return
        self.error = error
        self.ending = ending
        if not self.over.done():
            self.over.set_result(ending)
        self._record_open = nothing  # what would keep the invocation, and it this, until garbage is collected
        self._passed = nothing
        self.callers.clear()
        self._go_on()
        self._alarm.clear()
        for waiter in self._waiting_for_rest:
            waiter.cancel()
        for call in self.calls.values():
            if call.turn is not None and not call.turn.done():
                call.turn.set_exception(EndOfInvocation())
        if self._returning is not None and not self._returning.done():
            self._returning.set_exception(EndOfInvocation())

    def hold(self, held: Held, *, at_once: bool = False) -> None:
        """The code has changed: end as soon as nothing runs, or at once; nothing that is new is recorded."""
        if self.ending is not None:
            return
        self.held = self.held or held
        if self.running and not at_once:
            self.yielding = True  # handlers that run may have done something: they are recorded first
        else:
            self.end(Ending.HELD)

    # -- waiting

    @property
    def waits_for_time(self) -> bool:
        """Whether it goes on, or ends, when time has passed, if nothing comes before."""
        return self._patience.lasts or self._alarm.due is not None

    @property
    def resting(self) -> bool:
        """Whether the code has come to rest."""
        return not self._stirred and not self._at_work

    def may_pass(self, call: StepCall, memo: Memo) -> bool:
        """Whether the call may go on at once: it is the only one, the code rests, and its memo is next.

        A call of the body's own task on an idle loop is all that could move: the code rests without being looked at.
        """
        if len(self.calls) != 1 or self.ending is not None or memo.cancelled or not self._history.may_come(memo):
            return False
        if not self._stirred:
            return not self._at_work
        return (
            self.callers.is_body(call.task)
            and not self._busy
            and not self.yielding
            and not self._waiting_for_rest
            and self._idle.is_idle
        )

    async def turn(self, call: StepCall, memo: Memo) -> None:
        """Wait until it is the call's turn, whoever cancels it meanwhile.

        Raises:
            asyncio.CancelledError: the memo says that the caller gave up, and in this invocation it gave up, too.
            EndOfInvocation: the invocation is over.
        """
        if self.ending is not None:
            raise EndOfInvocation
        call.memo = memo
        turn = call.turn = Turn(loop=self._loop)
        turn.asked_to_cancel = lambda msg: self._asked_to_cancel(call, msg)
        self.changed()
        try:
            await turn
        except asyncio.CancelledError:
            if not turn.done():
                raise
            turn.result()  # EndOfInvocation, if that is why
        finally:
            turn.asked_to_cancel = nothing
        if memo.cancelled and not call.refused:
            raise asyncio.CancelledError(*call.reason)

    async def behind(self, call: StepCall) -> None:
        """Wait until the code has asked for all that was recorded before this invocation."""
        if self.ending is not None:
            raise EndOfInvocation
        call.behind = self._loop.create_future()
        self._behind[call.step.hash] = call
        self.changed()
        try:
            await call.behind
        finally:
            call.behind = None
            self._behind.pop(call.step.hash, None)

    async def may_return(self) -> None:
        """The body returns: wait until all that was recorded before was asked for, or may be passed over."""
        if self.ending is not None:
            raise EndOfInvocation
        returning = self._returning = self._loop.create_future()
        self.changed()
        try:
            await returning
        finally:
            self._returning = None

    async def rest(self) -> None:
        """Wait until the code has come to rest; served before any turn."""
        if self.ending is not None:
            raise EndOfInvocation
        waiter: asyncio.Future[None] = self._loop.create_future()
        self._waiting_for_rest.append(waiter)
        self.changed()
        await waiter

    async def parked(self, call: StepCall) -> None:
        """Wait until what is recorded of the call falls due, or is over, while this invocation is still going."""
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

    def _asked_to_cancel(self, call: StepCall, msg: object) -> None:
        call.abandon(*(() if msg is None else (msg,)))
        self._loop.call_soon(self.changed)

    # -- deciding

    def look(self) -> None:
        """So many turns after an activity: has the code come to rest?"""
        at_work = self._at_work
        if not at_work and self._active_at + IDLE_TURNS > self._idle.now:
            self._idle.when_idle(self.look)  # a little later than need be, so that the turns stay in order
            return
        self._watching = False
        if not at_work:
            self._stirred = False
            self._decide()

    def _decide(self) -> None:
        """The code rests: let one call go on, or wait, or end."""
        if self.ending is not None:
            return
        if self.yielding:
            if not self.running:
                self.end(Ending.WAITING if self.held is None else Ending.HELD)
            return
        while self._waiting_for_rest:
            waiter = self._waiting_for_rest.popleft()
            if not waiter.done():
                waiter.set_result(None)
                self.activity()
                return
        history = self._history
        if not (self._parked or self._behind or self._returning) and history.in_order and history.next is None:
            return  # nobody waits, but for handlers and records
        if self._give_turn() or self._begin() or self._resume_due():
            if self._stall is not None:
                self._go_on()
        else:
            self._wait_or_end()

    def _give_turn(self) -> bool:
        """Whether a call goes on with its memo, or is on its way from its record."""
        memo = self._history.next
        call = None if memo is None else self.calls.get(memo.step.hash)
        if call is not None and call.turn is None:
            return True
        if not self._history.in_order:
            call = earliest(self.calls.values(), self._history)
        if call is None or call.turn is None or call.memo is None or call.is_kept:
            return False
        self._give(call, call.memo)
        return True

    def _give(self, call: StepCall, memo: Memo) -> None:
        assert call.turn is not None
        if self._alarm.due is not None:
            self._alarm.clear()
        self._history.deliver(memo)
        call.turn.set_result(None)
        call.memo = None
        self.activity()

    def _begin(self) -> bool:
        """Whether new calls begin: the code has asked for all that was recorded."""
        if not self._history.through:
            return False
        waiting = [call.behind for call in self._behind.values()]
        waiting += [call.park for call in self.calls.values() if call.open is not None and call.open.due_at == NOT_YET]
        if self._returning is not None:
            waiting.append(self._returning)
        begun = [future for future in waiting if future is not None and not future.done()]
        for future in begun:
            future.set_result(None)
            self.activity()
        return bool(begun)

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
            self._go_on()
            for call in parked:
                if call.open is None and call.op is not None:
                    self._record_open(call)
        elif (stall := self._stalled()) is not None:
            self._be_patient(stall)
        elif parked:
            left = self._hope()
            if left is None:
                self.end(Ending.WAITING)
            else:
                due.append(self._clock.now() + left)
        if due and self.ending is None:
            self._alarm.set(min(due), self.changed)

    def _hope(self) -> int | None:
        """For how long (ms) to wait for a step whose next attempt is due, and that the code has not come to yet; or for
        a thread that nobody sees, and that may be about to call. Nobody who sets the clock makes that shorter.

        The run may have been entered for this very attempt: a branch that awaits something outside steps first would
        be cut off each time. None: there is no such step, or it was waited for.
        """
        lasting = self._clock.monotonic()
        if self._aside_until > lasting:
            return self._aside_until - lasting
        if not self._history.overdue(self._clock.now()):
            return None
        if self._hoped_until is None:
            self._hoped_until = lasting + PATIENCE
        return self._hoped_until - lasting if lasting < self._hoped_until else None

    # -- changed code

    def _stalled(self) -> Stall | None:
        return stall_of(self.calls, self._behind, self._history, returning=self._returning is not None)

    def _be_patient(self, stall: Stall) -> None:
        """Wait for what is missing, or decide that it does not come."""
        if stall.sign is Sign.RETURNED and self.callers.are_left():  # a task goes on: it would have come to it
            self._pass_over(None)
        elif self._stall != stall and not self.exact:
            self._go_on()
            self._stall = stall
            self._patience.begin(self._history.patience(stall.missing, self._holds), self.changed)
        elif not self._patience.lasts:
            self._stop_waiting(stall)

    def _go_on(self) -> None:
        """Nothing stalls any more."""
        self._patience.end()
        self._stall = None

    def _stop_waiting(self, stall: Stall) -> None:
        """The missing call does not come: the code has changed, unless something else says why."""
        self._stall = None
        last = self._history.last
        if stall.sign is Sign.RETURNED and self.threaded:  # a thread that it has left would have come to it
            self._pass_over(None)
        elif stall.sign is Sign.GIVEN_UP and self._history.follows:
            self.calls[stall.missing.step.hash].refused = True
            self.changed()
        elif not (self.callers.gave_up() and last is not None and self._pass_over(last.ended_at)):
            self.hold(Held(stall.sign, stall.missing.step.text, stall.call))

    def _pass_over(self, began_before: int | None) -> bool:
        """Whether something was recorded that a branch which was given up would have come to; nobody waits for it."""
        passed = self._history.pass_over(began_before)
        if passed:
            self._passed(passed)
            self.changed()
        return bool(passed)
