"""The step whose handler runs, as the code inside it sees it: who it is, and whether it was asked to stop.

Async handlers are interrupted by cancellation. Nothing interrupts a thread: a plain handler is asked, and looks.
"""

from __future__ import annotations

import asyncio
import contextvars
import enum
from collections.abc import Callable
from typing import Any, cast

from inngest.protocol.steps import hash_step_id
from inngest.runtime.ports import Clock, Scope, Timer
from inngest.sdk.errors import EndOfInvocation, NestedStepError, StepTimeoutError


class StepState(enum.StrEnum):
    """How far a request to stop has come. A request that was not delivered leaves the handler running as if nothing
    were.
    """

    RUNNING = "running"
    TIMEOUT_REQUESTED = "timeout requested"  # its time is over: an async handler is being cancelled, a plain one asked
    TIMEOUT_DELIVERED = "timeout delivered"  # the handler has seen it: it was cancelled, or has looked
    CANCEL_REQUESTED = "cancel requested"  # its run was cancelled or its branch lost a race, or its worker stops
    CANCEL_DELIVERED = "cancel delivered"


class CurrentStep:
    """The step in whose handler the code runs. Given by `inngest.current_step()`; may be read from any thread.

    Attributes:
        id: as written by the developer, with `:n` for a repeat.
        attempt: number of the attempt, from 0.
    """

    # What most steps never change is the class's.
    _deadline: int | None = None
    _timer: Timer | None = None
    _task: asyncio.Task[object] | None = None  # that can be interrupted
    _interrupted = False  # it was, because of the timeout
    _cancelling = 0  # how often it had been cancelled before
    _overdue = False
    _when_ended: Callable[[], object] | None = None
    _stop = False
    _delivered = False

    def __init__(
        self, invocation: object, step_id: str, attempt: int, clock: Clock, timeout: int | None = None
    ) -> None:
        self.id = step_id
        self.attempt = attempt
        self.timeout = timeout  # ms that this attempt has; None if it is not limited
        self.invocation = invocation
        self.nested: NestedStepError | None = None  # a step was called inside
        self.active = False  # the handler has begun and not ended
        self.began_at = 0
        self.abandoned = False  # its invocation is over
        self._clock = clock
        self.scope: Scope | None = None  # what is current meanwhile

    # -- for the handler

    @property
    def key(self) -> str:
        """A key of this step of this run for the other side, by which it knows a repeat: the same in each attempt, on
        each worker and after a crash; another one in each run, also when a run is run again. 43 letters of ASCII.
        """
        return f"{cast('Any', self.invocation).call.run_id}-{hash_step_id(self.id)[:16]}"

    @property
    def timeout_requested(self) -> bool:
        """Whether the time of this attempt is over. A handler that reads True has been told."""
        self._delivered = self._delivered or self._is_overdue()
        return self._is_overdue()

    @property
    def cancel_requested(self) -> bool:
        """Whether nobody wants the result any more: the run was cancelled, its branch has lost a race, or the worker
        stops. A handler that reads True has been told.
        """
        self._delivered = self._delivered or self._stop
        return self._stop

    def raise_if_cancelled(self) -> None:
        """Stop here if it was asked for. Call it now and then in a plain handler that takes long.

        Raises:
            StepTimeoutError: the time of this attempt is over; the attempt fails, and another may follow.
            BaseException: nobody wants the result. A control signal; `except Exception` does not catch it.
        """
        if self.cancel_requested:
            raise EndOfInvocation
        if self.timeout_requested:
            raise self.timeout_error()

    @property
    def state(self) -> StepState:
        """How far a request to stop has come. Reading it tells the handler nothing."""
        if self._stop:
            return StepState.CANCEL_DELIVERED if self._delivered else StepState.CANCEL_REQUESTED
        if self._is_overdue():
            return StepState.TIMEOUT_DELIVERED if self._delivered else StepState.TIMEOUT_REQUESTED
        return StepState.RUNNING

    # -- for the invocation

    def begin(self, now: int) -> None:
        """The handler begins, here and now (unix ms)."""
        self.active, self.began_at = True, now
        if self.scope is not None:
            self.scope.enter(now)
        if self.timeout is not None:
            self._deadline = self._clock.monotonic() + self.timeout
            self._task = _this_task()
            if self._task is not None:
                self._cancelling = self._task.cancelling()
                self._timer = self._clock.call_after(self.timeout, self._interrupt)

    def end(self) -> None:
        """The handler has ended, where it began."""
        if self.scope is not None:
            self.scope.leave()
        if self._deadline is not None:
            self._is_overdue()
        self.active = False
        if self._timer is not None:
            self._timer.cancel()
        if self._when_ended is not None:
            self._when_ended()

    def when_ended(self, call: Callable[[], object]) -> None:
        """Call back where the handler ends, in its thread; or at once, if it has ended. Perhaps twice."""
        self._when_ended = call
        if not self.active:
            call()

    def timed_out(self) -> bool:
        """Whether a cancellation that left the handler, or that it swallowed, was the timeout's alone; it is taken
        back then, as by `asyncio.timeout`.
        """
        if not self._interrupted or self._task is None:
            return False
        self._interrupted = False
        return self._task.uncancel() <= self._cancelling

    @property
    def overdue(self) -> bool:
        """Whether the attempt's time was over while its handler ran."""
        return self._overdue

    def timeout_error(self) -> StepTimeoutError:
        """The error of the attempt."""
        self._delivered = True
        return StepTimeoutError(f'step "{self.id}" did not end within {self.timeout} ms')

    def abandon(self) -> None:
        """The invocation is over: what the handler gives may not be recorded."""
        self.abandoned = True
        self.ask_to_stop()

    def ask_to_stop(self) -> None:
        """Nobody wants the result."""
        if not self._stop:
            self._stop = True
            self._delivered = False

    def _interrupt(self) -> None:
        if self.active and self._task is not None:
            self._overdue = self._interrupted = True
            self._task.cancel()

    def _is_overdue(self) -> bool:
        if not self._overdue and self._deadline is not None and self.active:
            self._overdue = self._clock.monotonic() >= self._deadline
        return self._overdue


RUNNING: contextvars.ContextVar[CurrentStep | None] = contextvars.ContextVar("inngest_running_step", default=None)


def current_step() -> CurrentStep:
    """The step in whose handler this code runs.

    It is a context variable: threads that were given a copy of the context, as by `asyncio.to_thread`, see it too.

    Raises:
        LookupError: this code does not run in a step's handler.
    """
    running = RUNNING.get()
    if running is None:
        raise LookupError("current_step: this code does not run in the handler of a step")
    return running


def _this_task() -> asyncio.Task[object] | None:
    try:
        return asyncio.current_task()
    except RuntimeError:  # in a thread of a plain function: nothing can cancel it
        return None
