"""The handling of one call of a step: attempt, wait, record, answer. The loop in `invocation` says which is next."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, NoReturn, TypeVar

from inngest.protocol import codec
from inngest.protocol.calls import Advice, Call, Held, Recorded, Sign
from inngest.protocol.opcodes import Entry, Memo, Op, Opcode, OpenStep
from inngest.protocol.steps import StepName
from inngest.protocol.traces import trace_of
from inngest.runtime.careful import CarefulLogger, about_run
from inngest.runtime.idle import LoopIdle
from inngest.runtime.ports import Clock, Recorder, Slots, Spans, Transactions, Within
from inngest.sdk.errors import DeterminismError, EndOfInvocation, StepError, TransactionError
from inngest.sdk.function import Function
from inngest.sdk.middleware import Hooks
from inngest.sdk.steps.calls import NOT_HERE, TRIES, MadeCalls, RunRequest, SendRequest, StepRequest, TransactionRequest
from inngest.sdk.steps.current import CurrentStep
from inngest.sdk.work import ON_LOOP, Driver, Work

from . import replay
from .branches import LosingBranches
from .defers import NO_STEP, Defers, Patches
from .open_calls import Ending, StepCall
from .scheduler import StepScheduler
from .values import Values

R = TypeVar("R")


class Recording:
    """The half of an invocation that runs handlers, makes steps durable, and hands their memos on.

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
        self.function = function
        self.serializer = function.client.serializer
        self.call = call
        self._recorder = recorder
        self._clock = clock
        self.loop = asyncio.get_running_loop()
        self._history = self._recall(call)
        self.scheduler = self._schedule(call, idle)
        self.hooks = Hooks(function.client, [*function.client.middleware, *function.middleware], raw_request)
        self.values = Values(function, self.hooks, clock, call)
        self.losing = LosingBranches(self.scheduler.callers.lost)
        self._defers = Defers(call.defers)
        self._patches = Patches(call.patches)
        self.running: dict[str, CurrentStep] = {}  # handlers that run, by hash of their steps
        self.made: MadeCalls = {}  # calls of steps that have not begun
        self._to_tell_of_threads = False  # it is not recorded yet that foreign threads call steps
        self._strayed = call.follows  # it is recorded that it cannot be replayed in order
        self._began_at = clock.now()
        self._body_attempt = call.attempt
        self.transactions: Transactions | None = None  # where steps are recorded with what their handlers write
        self.spans: Spans | None = None  # of attempts; None: nobody traces
        self._live: asyncio.Future[None] | None = None
        self._background: dict[asyncio.Task[None], None] = {}
        self._unwinding = False
        self._entry: asyncio.Task[Any] | None = None  # the engine's task of it

    def _recall(self, call: Call) -> replay.History:
        """The record of the run."""
        follows = call.follows or self.function.options.on_change == "follow"
        return replay.History(call.memos, call.open_steps, call.defers, follows=follows, probes=call.probes)

    def _schedule(self, call: Call, idle: LoopIdle) -> StepScheduler:
        """The one who decides which call may go on."""
        return StepScheduler(
            self.loop, idle, self._clock, self._history, self._record_open, self._tell_passed, call.holds
        )

    @property
    def facts(self) -> dict[str, object]:
        """The fields of log records about the run, between steps."""
        return about_run(self.call.run_id, self.function.id, None, self._body_attempt, trace_of(self.call))

    @property
    def over(self) -> bool:
        """Whether the invocation is over; also when its loop is being torn down.

        `asyncio.run` ends a loop by cancelling all its tasks at once. A step call sees the same `CancelledError` then
        as when user code gives it up. The engine's own task tells the two apart: user code does not cancel it.
        """
        entry = self._entry
        if entry is not None and (entry.cancelling() or entry.done()):
            self.scheduler.end(Ending.STOPPED)
        return self.scheduler.ending is not None

    async def _answer(self, driver: Driver, call: StepCall, memo: Memo, output_type: object, fresh: bool) -> object:
        """The memo as user code gets it, when it is the call's turn."""
        loaded = await self._or_fail(driver.do(self.values.load(memo, fresh))) if self.hooks.any else None
        if self.scheduler.may_pass(call, memo):
            self._history.deliver(memo)
        else:
            await self.scheduler.turn(call, memo)
        if self._live is None and not self._history.replaying:
            await self._go_live(driver)
        if call.cancelled and self.losing.tasks:
            self.losing.kept_result(call.task)
        if call.refused:
            raise StepError(
                f'step "{memo.step.text}" was given up when it was recorded, and has no result', "StepCancelledError"
            )
        try:
            if loaded is None:
                return self.values.open_plain(memo, output_type, call.kind)
            return self.values.open(loaded, output_type, memo.kind or call.kind)
        except DeterminismError as error:
            if self._history.follows:
                raise
            self.scheduler.hold(Held(Sign.VALUE, call.step.text, call.step.text, error.message))
            return await self._over()

    async def _stand_back(
        self, driver: Driver, call: StepCall, request: StepRequest, decision: replay.Decision
    ) -> Entry | None:
        """Nothing is recorded of a call, or something of another kind: wait until it may begin.

        Args:
            driver: runs what user code there is in it.
            call: the call.
            request: what it asks for.
            decision: neither that it is answered, nor that it runs, nor that it waits for what is recorded of it.

        Returns:
            The record of its step by then; None if there is still none.
        """
        if isinstance(decision, replay.Changed):
            self._changed(call, decision)
            return await self._over()
        try:
            await self.scheduler.behind(call)
        except asyncio.CancelledError as error:
            if self.over:
                raise
            call.abandon(*error.args)
            missing = self._history.missing
            if missing is None or self._history.through:
                return await self._record_now(call, self._given_up(call))
            self.scheduler.hold(Held(Sign.CALLED, missing.step.text, call.step.text))
            return await self._over()
        return self._history.entry(call.step)

    def _changed(self, call: StepCall, changed: replay.Changed, *, at_once: bool = False) -> None:
        """A step is of another kind than it was recorded as."""
        detail = f"it was recorded as {changed.recorded.value}, and is now {call.kind.value}"
        self.scheduler.hold(Held(Sign.KIND, call.step.text, call.step.text, detail), at_once=at_once)

    async def _only_probes(self, call: StepCall) -> None:
        """Begin nothing new if the run is on hold, or was asked to let go: it is let go first."""
        if self.call.probes:
            self.scheduler.yield_run()
        if self.scheduler.yielding:
            await self.scheduler.parked(call)

    def _tell_passed(self, passed: Sequence[Entry]) -> None:
        """Recorded steps are not waited for any more."""
        CarefulLogger(self.function.client.logger).info(
            "run %s of %s does not come to what it had recorded of a branch that was given up, or still goes on: %s",
            self.call.run_id,
            self.function.id,
            ", ".join(entry.step.text for entry in passed),
            extra=self.facts,
        )

    def _tell_left(self, steps: Sequence[str]) -> None:
        """The body has returned, and has not waited for what calls these steps."""
        if steps:
            CarefulLogger(self.function.client.logger).warning(
                "function %s has returned while steps were not done, of which nothing more is recorded: %s. Await the "
                "tasks, or join the threads, that call them",
                self.function.id,
                ", ".join(steps),
                extra=self.facts,
            )

    def _pending_ops(self) -> list[Op]:
        """Reports that ride with the next record, or the outcome: none while new code waits for the history."""
        if not self._history.through:
            return []
        ops = [*self._defers.take(), *self._patches.take()]
        if self._history.strayed and not self._strayed:
            self._strayed = True
            ops.append(Op(Opcode.FOLLOWED, NO_STEP, Opcode.FOLLOWED))
        if self._to_tell_of_threads:
            self._to_tell_of_threads = False
            ops.append(Op(Opcode.THREADED, NO_STEP, Opcode.THREADED))
        return ops

    def called_aside(self) -> None:
        """A thread that the function has started itself calls a step. Its record says so."""
        if not self.scheduler.threaded:
            self._to_tell_of_threads = not self.call.threaded
        self.scheduler.enter_aside()

    @property
    def _has_pending_ops(self) -> bool:
        """Whether something may ride."""
        if self._defers.pending_ops or self._patches.pending_ops or self._to_tell_of_threads:
            return True
        return self._history.strayed and not self._strayed

    async def _attempt(self, driver: Driver, call: StepCall, request: StepRequest, number: int) -> Entry:
        """Run the handler once and record how it went."""
        if self.call.probes or self.scheduler.yielding:
            await self._only_probes(call)
        self.scheduler.running += 1
        try:
            if self._live is None or not self._live.done():
                await self._go_live(driver)
            try:
                if self._recorder.slots is not None:
                    await self._take_slot(call, self._recorder.slots)
                call.executing, call.blocks = True, False
                if isinstance(request, RunRequest) and request.options.once and not await self._begun(call, number):
                    op = self._given_up(call)
                elif isinstance(request, TransactionRequest):
                    op = await self._transacted(driver, call, request, number)
                elif driver is ON_LOOP and not self.hooks.any and isinstance(request, RunRequest):
                    current = self._begins(call.step, number, request)
                    op = await self.values.attempt_here(current, call.step, request, call.task)
                else:
                    op = await self._worked(driver, call, request, number)
            except asyncio.CancelledError as error:
                if self.over:
                    raise
                call.abandon(*error.args)
                if (running := self.running.get(call.step.hash)) is not None:  # it may still wait for a slot
                    running.ask_to_stop()  # for threads that the handler has started
                op = self._given_up(call)
            except EndOfInvocation:  # the handler was asked to stop, and did
                if self.over:
                    raise
                op = self._given_up(call)
            except KeyboardInterrupt as error:  # code that catches it is not to go on with other steps
                self.scheduler.end(Ending.FAILED, error)
                raise
            except Exception as error:  # of code of ours around the handler
                self.scheduler.end(Ending.FAILED, error)
                await self._over()
            finally:
                if call.executing and self._recorder.slots is not None:
                    driver.when_free(self._recorder.slots.give)
                call.executing = False
                self._ended(call)
            if op.op is not Opcode.STEP_RUN:
                if self.over:
                    await self._over()  # what a handler raises while it is taken down is nobody's failure
                if call.cancelled or call.task in self.losing.tasks:
                    op = self._given_up(call)  # nobody waits for another attempt
            return await self._record(call, op)
        finally:
            self.scheduler.ran(call)

    async def _worked(self, driver: Driver, call: StepCall, request: StepRequest, number: int) -> Op:
        """Have the driver do an attempt; the report."""
        work = driver.do(self._work(driver, call.step, request, number), call.task)
        return await (self._or_fail(work) if self.hooks.any else work)

    async def _transacted(self, driver: Driver, call: StepCall, request: TransactionRequest, number: int) -> Op:
        """Run the handler in a transaction which also records its step; the report, which is recorded if it succeeded.

        Where others were in the way, it is rolled back and the handler called again: that is no attempt.
        """
        error: Exception = TransactionError(f'step "{call.step.text}": {NOT_HERE}')
        request.blocking = driver is not ON_LOOP
        for _ in range(TRIES if self.transactions is not None else 0):
            within = await self._within(self.transactions, call)
            try:
                request.within = within
                op = await self._worked(driver, call, request, number)
                if op.op is not Opcode.STEP_RUN:
                    return op
                answer = await self._committed(call, within.record(op))
            finally:
                within.leave()
            if isinstance(answer, Recorded):
                call.recorded = answer
                return op
            if answer.error is not None:
                error = answer.error
                break
            error = TransactionError(
                f'step "{call.step.text}": others were in the way of its transaction {TRIES} times'
            )
            error.is_retriable = True
        return await self._or_fail(driver.do(self.values.refusal(call.step, number, error, request.options)))

    async def _within(self, transactions: Transactions | None, call: StepCall) -> Within:
        """The next transaction of the run."""
        assert transactions is not None
        try:
            if self._has_pending_ops:  # nothing rides with the record: they are written before
                recorded = self._recorder.record(self._pending_ops())
                if not isinstance(recorded, Recorded):
                    await self._committed(call, recorded)
            within = await transactions.begin(call.step.text)
        except Exception as error:
            self.scheduler.break_off(error)
            return await self._over()
        if within is None:
            self.scheduler.end(Ending.STOPPED)
            return await self._over()
        return within

    async def _begun(self, call: StepCall, number: int) -> bool:
        """Commit that an attempt begins; whether its handler is to run, because its caller still waits."""
        await self._record(call, Op(Opcode.STEP_BEGUN, call.step, attempt=number, started_at=self._clock.now()))
        return not call.cancelled

    async def _take_slot(self, call: StepCall, slots: Slots) -> None:
        """Wait until one more handler may run; who is asked to let go meanwhile begins nothing more."""
        await slots.take()
        if not self.scheduler.yielding:
            return
        slots.give()
        self.scheduler.running -= 1
        try:
            await self.scheduler.parked(call)
        finally:
            self.scheduler.running += 1

    def _work(self, driver: Driver, step: StepName, request: StepRequest, number: int) -> Work[Op]:
        """The work of an attempt, which a driver does."""
        if isinstance(request, SendRequest):
            request.tried = True
            return self.values.sending(step, number, request.events)
        assert isinstance(request, RunRequest)
        return self.values.attempt(self._begins(step, number, request), step, request)

    def _begins(self, step: StepName, number: int, request: RunRequest) -> CurrentStep:
        """A handler is about to run: with other arguments, if its run is made again so."""
        if (replaced := self.call.inputs.get(step.hash)) is not None:
            request.args = tuple(codec.loads(replaced))
        text = step.text if step.repeat else step.id
        running = self.running[step.hash] = CurrentStep(self, text, number, self._clock, request.options.timeout)
        if self.spans is not None:
            running.scope = self.spans.attempt(step, number)
        return running

    def _ended(self, call: StepCall) -> None:
        """Forget the handler, unless it is a thread's and still runs."""
        running = self.running.get(call.step.hash)
        if running is not None and not running.active:
            del self.running[call.step.hash]

    async def _wait(self, driver: Driver, call: StepCall, open_step: OpenStep | None) -> Entry | None:
        """Wait, while this invocation is going, until a sleep or a retry falls due."""
        if open_step is None and self._live is None:
            await self._go_live(driver)
        if open_step is None and self.hooks.any:
            await self._tell(driver, call)
        call.open = open_step
        try:
            await self.scheduler.parked(call)
        except asyncio.CancelledError as error:
            if self.over:
                raise
            call.abandon(*error.args)
            return await self._record_now(call, self._given_up(call))
        entry = self._history.entry(call.step)
        assert entry is not None
        if call.kind is Opcode.STEP_RUN or isinstance(entry, Memo):
            return entry
        return await self._record_now(call, Op(Opcode.WAKE, call.step, call.kind))

    async def _tell(self, driver: Driver, call: StepCall) -> None:
        """Middleware sees what a step is about to wait for, and may rewrite what it sends."""
        if call.op is None:
            return
        self.scheduler.running += 1
        try:
            call.op = await self._or_fail(driver.do(self.values.waiting(call.op)))
        finally:
            self.scheduler.ran(call)

    def _given_up(self, call: StepCall) -> Op:
        call.cancelled = True
        return Op(Opcode.STEP_CANCELLED, call.step, call.kind, started_at=self._began_at)

    async def _record_now(self, call: StepCall, op: Op) -> Entry:
        self.scheduler.running += 1
        try:
            return await self._record(call, op)
        finally:
            self.scheduler.ran(call)

    async def _record(self, call: StepCall, op: Op) -> Entry:
        """Make it durable. A caller that is cancelled meanwhile gets what was recorded."""
        call.op = None
        recorded: Recorded | asyncio.Future[Recorded]
        if call.recorded is not None:
            recorded, call.recorded = call.recorded, None
        else:
            ops = (*self._pending_ops(), op) if self._has_pending_ops else (op,)
            try:
                recorded = self._recorder.record(ops)
            except Exception as error:
                self.scheduler.break_off(error)
                return await self._over()
            if not isinstance(recorded, Recorded):
                recorded = await self._committed(call, recorded)
        if recorded.advice is Advice.STOP:
            self.scheduler.end(Ending.STOPPED)
            return await self._over()
        entry = self._history.add(recorded.entries[-1])
        if isinstance(entry, Memo):
            self._body_attempt = 0
        if recorded.advice is Advice.YIELD:
            self.scheduler.yield_run()
        return entry

    async def _committed(self, call: StepCall, future: asyncio.Future[R]) -> R:
        """Wait for a record that is under way."""
        try:
            if not future.done():
                self.scheduler.watch()  # the code comes to rest while it is being committed
            return await future
        except asyncio.CancelledError as error:
            if self.over:
                raise  # the invocation is taken down: who swallows that is waited for in vain
            call.abandon(*error.args)
            return future.result()
        except Exception as error:
            self.scheduler.break_off(error)
            return await self._over()

    def _record_open(self, call: StepCall) -> None:
        """Record a wait now, because others still run: its time counts from here."""
        assert call.op is not None
        op, call.op = call.op, None

        async def record() -> None:
            entry = await self._record_now(call, op)
            if isinstance(entry, OpenStep):
                call.open = entry
            elif call.park is not None and not call.park.done():
                call.park.set_result(None)
            self.scheduler.changed()

        task = self.loop.create_task(record())
        self._background[task] = None
        task.add_done_callback(lambda task: self._background.pop(task, None))

    async def _go_live(self, driver: Driver) -> None:
        """New code is about to run: logs speak from here on, and `before_execution` is called once."""
        if self._live is not None:
            await asyncio.shield(self._live)
            return
        if self.call.probes:
            self.scheduler.yield_run()
        self._live = self.loop.create_future()
        self.scheduler.running += 1
        try:
            if self.hooks.any:
                await driver.do(self.hooks.call("before_execution"))
        finally:
            self.scheduler.running -= 1
            self._live.set_result(None)

    async def _or_fail(self, doing: Awaitable[R]) -> R:
        """A failure here is one of middleware, or of a serializer: the function's attempt fails, not the step's."""
        try:
            return await doing
        except Exception as error:
            self.scheduler.end(Ending.FAILED, error)
            return await self._over()

    async def _over(self) -> NoReturn:
        """The invocation is over, just now or since a while: what unwinds is not cancelled a second time."""
        if self._unwinding:
            raise EndOfInvocation
        await self._never()

    async def _never(self) -> NoReturn:
        """Wait for the end, by being cancelled or left behind."""
        await self.loop.create_future()
        raise EndOfInvocation
