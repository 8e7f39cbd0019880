"""Runs are claimed, invoked, and advanced: claim, invoke, advance, commit."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from inngest.protocol.calls import Advice, Call, Failed, Outcome, Recorded
from inngest.protocol.errors import ErrorCode, ErrorInfo
from inngest.protocol.opcodes import REQUESTS, WAITS, Arrival, Op, Opcode

from .domain import triggers, watches
from .domain.advance import Moment, advance, woken
from .domain.model import (
    Asked,
    Changes,
    Ended,
    Event,
    Policy,
    Registry,
    Released,
    RunState,
    RunStatus,
    Start,
    Wait,
    Watch,
)
from .errors import StoreError
from .ports import (
    NO_NEWS,
    Claimed,
    Claims,
    Clock,
    Commit,
    HttpClient,
    Ids,
    Invoker,
    News,
    Observer,
    Owner,
    Plan,
    Receipt,
    Requests,
    Store,
    Written,
)
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
    http: HttpClient
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
        requests: who makes requests of steps.
    """

    def __init__(
        self,
        worker: Worker,
        functions: frozenset[str],
        max_in_flight: int,
        on_end: Callable[[str, Ended], None],
        wake: Callable[[], None],
        requests: Requests,
    ) -> None:
        self.worker = worker
        self.functions = functions
        self._served = sorted(functions)
        self._max_in_flight = max_in_flight
        self.on_end = on_end
        self.requests = requests
        self._stranded: dict[str, None] = {}  # runs whose last commit the store has refused
        self._wake = wake
        self._owned: dict[str, Ownership] = {}
        self._tasks: dict[asyncio.Task[None], None] = {}  # in order, so that a simulation repeats
        self._reserved = 0
        self._alone = False  # a run on which workers died is in flight, and nothing else may be
        self._hold_back = False  # such a run is due, and waits until nothing else is in flight
        self.stirred = False  # runs have ended otherwise than by being run here
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
        if self._falls_due(due_at):
            self._wake()

    def _falls_due(self, due_at: int) -> bool:
        """Note when a job falls due; whether it is the next one."""
        if self.next_due is not None and self.next_due <= due_at:
            return False
        self.next_due = due_at
        return True

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

    @property
    def stranded(self) -> int:
        """How many runs had their last commit refused by the store: they go back with the session."""
        return len(self._stranded)

    # -- news

    def heard(self, news: News) -> None:
        """What a transaction did to other runs than its own."""
        if news.queued:
            self.look_again()
        self.arrived(news.arrivals)
        self.stirred = self.stirred or bool(news.cancelled)  # who waits for one may not be known yet
        for run_id in news.cancelled:
            self.lost(run_id)
            self.on_end(run_id, Ended(RunStatus.CANCELLED, None, None))

    def arrived(self, arrivals: Sequence[Arrival]) -> None:
        """What runs wait for has come; those that are in flight here go on with it."""
        for arrival in arrivals:
            ownership = self._owned.get(arrival.run_id)
            if ownership is not None:
                ownership.arrived(arrival)

    def lost(self, run_id: str) -> None:
        """A run was cancelled, or is another's: what runs of it here is taken down."""
        ownership = self._owned.get(run_id)
        if ownership is not None:
            ownership.lose()

    async def look_around(self) -> None:
        """See what others did to the runs that are in flight here."""
        owned = list(self._owned.values())
        if waiting := [one.run_id for one in owned if one.waiting]:
            self.arrived(await self.worker.store.arrivals(waiting))
        if owned:
            owners = [one.owner for one in owned]
            for run_id in await self.worker.store.not_owned(owners):
                ownership = self._owned.get(run_id)
                if ownership is not None and ownership.owner in owners:
                    ownership.lose()

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
            claims = await self.worker.store.claim(
                self._owner(), room, self._served, now, alone=idle, told=self._begin_all
            )
        finally:
            self._reserved -= room
        if claims.next_due is not None:
            self._falls_due(claims.next_due)  # not `job_due`: to wake ourselves is to claim again at once, for ever
        self.backlog = self._is_due(now)
        self._hold_back = claims.alone_due
        self.fenced = claims.fenced

    def _begin_all(self, claims: Claims) -> None:
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
        if ownership.suspect:
            self._alone = True
        task = asyncio.get_running_loop().create_task(self._run(ownership))
        self._tasks[task] = None
        task.add_done_callback(lambda task: self._done(task, ownership))

    def _owner(self) -> Owner:
        return Owner(self.worker.session_id, self.worker.ids.token(), "")

    def _let_in(self, ownership: Ownership) -> None:
        """The place of a run is free; before anyone is told that it ended, so that what follows finds room."""
        if self._owned.get(ownership.run_id) is not ownership:
            return  # it was let in before; or it lost the run, and this worker has taken it up again
        del self._owned[ownership.run_id]
        if ownership.suspect:
            self._alone = False
        self._wake()

    def cleared(self) -> None:
        """A run that was in flight alone has recorded a step: it does not kill its workers."""
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
        if ownership.is_lost:
            return  # it was cancelled before it was entered
        try:
            transition = await self._conclude(ownership, await self._outcome(ownership))
        except StoreError as error:
            LOGGER.debug("run %s of %s cannot go on here: %s", ownership.run_id, ownership.function_id, error)
            self._stranded[ownership.run_id] = None
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
        owned = list(self._owned.values())
        for one in owned:
            self.worker.invoker.let_go(one.run_id)
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
        # A task that was taken down did not come to say it itself.
        self._stranded.update(dict.fromkeys(one.run_id for one in owned if one.refused))


class Ownership:
    """One run while this worker owns it: the recorder of its invocation."""

    def __init__(self, executor: RunExecutor, claimed: Claimed) -> None:
        self._executor = executor
        self._worker = executor.worker
        self.claimed = claimed
        run = claimed.run
        self.run_id = run.id
        self.function_id = run.function_id
        self.owner = claimed.owner
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
            arrived={arrival.hash: arrival for arrival in claimed.arrivals},
            waiting=run.watched or any(step.kind in WAITS for step in claimed.open),
        )
        self._takeovers = run.takeovers
        self._stored_attempt = run.attempt  # of the body
        self._held: Changes | None = None  # decided, and written with what comes next
        self._lost = False
        self._last: asyncio.Future[Any] | None = None  # commit
        self.slots = None if run.lane is None else self._slots(run.lane)

    def _slots(self, lane: str) -> RunSlots:
        worker = self._worker
        return RunSlots(worker.store, worker.clock, self.owner, lane, self._executor.look_again)

    def call(self) -> Call:
        """What the function is entered with: what was over when the run was claimed has its memo.

        What has run out since then has none yet: something may have come for it in between, and the store knows.
        """
        if self._state.open:
            moment = Moment(self.claimed.at, self._worker.ids.chance())
            changes = woken(self._state, self._worker.policy, moment)
            if changes.memos:
                self._state.apply(changes)
                self._held = changes
                self._memos.extend(changes.memos)
        run = self.claimed.run
        return Call(
            run.id,
            run.function_id,
            self._state.attempt,
            run.retries + 1,
            self.claimed.events,
            self._memos,
            tuple(self._state.open.values()),
        )

    @property
    def suspect(self) -> bool:
        """Whether it may kill its workers: several died on it since it recorded a step."""
        return self._takeovers >= self._worker.policy.alone_after

    @property
    def is_lost(self) -> bool:
        """Whether nothing of it can be recorded any more."""
        return self._lost

    @property
    def waiting(self) -> bool:
        """Whether something from outside may come for it."""
        return self._state.waiting

    def arrived(self, arrival: Arrival) -> None:
        """What one of its steps waits for has come."""
        if arrival.hash in self._state.open and arrival.hash not in self._state.arrived:
            self._state.arrived[arrival.hash] = arrival
            self._worker.invoker.arrived(self.run_id, [arrival.hash])

    def lose(self) -> None:
        """The run is not this worker's any more, or is over: nothing of it can be recorded."""
        if not self._lost:
            self._lost = True
            self._worker.invoker.cancel(self.run_id)

    def lost_cause(self) -> Failed | None:
        """The end of a run on which too many workers died, without a step recorded in between (design §4.1)."""
        takeovers = self._takeovers
        if takeovers < self._worker.policy.max_takeovers:
            return None
        message = (
            f"{takeovers} workers died while they ran this, without a step recorded in between: "
            "look for what kills the process (memory, os._exit, a crash in native code)"
        )
        return Failed(ErrorInfo("WorkerLostError", message, code=ErrorCode.WORKER_LOST.value), retriable=False)

    @property
    def refused(self) -> bool:
        """Whether the store has refused the last commit."""
        return self._last is not None and self._last.done() and isinstance(self._last.exception(), StoreError)

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded]:
        """Decide and commit."""
        changes = self._advance(ops, None)

        def reply(receipt: Receipt) -> Recorded:
            written = receipt.written
            if written is Written.LOST or changes.transition is not None:
                self._lost = True
                self._tell(written, changes)
                return Recorded(Advice.STOP, ())
            settled = receipt.settled
            return Recorded(self._advice(), tuple(settled.get(entry.step.hash, entry) for entry in changes.entries))

        return self._commit(changes, reply)

    async def conclude(self, outcome: Outcome) -> Ended | Released | None:
        """Write how the invocation ended; None if the run was lost."""
        if self.slots is not None:
            self.slots.close()
        if self._lost:
            return None
        changes = self._advance((), outcome)
        receipt = await self._commit(changes, lambda receipt: receipt)
        return changes.transition if receipt.written is Written.DONE else None

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

    def _commit(self, changes: Changes, reply: Callable[[Receipt], R]) -> asyncio.Future[R]:
        now = self._worker.clock.now()
        events, plan = self._announced(changes, now)
        if self._held is not None:
            changes = self._held.followed_by(changes)
            self._held = None
        if self._worker.observer is not None:
            reply = self._observed(self._worker.observer, changes, reply)
        begins_anew = bool(changes.memos) and (self._stored_attempt != changes.attempt or self._takeovers > 0)
        if begins_anew:
            reply = self._beginning_anew(changes, reply)
        alone = self.suspect and not begins_anew
        commit = Commit(self.owner, self.function_id, changes, events, plan, now, begins_anew, alone)
        if self._state.waiting:
            commit = commit._replace(waiting=True, watches=self._watches(changes), requests=self._requests(changes))
            reply = self._asking(changes, reply)
        run = self.claimed.run
        if run.lane is not None:
            commit = commit._replace(lane=run.lane)
        if run.parent_id is not None and run.parent_hash is not None:
            commit = commit._replace(parent=(run.parent_id, run.parent_hash))
        future = self._worker.store.commit(commit, self._hearing(reply))
        self._last = future
        return future

    def _beginning_anew(self, changes: Changes, reply: Callable[[Receipt], R]) -> Callable[[Receipt], R]:
        """A step is recorded: attempts of the body, and workers that died, are counted from 0 again."""

        def told(receipt: Receipt) -> R:
            if receipt.written is Written.DONE:
                self._stored_attempt = changes.attempt
                suspect, self._takeovers = self.suspect, 0
                if suspect:
                    self._executor.cleared()
            return reply(receipt)

        return told

    def _hearing(self, reply: Callable[[Receipt], R]) -> Callable[[Receipt], R]:
        def hear(receipt: Receipt) -> R:
            answer = reply(receipt)
            if receipt.news is not NO_NEWS:
                self._executor.heard(receipt.news)
            return answer

        return hear

    def _watches(self, changes: Changes) -> list[Watch]:
        events = self.claimed.events
        new = [wait for wait in changes.waits if not wait.again]
        return [watch for wait in new if (watch := watches.of_step(self.run_id, wait, events)) is not None]

    def _requests(self, changes: Changes) -> list[Asked]:
        retries = self._state.retries
        return [
            Asked(self.run_id, step.step.hash, step.kind, sought.data, retries, bool(sought.secrets), again)
            for step, sought, again in changes.waits
            if step.kind in REQUESTS
        ]

    def _asking(self, changes: Changes, reply: Callable[[Receipt], R]) -> Callable[[Receipt], R]:
        """Tell who makes requests which ones there are from now on, and which are wanted no more."""
        asked = {wait.step.step.hash: wait.sought.secrets for wait in changes.waits if wait.step.kind in REQUESTS}
        closed = [memo.step.hash for memo in changes.memos if memo.kind in REQUESTS]
        if not asked and not closed:
            return reply

        def tell(receipt: Receipt) -> R:
            if receipt.written is Written.DONE:
                self._executor.requests.asked(self.run_id, asked)
                self._executor.requests.over(self.run_id, closed)
            return reply(receipt)

        return tell

    def _observed(self, observer: Observer, changes: Changes, reply: Callable[[Receipt], R]) -> Callable[[Receipt], R]:
        def tell(receipt: Receipt) -> R:
            if receipt.written is Written.DONE:
                settled = receipt.settled
                observer.committed(
                    self.claimed.run,
                    changes._replace(memos=[settled.get(memo.step.hash, memo) for memo in changes.memos]),
                )
            return reply(receipt)

        return tell

    def _announced(self, changes: Changes, now: int) -> tuple[Sequence[Event], Plan]:
        """The events that steps sent, that about a failed run, and what starts the runs that follow from them."""
        transition = changes.transition
        invoking = [wait for wait in changes.waits if wait.step.kind is Opcode.INVOKE]
        if not changes.sent and not invoking and not (isinstance(transition, Ended) and transition.error is not None):
            return (), _starts_nothing
        new_id = self._worker.ids.ulid
        events = [triggers.stored(event, now, new_id) for event in changes.sent]
        if invoking:
            return self._invoked(events, invoking, now)
        if not isinstance(transition, Ended) or transition.error is None:
            return events, lambda registry: triggers.starts(events, registry, now, new_id)
        failed = triggers.failed_event(
            self.run_id, self.function_id, transition.error, self.claimed.events, now, new_id
        )

        def plan(registry: Registry) -> list[Start]:
            started = triggers.starts(events, registry, now, new_id)
            return [*started, *triggers.failure_starts(self.function_id, failed, registry, now, new_id)]

        return [*events, failed], plan

    def _invoked(self, events: Sequence[Event], waits: Sequence[Wait], now: int) -> tuple[Sequence[Event], Plan]:
        """Events that steps sent, and those of the functions that they invoke, with what both start."""
        new_id = self._worker.ids.ulid
        invoking = [(wait, triggers.invoked_event(wait.sought.data, now, new_id)) for wait in waits]

        def plan(registry: Registry) -> list[Start]:
            started = triggers.starts(events, registry, now, new_id)
            for wait, event in invoking:
                function = registry.functions.get(wait.sought.name)
                if function is not None:
                    paused = registry.paused.get(function.id)
                    start = triggers.start(function, event, now, new_id, paused=paused)
                    run = replace(start.run, parent_id=self.run_id, parent_hash=wait.step.step.hash)
                    started.append(replace(start, run=run))
            return started

        return [*events, *(event for _, event in invoking)], plan


def _starts_nothing(_: Registry) -> Sequence[Start]:
    return ()
