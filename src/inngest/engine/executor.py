"""Runs are claimed, invoked, and advanced: claim, invoke, advance, commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from inngest.protocol.calls import Advice, Call, Failed, Outcome, Recorded
from inngest.protocol.errors import ErrorCode, ErrorInfo
from inngest.protocol.opcodes import Op

from .domain import triggers
from .domain.advance import Moment, advance, woken
from .domain.model import Changes, Ended, Event, Policy, Registry, Released, RunState, Start
from .errors import StoreError
from .ports import Claimed, Clock, Commit, Ids, Invoker, Observer, Owner, Plan, Store, Written
from .slots import RunSlots

LOGGER = logging.getLogger("inngest.engine")

R = TypeVar("R")

BUDGET = 10_000
"""Milliseconds after which an invocation lets go at its next record, if others wait for its place."""


UNWINDING = 0.2
"""Seconds that user code has at least to unwind when its worker stops."""


@dataclass(slots=True)
class Worker:
    """What the parts of one worker share. A worker that was declared dead goes on with a new session."""

    store: Store
    invoker: Invoker
    clock: Clock
    ids: Ids
    policy: Policy
    session_id: str
    observer: Observer | None = None


class RunExecutor:
    """Runs what this worker owns.

    Args:
        worker: what the parts share.
        functions: ids of the functions it can run.
        max_in_flight: how many invocations at a time.
        on_end: told of each run that ended here.
        wake: called when there may be something to claim.
    """

    def __init__(
        self,
        worker: Worker,
        functions: frozenset[str],
        max_in_flight: int,
        on_end: Callable[[str, Ended], None],
        wake: Callable[[], None],
    ) -> None:
        self.worker = worker
        self.functions = functions
        self._served = sorted(functions)
        self._max_in_flight = max_in_flight
        self.on_end = on_end
        self.stranded = 0  # runs whose last commit the store has refused: they go back with the session
        self._wake = wake
        self._owned: dict[str, Ownership] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}  # in order, so that a simulation repeats
        self._reserved = 0
        self._alone = False  # a run on which workers died is in flight, and nothing else may be
        self._hold_back = False  # such a run is due, and waits until nothing else is in flight
        self.draining = False
        self.fenced = False  # this worker was declared dead: it can claim and commit nothing
        self.backlog = False  # jobs are due that there was no room for
        self.next_due: int | None = None  # when the next job falls due, as far as is known

    # -- room

    @property
    def room(self) -> int:
        """How many more runs may be begun."""
        if self.draining or self._alone or (self._hold_back and not self.idle):
            return 0
        return max(0, self._max_in_flight - len(self._owned) - self._reserved)

    def reserve(self, count: int) -> Sequence[Owner]:
        """Room for runs that begin as they are accepted; none while others wait, they come first."""
        granted = 0 if self.backlog or not self.functions else min(count, self.room)
        self._reserved += granted
        return [self._owner() for _ in range(granted)]

    def give_back(self, count: int) -> None:
        """Room that was reserved is used now, or was not needed."""
        self._reserved -= count

    def job_due(self, due_at: int) -> None:
        """A job was queued."""
        if self.next_due is None or due_at < self.next_due:
            self.next_due = due_at
            self._wake()

    def look_again(self) -> None:
        """What is queued may have changed: another process wrote."""
        self.next_due = self.worker.clock.now()
        self._wake()

    def owns(self, run_id: str) -> bool:
        """Whether the run is in flight here."""
        return run_id in self._owned

    @property
    def idle(self) -> bool:
        """Whether nothing is in flight here."""
        return not self._owned

    # -- claiming

    async def run_once(self, now: int) -> None:
        """Claim what is due, as far as there is room, and begin it."""
        if not self.functions:
            self.next_due = None  # nothing here is ever due: this worker sends and reads
            return
        room = self.room
        if room == 0:
            self.backlog = self._is_due(now)
            return
        idle = not self._owned and not self._reserved
        self._reserved += room
        self.next_due = None
        try:
            claims = await self.worker.store.claim(self._owner(), room, self._served, now, alone=idle)
        finally:
            self._reserved -= room
        if claims.next_due is not None:
            self.job_due(claims.next_due)
        self.backlog = self._is_due(now)
        self._hold_back = claims.alone_due
        self.fenced = claims.fenced
        for claimed in claims.runs:
            self.begin(claimed)

    def _is_due(self, now: int) -> bool:
        return self.next_due is not None and self.next_due <= now

    def begin(self, claimed: Claimed) -> None:
        """Run what was claimed."""
        if self.draining:
            return  # it goes back with the session
        if self.worker.observer is not None:
            self.worker.observer.entered(claimed)
        ownership = Ownership(self, claimed)
        self._owned[claimed.run.id] = ownership
        if claimed.run.takeovers >= self.worker.policy.alone_after:
            self._alone = True
        task = asyncio.get_running_loop().create_task(self._run(ownership))
        self._tasks[task] = None
        task.add_done_callback(lambda task: self._done(task, ownership))

    def _owner(self) -> Owner:
        return Owner(self.worker.session_id, self.worker.ids.token(), "")

    def _let_in(self, ownership: Ownership) -> None:
        """The place of a run is free; before anyone is told that it ended, so that what follows finds room."""
        if self._owned.pop(ownership.run_id, None) is None:
            return
        if ownership.claimed.run.takeovers >= self.worker.policy.alone_after:
            self._alone = False
        self._wake()

    def _done(self, task: asyncio.Task[None], ownership: Ownership) -> None:
        self._tasks.pop(task, None)
        self._let_in(ownership)
        if not task.cancelled() and (error := task.exception()) is not None:
            LOGGER.error("run %s of %s: %s", ownership.run_id, ownership.function_id, error, exc_info=error)

    # -- running

    async def _run(self, ownership: Ownership) -> None:
        """One invocation: enter the function, then write how it ended."""
        try:
            transition = await self._conclude(ownership, await self._outcome(ownership))
        except StoreError as error:
            LOGGER.debug("run %s of %s cannot go on here: %s", ownership.run_id, ownership.function_id, error)
            self.stranded += 1
            return
        self._let_in(ownership)
        if isinstance(transition, Ended):
            self.on_end(ownership.run_id, transition)
        elif isinstance(transition, Released) and transition.due_at is not None:
            self.job_due(transition.due_at)

    async def _outcome(self, ownership: Ownership) -> Outcome:
        if lost := ownership.lost_cause():
            return lost
        try:
            return await self.worker.invoker.invoke(ownership.call(), ownership)
        except StoreError:
            raise
        except Exception as error:
            LOGGER.exception("run %s of %s: the invocation broke", ownership.run_id, ownership.function_id)
            return Failed(ErrorInfo(type(error).__name__, str(error)), retriable=True)

    async def _conclude(self, ownership: Ownership, outcome: Outcome) -> Ended | Released | None:
        """Write how it ended. What can never be written is a failed attempt, or the run would stay here for ever."""
        try:
            return await ownership.conclude(outcome)
        except StoreError:
            raise
        except Exception as error:
            LOGGER.exception("run %s of %s: its outcome cannot be written", ownership.run_id, ownership.function_id)
            return await ownership.conclude(Failed(ErrorInfo(type(error).__name__, str(error)), retriable=True))

    def crowded(self) -> bool:
        """Whether others wait for a place."""
        return self.backlog and self.room == 0

    # -- stopping

    async def drain(self, timeout: float) -> None:
        """Claim nothing more; let invocations go on to their next record, then take down what still runs.

        Handlers have nine tenths of the time, their unwinding the rest, but for a moment that it always has. What is
        running even then, such as a plain handler that sleeps, is left behind.
        """
        self.draining = True
        for run_id in list(self._owned):
            self.worker.invoker.let_go(run_id)
        unwinding = max(UNWINDING, timeout / 10)
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=max(0.0, timeout - unwinding))
        self.worker.store.give_up()
        for task in self._tasks:
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks, timeout=unwinding)
        for task in self._tasks:
            task.cancel()  # to wait for its unwinding no longer
        if self._tasks:
            await asyncio.wait(self._tasks)


class Ownership:
    """One run while this worker owns it: the recorder of its invocation."""

    def __init__(self, executor: RunExecutor, claimed: Claimed) -> None:
        self._executor = executor
        self._worker = executor.worker
        self.claimed = claimed
        run = claimed.run
        self.run_id = run.id
        self.function_id = run.function_id
        self._owner = claimed.owner
        self._began_at = self._worker.clock.now()
        self._memos = list(claimed.memos)
        self._state = RunState(
            run.id,
            run.function_id,
            run.retries,
            attempt=run.attempt,
            seq=claimed.memos[-1].seq + 1 if claimed.memos else 0,
            steps=len(claimed.memos),
            size=sum(len(memo.data) for memo in claimed.memos if memo.data),
            open={step.step.hash: step for step in claimed.open},
        )
        self._held: Changes | None = None  # decided, and written with what comes next
        self._lost = False
        self.slots = None if run.lane is None else self._slots(run.lane)

    def _slots(self, lane: str) -> RunSlots:
        worker = self._worker
        return RunSlots(worker.store, worker.clock, self._owner, lane, self._executor.look_again)

    def call(self) -> Call:
        """What the function is entered with: sleeps that are over have their memos."""
        if self._state.open:
            changes = woken(self._state, self._worker.policy, self._moment())
            if changes.memos:
                self._state.apply(changes)
                self._held = changes
                self._memos.extend(changes.memos)
        run = self.claimed.run
        return Call(
            run.id,
            run.function_id,
            run.attempt,
            run.retries + 1,
            self.claimed.events,
            self._memos,
            tuple(self._state.open.values()),
        )

    def lost_cause(self) -> Failed | None:
        """The end of a run on which too many workers died, without a step recorded in between (design §4.1)."""
        takeovers = self.claimed.run.takeovers
        if takeovers < self._worker.policy.max_takeovers:
            return None
        message = (
            f"{takeovers} workers died while they ran this, without a step recorded in between: "
            "look for what kills the process (memory, os._exit, a crash in native code)"
        )
        return Failed(ErrorInfo("WorkerLostError", message, code=ErrorCode.WORKER_LOST.value), retriable=False)

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded]:
        """Decide and commit."""
        changes = self._advance(ops, None)

        def reply(written: Written) -> Recorded:
            if written is Written.LOST or changes.transition is not None:
                self._lost = True
                self._tell(written, changes)
                return Recorded(Advice.STOP, ())
            return Recorded(self._advice(), tuple(changes.entries))

        return self._commit(changes, reply)

    async def conclude(self, outcome: Outcome) -> Ended | Released | None:
        """Write how the invocation ended; None if the run was lost."""
        if self.slots is not None:
            self.slots.close()
        if self._lost:
            return None
        changes = self._advance((), outcome)
        written = await self._commit(changes, lambda written: written)
        return changes.transition if written is Written.DONE else None

    def _tell(self, written: Written, changes: Changes) -> None:
        if written is Written.DONE and isinstance(changes.transition, Ended):
            self._executor.on_end(self.run_id, changes.transition)

    def _advice(self) -> Advice:
        if self._executor.draining:
            return Advice.YIELD
        if not self._executor.crowded():
            return Advice.GO_ON
        return Advice.YIELD if self._worker.clock.now() - self._began_at > BUDGET else Advice.GO_ON

    def _advance(self, ops: Sequence[Op], outcome: Outcome | None) -> Changes:
        changes = advance(self._state, ops, outcome, self._worker.policy, self._moment())
        self._state.apply(changes)
        return changes

    def _moment(self) -> Moment:
        return Moment(self._worker.clock.now(), self._worker.ids.chance())

    def _commit(self, changes: Changes, reply: Callable[[Written], R]) -> asyncio.Future[R]:
        now = self._worker.clock.now()
        events, plan = self._announced(changes, now)
        if self._held is not None:
            changes = self._held.followed_by(changes)
            self._held = None
        if self._worker.observer is not None:
            reply = self._observed(self._worker.observer, changes, reply)
        lane = self.claimed.run.lane
        return self._worker.store.commit(Commit(self._owner, self.function_id, changes, events, plan, now, lane), reply)

    def _observed(self, observer: Observer, changes: Changes, reply: Callable[[Written], R]) -> Callable[[Written], R]:
        def tell(written: Written) -> R:
            if written is Written.DONE:
                observer.committed(self.claimed.run, changes)
            return reply(written)

        return tell

    def _announced(self, changes: Changes, now: int) -> tuple[Sequence[Event], Plan]:
        """The events that steps sent, that about a failed run, and what starts the runs that follow from them."""
        transition = changes.transition
        if not changes.sent and not (isinstance(transition, Ended) and transition.error is not None):
            return (), _starts_nothing
        new_id = self._worker.ids.ulid
        events = [triggers.stored(event, now, new_id) for event in changes.sent]
        if not isinstance(transition, Ended) or transition.error is None:
            return events, lambda registry: triggers.starts(events, registry, now, new_id)
        failed = triggers.failed_event(
            self.run_id, self.function_id, transition.error, self.claimed.events, now, new_id
        )

        def plan(registry: Registry) -> list[Start]:
            started = triggers.starts(events, registry, now, new_id)
            return [*started, *triggers.failure_starts(self.function_id, failed, registry, now, new_id)]

        return [*events, failed], plan


def _starts_nothing(_: Registry) -> Sequence[Start]:
    return ()
