"""One invocation of a function behind HTTP: it does a part of the work, and says what is left.

A server enters the function again and again. Each entry replays what is recorded, runs one step at most (with
checkpoints: one at a time), and reports the steps that are to run, or wait, next.
"""

from __future__ import annotations

import asyncio
import contextvars
import functools
from collections.abc import Callable, Coroutine, Sequence
from typing import NamedTuple, TypeVar

from inngest.protocol import codec
from inngest.protocol.calls import Call, Completed, Failed, Held, Mode, Outcome
from inngest.protocol.errors import Error, ErrorCode, FunctionConfigInvalidError
from inngest.protocol.opcodes import Entry, Memo, Op, Opcode, OpenStep, SentEvent
from inngest.protocol.steps import StepName
from inngest.runtime.idle import LoopIdle
from inngest.runtime.ports import Clock, Recorder
from inngest.sdk.client import delivering, signalling
from inngest.sdk.errors import DeterminismError, SendEventsError
from inngest.sdk.function import Function
from inngest.sdk.invocation import error_records, replay
from inngest.sdk.invocation.invocation import Invocation
from inngest.sdk.invocation.open_calls import Ending, StepCall
from inngest.sdk.invocation.replay import ServedHistory
from inngest.sdk.middleware import TransformOutputResult, TransformOutputStepInfo
from inngest.sdk.steps.calls import RACE, WAIT, RunRequest, SendRequest, StepRequest, WaitRequest
from inngest.sdk.work import ON_LOOP, Driver, Work

from . import patches
from .scheduler import ServedScheduler

R = TypeVar("R")


class _Branch(NamedTuple):
    """A branch of a group, in whose context calls are made."""

    invocation: object
    pace: str
    task: asyncio.Task[object] | None  # its own; None in a thread


_BRANCH: contextvars.ContextVar[_Branch | None] = contextvars.ContextVar("inngest_branch", default=None)


class ServedInvocation(Invocation):
    """One entry into a function behind HTTP.

    The recorder answers with STOP when what was recorded is all that this entry may do.

    Args:
        function: whose middleware, serializer and types are used.
        call: what is recorded of the run, and what it is entered for.
        recorder: takes what is reported while the code goes on.
        clock: the time.
        idle: tells when the loop is idle.
        raw_request: the framework's request, for middleware.
    """

    scheduler: ServedScheduler
    _history: ServedHistory
    _keyboard: KeyboardInterrupt | None = None  # with which the code has ended the loop

    def __init__(
        self,
        function: Function[object],
        call: Call,
        recorder: Recorder,
        clock: Clock,
        idle: LoopIdle,
        raw_request: object = None,
    ) -> None:
        super().__init__(function, patches.read(call) if call.foreign else call, recorder, clock, idle, raw_request)
        self._strayed = self._strayed or call.foreign  # such a server has no use for that

    def _recall(self, call: Call) -> ServedHistory:
        return ServedHistory(
            call.memos,
            call.open_steps,
            call.defers,
            mode=call.mode,
            target=call.target,
            attempt=call.attempt,
            follows=call.foreign or call.follows or self.function.options.on_change == "follow",
        )

    def _schedule(self, call: Call, idle: LoopIdle) -> ServedScheduler:
        return ServedScheduler(self.loop, idle, self._clock, self._history, self._tell_passed, call)

    async def run(
        self, body: Callable[[], Coroutine[object, object, object]], home: Driver, *, interrupt: bool
    ) -> Outcome:
        """See `Invocation.run`. Code that ends the loop with `KeyboardInterrupt` has failed: the answer says so while
        the tasks of the loop are cancelled.
        """
        try:
            return await super().run(body, home, interrupt=interrupt)
        except asyncio.CancelledError:
            if self._keyboard is None:
                raise
            return error_records.body_failure(self._keyboard)

    # -- what is reported

    async def _unwind(self, task: asyncio.Task[Completed | Failed], interrupt: bool) -> None:
        ended = task.exception() if task.done() and not task.cancelled() else None
        self._keyboard = ended if isinstance(ended, KeyboardInterrupt) else None
        await super()._unwind(task, interrupt)
        if self.scheduler.ending is Ending.STOPPED:
            self._waiting_ops = ()  # what was recorded is the report: others are told when the code comes to them again
        elif len(self._waiting_ops) == 1 and self.call.mode in (Mode.REPORT, Mode.CHECKPOINT):
            op = self._waiting_ops[0]
            if op.step.hash not in self.scheduler.grouped:
                self._waiting_ops = (op._replace(mode=""),)  # nothing is beside it

    async def _conclude(self, ending: Ending, task: asyncio.Task[Completed | Failed], home: Driver) -> Outcome:
        if self.hooks.any and ending in (Ending.WAITING, Ending.STOPPED):
            try:
                await home.do(self._reported(ending))
            except Exception as error:
                return error_records.body_failure(error)
        outcome = await super()._conclude(ending, task, home)
        if isinstance(outcome, Held) and self.call.foreign:
            return error_records.body_failure(DeterminismError(holding(outcome)))
        if isinstance(outcome, Failed) and outcome.error.code == ErrorCode.SIGNAL_SWALLOWED:
            return outcome._replace(retriable=False)  # it would be called again at once, and do the same
        return outcome

    def _reported(self, ending: Ending) -> Work[None]:
        """Middleware hears which steps are to run, and that the code is over for now."""
        for op in self._waiting_ops:
            if op.op is Opcode.STEP_PLANNED:
                info = TransformOutputStepInfo(op.step.text, op.op)
                yield from self.hooks.call("transform_output", TransformOutputResult(output=None, step=info))
        if ending is Ending.STOPPED and self._live is not None:
            yield from self.hooks.call("after_execution")

    @property
    def _has_pending_ops(self) -> bool:
        """Whether something may ride. Beside a target nothing does: it was told when that was planned."""
        if self.call.mode is Mode.TARGET and self.scheduler.ending is not Ending.RETURNED:
            return False
        return super()._has_pending_ops

    def _pending_ops(self) -> list[Op]:
        ops = super()._pending_ops()
        if not self.call.foreign:
            return ops
        if self.scheduler.ending is Ending.RETURNED:  # there is no replay for which it would be kept
            return [op for op in ops if op.op is not Opcode.PATCHED]
        return [patches.as_step(op) if op.op is Opcode.PATCHED else op for op in ops]

    def called_aside(self) -> None:
        """A thread that the function has started itself calls a step."""
        super().called_aside()
        if self.call.foreign:
            self._to_tell_of_threads = False

    async def _record(self, call: StepCall, op: Op) -> Entry:
        most = op.max_attempts or self.call.max_attempts
        if op.op is Opcode.STEP_ERROR and most is not None and op.attempt + 1 >= most:
            op = op._replace(op=Opcode.STEP_FAILED, retry_after=None)
        return await super()._record(call, op)

    # -- groups

    def grouped(self, callables: Sequence[Callable[[], R]], pace: str) -> Sequence[Callable[[], R]]:
        """The branches of a group, as they are to be called: each knows how it is paced."""

        def enter(branch: Callable[[], R]) -> R:
            _BRANCH.set(_Branch(self, pace, _current_task()))
            return branch()

        return [functools.partial(enter, one) for one in callables]

    def _pace_of(self, call: StepCall) -> str:
        """How a server is to pace what comes after a call. Code that runs beside other code by itself, as with
        `asyncio.gather`, goes on by itself.
        """
        branch = _BRANCH.get()
        if branch is None or branch.invocation is not self:
            return RACE
        self.scheduler.grouped.add(call.step.hash)
        is_own = branch.task is None or branch.task is call.task
        return "" if is_own and branch.pace == WAIT else RACE

    # -- one call of a step

    async def _answer(self, driver: Driver, call: StepCall, memo: Memo, output_type: object, fresh: bool) -> object:
        value = await super()._answer(driver, call, memo, output_type, fresh)
        if call.kind is Opcode.WAIT_FOR_SIGNAL and isinstance(value, dict) and value.keys() == {"signal", "data"}:
            return value["data"]  # servers tell the signal's name besides
        return value

    def _prepare(self, call: StepCall, request: WaitRequest) -> bool:
        super()._prepare(call, request)
        return False  # a sleep that is over at once is reported as others: its server wakes the run

    async def _stand_back(
        self, driver: Driver, call: StepCall, request: StepRequest, decision: replay.Decision
    ) -> Entry | None:
        if isinstance(decision, replay.Propose):
            once = isinstance(request, RunRequest) and request.options.once
            if once:
                self._check_once(call)
            call.op = Op(Opcode.STEP_PLANNED, call.step, once=once, mode=self._pace_of(call))
        elif isinstance(decision, replay.Ignore):
            call.op = None  # nobody asks
        else:
            return await super()._stand_back(driver, call, request, decision)
        return await self._until_let_go(call)

    async def _wait(self, driver: Driver, call: StepCall, open_step: OpenStep | None) -> Entry | None:
        if self._live is None:
            await self._go_live(driver)
        if self.hooks.any:
            await self._tell(driver, call)
        if call.op is not None:
            call.op = call.op._replace(mode=self._pace_of(call))
        return await self._until_let_go(call)

    async def _until_let_go(self, call: StepCall) -> Entry | None:
        """Wait for the scheduler. That a call was given up is recorded when the code rests, and not while another
        step runs, whose record would be lost.

        Returns:
            What is recorded of the step by then; None if it may run now.
        """
        while True:
            try:
                await self.scheduler.parked(call)
            except asyncio.CancelledError as error:
                if self.over:
                    raise
                call.abandon(*error.args)
            else:
                break
        if call.cancelled:
            return await self._record_now(call, self._given_up(call))
        call.op = None
        return self._history.entry(call.step)

    def _check_once(self, call: StepCall) -> None:
        """Raises FunctionConfigInvalidError."""
        if self.call.foreign:
            raise FunctionConfigInvalidError(
                f'on_crash: step "{call.step.text}" must not run twice, and the server of this run does not keep that '
                'it has begun. Leave out on_crash="fail", or run the function on a server of this package'
            )

    async def _attempt(self, driver: Driver, call: StepCall, request: StepRequest, number: int) -> Entry:
        if isinstance(request, RunRequest) and request.options.once:
            self._check_once(call)
        return await super()._attempt(driver, call, request, number)

    async def _begun(self, call: StepCall, number: int) -> bool:
        """Whether the handler is to run: the server has noted that it begins before it asked for it."""
        return not call.cancelled

    async def _report(self, driver: Driver, call: StepCall, request: WaitRequest) -> Entry:
        """Send a signal. It is the work of an attempt, since it is sent by a request."""
        return await self._attempt(driver, call, request, self._history.attempt)

    def _work(self, driver: Driver, step: StepName, request: StepRequest, number: int) -> Work[Op]:
        blocking = driver is not ON_LOOP
        if isinstance(request, SendRequest):
            return self.values.sending(step, number, request.events, functools.partial(self._deliver, blocking))
        if isinstance(request, WaitRequest):
            return self._signal(blocking, step, request, number)
        return super()._work(driver, step, request, number)

    def _deliver(self, blocking: bool, events: Sequence[SentEvent]) -> Work[list[str]]:
        """Send the events of a step. One that is tried again sends them with the same ids, and they count once."""
        events = [event._replace(key=event.key or event.id) for event in events]
        result = yield from delivering(self.function.client, events, blocking=blocking)
        yield from self.values.sent(result)
        if result.error is not None:
            raise SendEventsError(result.error, result.ids)
        return result.ids

    def _signal(self, blocking: bool, step: StepName, request: WaitRequest, number: int) -> Work[Op]:
        """Send a signal; the report of how it went."""
        started_at = self._clock.now()
        op = Op(Opcode.STEP_RUN, step, Opcode.SEND_SIGNAL, number, started_at)
        assert request.target is not None
        try:
            woken = yield from signalling(self.function.client, request.target, blocking=blocking)
        except Error as error:
            facts = self.facts | {"step": step.text, "attempt": number}
            error_records.log(self.function.client.logger, f'step "{step.text}" of {self.function.id}', error, facts)
            return error_records.step_failure(step, number, started_at, error)
        return op._replace(data=codec.dumps(woken))


def _current_task() -> asyncio.Task[object] | None:
    """The task that calls; None in a thread."""
    try:
        return asyncio.current_task()
    except RuntimeError:
        return None


def holding(held: Held) -> str:
    """Why a run cannot go on, in words, for a server that puts no run on hold."""
    return (
        f'the code has changed while the run was under way: step "{held.step}" {held.sign.value} {held.detail}'.strip()
    )
