"""One invocation of one function: replay what is recorded, run what is new, and say how it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Coroutine, Sequence
from typing import Any, TypeVar

from inngest.protocol.calls import Call, Completed, Failed, Held, Outcome, Yielded
from inngest.protocol.opcodes import Entry, Op, Opcode, OpenStep, OpTarget
from inngest.protocol.steps import StepCounter, StepIdTakenError, StepName
from inngest.runtime.careful import CarefulLogger
from inngest.runtime.idle import LoopIdle
from inngest.runtime.ports import Clock, Recorder
from inngest.runtime.raised import ends_the_task, original_of
from inngest.sdk.errors import (
    EndOfInvocation,
    NestedStepError,
    StepArgumentError,
    StepIdTakenInRunError,
    StepOutsideError,
)
from inngest.sdk.events import SendEventsResult
from inngest.sdk.function import Function
from inngest.sdk.serializers import type_of
from inngest.sdk.steps.arguments import ids_of
from inngest.sdk.steps.calls import (
    NOTHING,
    RACE,
    WAIT,
    RunRequest,
    SendRequest,
    StepRequest,
    WaitRequest,
    close_unawaited,
    refuse_unawaited,
)
from inngest.sdk.steps.current import RUNNING
from inngest.sdk.work import ON_LOOP, Driver, drive

from . import branches, error_records, replay
from .open_calls import Ending, StepCall
from .recording import Recording

R = TypeVar("R")
Handler = Callable[..., object]

UNWIND_GRACE = 10.0
"""Seconds that user code has for unwinding (its `finally` blocks) before it is left behind."""

_SPIN = 1_000
"""Refused step calls after which code that swallows the signal is left waiting for ever."""


class Invocation(Recording):
    """One entry into a function.

    Args:
        function: whose middleware, serializer and types are used.
        call: what is recorded of the run.
        recorder: makes steps durable.
        clock: the engine's time.
        idle: tells when the loop is idle.
        raw_request: the framework's request, for middleware; None in process.
    """

    def __init__(
        self,
        function: Function[object],
        call: Call,
        recorder: Recorder,
        clock: Clock,
        idle: LoopIdle,
        raw_request: object = None,
    ) -> None:
        super().__init__(function, call, recorder, clock, idle, raw_request)
        self._counter = StepCounter()
        self._refused = 0
        self._waiting_ops: tuple[Op, ...] = ()
        self.task: asyncio.Task[Any] | None = None  # of the body
        self.unreturned: list[asyncio.Task[Any]] = []  # tasks that it has left behind
        self.around: Callable[[Handler], Handler] | None = None  # gives what is called in the place of a handler
        self.blocks = False  # the body was seen to block the loop

    # -- the whole

    async def run(
        self, body: Callable[[], Coroutine[object, object, object]], home: Driver, *, interrupt: bool
    ) -> Outcome:
        """Run the function until it returns, waits, or loses its run.

        Args:
            body: runs the handler.
            home: where middleware runs outside steps.
            interrupt: unwind by cancelling the body's task; else its step calls do it.

        Raises:
            Exception: what the recorder's store raised; nothing is known of the last record then.
        """
        self._entry = asyncio.current_task()
        try:
            if self.hooks.any and (refused := await self._begin(home)):
                return refused
            self.task = task = self.loop.create_task(self._guarded(body, home))
            self.scheduler.exact = not interrupt
            if self.call.threaded:
                self.scheduler.expect_threads()
            self.scheduler.callers.body(task)
            task.add_done_callback(lambda _: self.scheduler.end(Ending.RETURNED))
            try:
                ending = await self.scheduler.over
                await self._unwind(task, interrupt)
            except asyncio.CancelledError:
                self.scheduler.end(Ending.STOPPED)
                await self._unwind(task, interrupt)
                raise
            outcome = await self._conclude(ending, task, home)
        finally:
            self._close()
        if isinstance(outcome, Held):
            return outcome  # all that would ride is new
        if self._waiting_ops and not isinstance(outcome, Completed):  # also of a failed attempt: they keep their time
            outcome = outcome._replace(ops=self._waiting_ops)
        return outcome._replace(ops=(*self._pending_ops(), *outcome.ops)) if self._has_pending_ops else outcome

    async def _begin(self, home: Driver) -> Failed | None:
        """Let middleware see what is recorded; what it raises fails the attempt."""
        try:
            await home.do(self.values.begin())
        except Exception as error:
            return error_records.body_failure(error)
        return None

    def _close(self) -> None:
        """Break the reference cycles, so that the invocation is freed with its last user. The garbage collector would
        take a tenth of the time of short runs for it.
        """
        self.task = self._entry = None
        if self.made:
            close_unawaited(self.made)
        self.made = NOTHING
        self.values.close()

    @property
    def app_id(self) -> str:
        """See `Caller.app_id`."""
        return self.function.client.app_id

    def yield_run(self) -> None:
        """Give the run up as soon as no handler runs; it goes on later."""
        self.scheduler.yield_run()

    def arrived(self, hashes: Collection[str]) -> None:
        """The answers to these steps have come."""
        self.scheduler.arrived(hashes)

    def stop(self) -> None:
        """The run is over, or another's: take down what runs; nothing of it can be recorded."""
        self.scheduler.end(Ending.STOPPED)

    @property
    def executing(self) -> list[str]:
        """Ids of the steps whose handlers run now."""
        return [call.step.text for call in self.scheduler.calls.values() if call.executing]

    def attempt(self) -> int:
        """The attempt: of the step inside its handler, of the body outside."""
        running = RUNNING.get()
        return running.attempt if running is not None and running.invocation is self else self._body_attempt

    @property
    def replaying(self) -> bool:
        """Whether known work is being replayed, so that logs are silent."""
        return self._live is None and self._history.replaying

    async def _guarded(self, body: Callable[[], Coroutine[object, object, object]], home: Driver) -> Completed | Failed:
        """The body with its result.

        An exception that derives from BaseException alone is a failure too: SystemExit would end the loop if it left
        the task.
        """
        try:
            ending = self.scheduler.ending
            if ending is not None:
                raise EndOfInvocation  # the run was cancelled, or lost, before its code began
            if not self._history.replaying:
                await self._go_live(home)
            value = await body()
            if not self._history.through:
                await self.scheduler.may_return()
            if self.made:
                refuse_unawaited(self.made)
        except BaseException as error:
            if ends_the_task(error) or issubclass(type(error), asyncio.CancelledError):
                raise  # the invocation, or the process, is being ended; or the body was cancelled from inside
            return await self._raised(original_of(error), home)
        if self.over:
            return Completed("null")
        return await self._returned(value, home)

    async def _returned(self, value: object, home: Driver) -> Completed | Failed:
        if not self.hooks.any:
            return await drive(self.values.returned(value))
        try:
            if self._live is not None:
                await home.do(self.hooks.call("after_execution"))
            return await home.do(self.values.returned(value))
        except Exception as error:
            return error_records.body_failure(error)

    async def _raised(self, error: BaseException, home: Driver) -> Failed:
        if self.over:  # what user code raises while it is unwound is nobody's failure
            return error_records.body_failure(error)
        error_records.log(self.function.client.logger, f"function {self.function.id}", error, self.facts)
        if not self.hooks.any:
            return await drive(self.values.raised(error))
        try:
            return await home.do(self.values.raised(error))
        except Exception as hook_error:
            return error_records.body_failure(hook_error)

    async def _conclude(self, ending: Ending, task: asyncio.Task[Completed | Failed], home: Driver) -> Outcome:
        outcome: Outcome
        if ending is Ending.RETURNED:
            outcome = self._result(task)
            if isinstance(outcome, Completed) and (left := self._history.left):
                outcome = outcome._replace(unasked=tuple(entry.step.text for entry in left))
        elif ending is Ending.HELD:
            assert self.scheduler.held is not None
            outcome = self.scheduler.held
        elif ending is Ending.FAILED:
            assert self.scheduler.error is not None
            if self.scheduler.broken:
                raise self.scheduler.error
            outcome = error_records.body_failure(self.scheduler.error)
        elif self._swallowed(ending, task):
            outcome = error_records.swallowed(self.function.client.logger, self.function.id, self.facts)
        else:
            outcome = Yielded((), self.scheduler.yielding, self._history.unreached, self._history.through)
        if self.hooks.any:
            try:
                if ending in (Ending.WAITING, Ending.HELD) and self._live is not None:
                    await home.do(self.hooks.call("after_execution"))
                await home.do(self.hooks.call("before_response"))
            except Exception as error:
                return error_records.body_failure(error)
        return outcome

    def _swallowed(self, ending: Ending, task: asyncio.Task[Completed | Failed]) -> bool:
        """Whether code that is to wait has returned.

        A worker that lets go of its run is not the code's failure, nor is a body that has waited for a thread of its
        own, and hears nothing of what that was told.
        """
        returned = isinstance(error_records.quietly(task), Completed)
        return ending is Ending.WAITING and not self.scheduler.yielding and not self.scheduler.threaded and returned

    def _result(self, task: asyncio.Task[Completed | Failed]) -> Completed | Failed:
        if task.cancelled():
            return error_records.body_failure(asyncio.CancelledError("the function's body was cancelled from inside"))
        if (error := task.exception()) is not None:  # a stale signal; or the keyboard, and the loop goes on
            return error_records.body_failure(error)
        return task.result()

    async def _unwind(self, task: asyncio.Task[Completed | Failed], interrupt: bool) -> None:
        """Take down what is left: the body, and tasks that still wait for a step."""
        self._unwinding = True
        for running in self.running.values():
            running.abandon()
        calls = self.scheduler.calls.values()
        if calls and self.scheduler.ending is Ending.RETURNED and isinstance(error_records.quietly(task), Completed):
            self._tell_left([call.step.text for call in calls if call.task and not call.task.cancelling()])
        self._waiting_ops = tuple(call.op for call in calls if call.op is not None and call.behind is None)
        stuck = not interrupt and bool(self.executing)  # nothing interrupts a thread: it is not waited for
        tasks: list[asyncio.Task[Any]] = [call.task for call in self.scheduler.calls.values() if call.task]
        if interrupt:
            tasks.append(task)
        for one in (*tasks, *self._background):  # what is being recorded is recorded first
            one.cancel()
        left = [one for one in (*tasks, task, *self._background) if not one.done()]
        if not left:
            return
        self.unreturned = left
        for one in left:
            one.add_done_callback(
                error_records.quietly
            )  # seen: nobody is told how it ends, nor if this is cancelled, too
        done, pending = await asyncio.wait(left, timeout=0 if stuck else UNWIND_GRACE)
        self.unreturned = list(pending)
        for one in done:
            error_records.quietly(one)
        if pending and not stuck:
            CarefulLogger(self.function.client.logger).warning(
                "function %s is still unwinding after %s s and is left behind: its finally blocks take too long",
                self.function.id,
                UNWIND_GRACE,
                extra=self.facts,
            )

    # -- steps

    def step(self, request: StepRequest) -> Coroutine[Any, Any, object]:
        """See `Caller.step`: of async functions."""
        if not isinstance(request, RunRequest):  # methods that do more than hand it on are noted by themselves
            return self.answer(ON_LOOP, request)
        coroutine = self._call(ON_LOOP, request)
        self.made[request] = coroutine, request.options.kind or request.method, request.step_id
        return coroutine

    def answer(self, driver: Driver, request: StepRequest) -> Coroutine[Any, Any, object]:
        """One call of a step of any kind; its value.

        Args:
            driver: runs what user code there is in it: on the loop, or in the caller's thread.
            request: what is asked for.
        """
        return self._send(driver, request) if isinstance(request, SendRequest) else self._call(driver, request)

    async def _call(self, driver: Driver, request: StepRequest) -> object:
        if isinstance(request, RunRequest):
            self.made.pop(request, None)
            if (serializer := self.function.client.serializer) is not None:
                request.kept_as = type_of(serializer, request.output_type, request.handler)
            if self.around is not None:
                request.handler = self.around(request.handler)
        call = self._open(request.step_id, request.kind) or await self._refuse(request.step_id)
        fresh = is_over = False
        try:
            if isinstance(request, WaitRequest):
                is_over = self._prepare(call, request)
            entry = self._history.reach(call.step)
            if isinstance(entry, OpenStep) and entry.kind is call.kind:
                entry = await self._take_up(call, entry)
            while True:
                now = self._clock.now() if isinstance(entry, OpenStep) else 0
                decision = self._history.decide(entry, call.step, call.kind, now)
                if isinstance(decision, replay.Answer):
                    return await self._answer(driver, call, decision.memo, request.kept_as, fresh)
                if isinstance(decision, replay.Park) and not (is_over and decision.open is None):
                    entry = await self._wait(driver, call, decision.open)
                elif not isinstance(decision, replay.Park | replay.Execute):
                    entry = await self._stand_back(driver, call, request, decision)
                elif isinstance(request, WaitRequest):
                    entry = await self._report(driver, call, request)
                else:
                    assert isinstance(decision, replay.Execute)
                    entry = await self._attempt(driver, call, request, decision.attempt)
                    fresh = True
                    if call.cancelled and isinstance(entry, OpenStep):  # while its failed attempt was being recorded
                        entry = await self._record_now(call, self._given_up(call))
        finally:
            self.scheduler.close(call)

    async def _send(self, driver: Driver, request: SendRequest) -> object:
        value = await self._call(driver, request)
        if request.tried and self.hooks.any:
            await driver.do(self.values.sent(SendEventsResult(ids=ids_of(value))))
        return value

    def _prepare(self, call: StepCall, request: WaitRequest) -> bool:
        """Note what is recorded of a step when it waits; whether it is a sleep that is over at once."""
        now = self._clock.now()
        op = request.op(call.step, now)
        if request.kind is not Opcode.SEND_SIGNAL:  # a signal is sent with the record, and never waits
            call.op = op
        return request.kind is Opcode.SLEEP and (request.length(now) or 0) <= 0

    async def _take_up(self, call: StepCall, entry: OpenStep) -> Entry:
        """A step is open since before this invocation."""
        if entry.begun:
            facts = {**self.facts, "step": entry.step.text, "attempt": entry.attempt}
            return await self._record_now(call, error_records.interrupted(self.function.client.logger, facts, entry))
        if call.op is not None and call.op.target is not None and call.op.target.secrets:
            return await self._record_now(call, call.op)  # nobody else may know them
        return entry

    async def _report(self, driver: Driver, call: StepCall, request: WaitRequest) -> Entry:
        """Record a step that its record completes: a signal that is sent, or a sleep that is over at once."""
        if call.op is not None:
            if self.hooks.any:
                await self._tell(driver, call)
            return await self._record_now(call, call.op)
        await self._only_probes(call)
        if self._live is None or not self._live.done():
            await self._go_live(driver)
        now = self._clock.now()
        return await self._record_now(call, request.op(call.step, now)._replace(started_at=now))

    # -- groups

    async def parallel(
        self, callables: Sequence[Callable[[], Awaitable[object]]], pace: str = WAIT
    ) -> tuple[object, ...]:
        """See `Caller.parallel`: of async functions. No branch outlives the call."""
        return await branches.parallel(self.grouped(callables, pace))

    async def race(self, callables: Sequence[Callable[[], Awaitable[object]]]) -> tuple[int, object]:
        """See `Caller.race`: of async functions. No branch outlives the call."""
        return await branches.race(self.grouped(callables, RACE), self.losing, self.function.client.logger)

    def grouped(self, callables: Sequence[Callable[[], R]], pace: str) -> Sequence[Callable[[], R]]:
        """The branches of a group, as they are to be called. In process they are paced by nobody."""
        return callables

    # -- deferred functions

    def defer(self, defer_id: str, target: OpTarget) -> StepName:
        """See `Caller.defer`: named as steps are. Called on the loop, also for plain functions."""
        _on_loop("defer", defer_id, "was called")
        call = self._open(defer_id, Opcode.DEFER_ADD)
        if call is None:
            raise self._refusal(defer_id)
        self.scheduler.close(call)
        decision = self._history.decide(self._history.entry(call.step), call.step, call.kind, 0)
        if isinstance(decision, replay.Changed):
            self._changed(call, decision, at_once=True)  # a plain call cannot wait for the end
            raise EndOfInvocation
        self._defers.add(call.step, target, self._clock.now())
        return call.step

    def abort(self, step: StepName) -> None:
        """See `Caller.abort`."""
        _on_loop("defer", step.text, "was called")
        if not self._reachable(step.text, "ctx.defer"):
            raise self._refusal(step.text)
        self._defers.abort(step, self._clock.now())

    def patched(self, patch_id: str) -> bool:
        """See `Caller.patched`: the first call of an id in an invocation decides for all."""
        _on_loop("patched", patch_id, "was asked")
        if not self._reachable(patch_id, "ctx.patched"):
            raise self._refusal(patch_id)
        return self._patches.says(patch_id, beyond=self._history.given)

    # -- calls

    def _open(self, step_id: str, kind: Opcode) -> StepCall | None:
        """Name the call and note that it waits for an answer; None if the invocation is over."""
        if not self._reachable(step_id, "ctx.defer" if kind is Opcode.DEFER_ADD else "step"):
            return None
        try:
            step = self._counter.name(step_id)
        except StepIdTakenError as error:
            raise StepIdTakenInRunError(str(error)) from None
        except (TypeError, ValueError) as error:
            raise StepArgumentError(str(error)) from None
        call = StepCall(step, kind, asyncio.current_task())
        self.scheduler.open(call)
        return call

    def _reachable(self, step_id: str, call: str = "step") -> bool:
        """Whether the invocation goes on. A call from where it must not come from raises."""
        running = RUNNING.get()
        if running is not None and running.invocation is self:
            running.nested = NestedStepError(step_id, running.id, call)
            raise running.nested
        if asyncio.get_running_loop() is not self.loop:
            raise StepOutsideError(f'{call} "{step_id}" was called on another event loop than its function runs on')
        if self.over:
            return False
        if self.losing.tasks:
            self.losing.check(asyncio.current_task())
        return True

    async def _refuse(self, step_id: str) -> StepCall:
        """The invocation is over: do nothing, and let nobody spin on it."""
        refusal = self._refusal(step_id)
        self._refused += 1
        if self._refused > _SPIN and isinstance(refusal, EndOfInvocation):
            return await self._never()
        raise refusal

    def _refusal(self, step_id: str) -> StepOutsideError | EndOfInvocation | KeyboardInterrupt:
        """The answer to a call that comes when the invocation is over."""
        if isinstance(self.scheduler.error, KeyboardInterrupt):  # code that cleans up is not to swallow it
            return self.scheduler.error
        if self.scheduler.ending is Ending.RETURNED:
            return StepOutsideError(f'step "{step_id}" was called after its function had ended')
        return EndOfInvocation()

    def abandon(self, call: StepCall) -> None:
        """The caller, a thread, does not want the result any more: a wait is closed, and a handler asked to stop. A
        handler that has returned, or returns all the same, has its result recorded.
        """
        call.cancelled = True
        if (running := self.running.get(call.step.hash)) is not None:
            running.ask_to_stop()
        for future in (call.park, call.behind):
            if future is not None:
                future.cancel()
        self.scheduler.changed()


def _on_loop(what: str, name: str, done: str) -> None:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        raise StepOutsideError(f'{what} "{name}" {done} in a thread that is not its function\'s') from None
