"""Decides at rest what a function behind HTTP does next: run a step that is alone, report several, wait for a target.

While the code moves, nobody knows whether a step is alone. So nothing runs before it has come to rest, but a target:
that is known to be wanted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence

from inngest.protocol.calls import Call, Held, Mode, Sign
from inngest.protocol.errors import StepUnexpectedError
from inngest.protocol.opcodes import Entry, Memo, Opcode
from inngest.runtime.idle import LoopIdle
from inngest.runtime.ports import Clock
from inngest.sdk.invocation.open_calls import Ending, Patience, StepCall
from inngest.sdk.invocation.replay import PATIENCE, PATIENCE_MAX, SPAN_MAX, ServedHistory
from inngest.sdk.invocation.scheduler import StepScheduler

GATHERING = 25
"""Milliseconds in which threads that a plain function has started itself are taken to call at a time."""


class ServedScheduler(StepScheduler):
    """The turns of one invocation behind HTTP.

    Args:
        loop: where the code runs.
        idle: tells when that is idle.
        clock: the time.
        history: the record of the run.
        passed: told of what is not waited for any more.
        call: what the function is entered for.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        idle: LoopIdle,
        clock: Clock,
        history: ServedHistory,
        passed: Callable[[Sequence[Entry]], None],
        call: Call,
    ) -> None:
        super().__init__(loop, idle, clock, history, _never, passed, call.holds)
        self._served = history
        self._call = call
        self._began_at = clock.monotonic()
        self._unmet = Patience(clock)  # with a target that the code has not come to
        self._waited = False  # in vain
        self.grouped: set[str] = set()  # hashes of calls in branches of groups

    def open(self, call: StepCall) -> None:
        """A step was called: the code goes on."""
        super().open(call)
        self._progress()

    def end(self, ending: Ending, error: BaseException | None = None) -> None:
        """The invocation is over."""
        super().end(ending, error)
        self._progress()

    def _give(self, call: StepCall, memo: Memo) -> None:
        super()._give(call, memo)
        self._progress()

    def _progress(self) -> None:
        self._unmet.end()
        self._waited = False

    def _wait_or_end(self) -> None:
        if self.running:
            self._go_on()  # a handler runs: its record comes first, whatever is called meanwhile
            return
        parked = [call for call in self.calls.values() if call.park is not None and not call.park.done()]
        if (stall := self._stalled()) is not None:
            self._be_patient(stall)
        elif parked and not self._let_go(parked):
            left = self._hope()
            if left is not None:
                self._alarm.set(self._clock.now() + left, self.changed)
            elif self._call.mode is Mode.TARGET and not any(call.op for call in parked):
                self._wait_for_target(parked)
            else:
                self.end(Ending.WAITING)

    def _let_go(self, parked: Sequence[StepCall]) -> bool:
        """Whether one call goes on: it was given up, which is recorded; or its step is alone, and runs."""
        call = next((one for one in parked if one.cancelled and self._concerns(one)), None)
        if call is None and self._is_alone(parked) and not self._gathers():
            call = parked[0]
            self._served.allow(call.step)
        if call is None or call.park is None:
            return False
        call.park.set_result(None)
        self.activity()
        return True

    def _concerns(self, call: StepCall) -> bool:
        """Whether something of a call may be reported: who asks for one step, hears nothing of others."""
        return self._call.mode is not Mode.TARGET or call.step.hash == self._call.target

    def _is_alone(self, parked: Sequence[StepCall]) -> bool:
        """Whether there is one call, of a step that may run at once.

        A step that must not run twice is never run at once: a server could not tell then that it had begun.
        """
        op = parked[0].op
        if len(self.calls) != 1 or op is None or op.op is not Opcode.STEP_PLANNED or op.once:
            return False
        mode = self._call.mode
        return mode is Mode.CHECKPOINT or (mode is Mode.REPORT and op.step.hash not in self.grouped)

    def _gathers(self) -> bool:
        """Whether threads that the function has started itself may be about to call: a pool does so at a time."""
        return self._aside_until - self._clock.monotonic() > PATIENCE - GATHERING

    def _hope(self) -> int | None:
        left = super()._hope()
        if left is not None and left > PATIENCE - GATHERING:
            return left - (PATIENCE - GATHERING)
        return left

    def _wait_for_target(self, parked: Sequence[StepCall]) -> None:
        """The code has not come to its target: give it time, since it may await something outside steps first."""
        if self._waited or self.exact:
            self._miss(parked)
        elif not self._unmet.lasts:
            least = min(PATIENCE + 2 * (self._clock.monotonic() - self._began_at), SPAN_MAX)
            self._unmet.begin(max(least, min(least << min(self._holds, 20), PATIENCE_MAX)), self._lose)

    def _lose(self) -> None:
        self._waited = True
        self.changed()

    def _miss(self, parked: Sequence[StepCall]) -> None:
        """It does not come. With a server of ours the code has changed; to others this attempt has failed."""
        target, called = self._call.target, parked[0].step
        missing = self._served.missing
        if not self._call.foreign and not self._served.met:
            step = target if missing is None else missing.step.text
            self.hold(Held(Sign.CALLED, step, called.text))
        else:
            message = f'the server asked for the step with hash {target}, and the code came to "{called.text}" instead'
            self.end(Ending.FAILED, StepUnexpectedError(message))


def _never(_: StepCall) -> None:
    """No wait is recorded while others run: it is reported at the end."""
