"""One run while a worker owns it: what its invocation reports is decided, and committed."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Sequence
from typing import Protocol

from inngest.protocol import traces
from inngest.protocol.calls import Advice, Call, Failed, Outcome, Recorded
from inngest.protocol.errors import ErrorCode, ErrorInfo
from inngest.protocol.opcodes import REQUESTS, Arrival, Entry, Memo, Op
from inngest.runtime.careful import CarefulLogger, about_run
from inngest.runtime.ports import Unrecorded

from . import run_log
from .domain import holding, subscriptions
from .domain.advance import Moment, advance, lone_result, woken
from .domain.effects import effects_of
from .domain.model import Changes, Ended, Released
from .errors import StoreError
from .gateway import Gateway
from .records import Claimed, Commit, Owner, Receipt, Told, Written
from .slots import RunSlots
from .within import RecordWithin, Turns, Write, Wrote, begun
from .worker_context import WorkerContext

LOGGER = CarefulLogger(logging.getLogger("inngest.engine"))

BUDGET = 10_000
"""Milliseconds after which an invocation lets go at its next record, if others wait for its place."""

STOP = Recorded(Advice.STOP, ())
"""The answer to a record of a run that is not this worker's any more, or is over."""

_CONCLUDED = Recorded(Advice.GO_ON, ())


class Executor(Protocol):
    """Runs what a worker owns, as one run sees it. A protocol because the executor makes these."""

    worker: WorkerContext
    gateway: Gateway
    draining: bool

    @property
    def on_end(self) -> Callable[[str, Ended], None]:
        """Told of each run that ended here."""
        ...

    def request_claim(self) -> None:
        """The queue may have changed."""
        ...

    def at_capacity(self, function_id: str) -> bool:
        """Whether others wait for what a run of this function has: its place, or its thread."""
        ...

    @property
    def apps_wait(self) -> bool:
        """Whether runs of apps wait for a place."""
        ...

    def left_quarantine(self) -> None:
        """A run that was in flight alone has recorded a step: it does not kill its workers."""
        ...


class OwnedRun:
    """One run while this worker owns it: the recorder of its invocation.

    Attributes:
        trace: `traceparent` of the run, if its spans are recorded here.
    """

    trace = ""

    def __init__(self, executor: Executor, claimed: Claimed) -> None:
        self._executor = executor
        self._worker = executor.worker
        self.claimed = claimed
        run = claimed.run
        self.run_id = run.id
        self.function_id = run.function_id
        self.owner = claimed.owner
        self._began_at = self._worker.clock.monotonic()
        self._memos = list(claimed.memos)
        self._state = claimed.state
        self._early: list[Arrival] = []  # what came while it was still to be read
        self._takeovers = run.takeovers
        self._stored_attempt = run.attempt  # of the body
        self._held: Changes | None = None  # decided, and written with what comes next
        self._lost = False
        self.was_cancelled = False  # as this worker was told
        self.placed = True  # it has its place among those in flight
        self._kept: int | None = None  # slots that its last commit has kept
        self._last: asyncio.Future[Recorded] | None = None  # commit
        self._turns = Turns()  # of transactions of its user's
        self.probes = run.code.hold is not None  # it is entered to replay only
        self.slots = None if run.lane is None or self.probes else self._slots(run.lane)

    def _slots(self, lane: str) -> RunSlots:
        worker = self._worker
        return RunSlots(worker.store, worker.clock, self.owner, lane, self._executor.request_claim)

    def load(self, claimed: Claimed) -> None:
        """Reads what its claim left unread."""
        self.claimed = claimed
        self._memos = list(claimed.memos)
        self._state = claimed.state
        for arrival in self._early:
            self.arrived(arrival)

    def call(self) -> Call | Failed:
        """The call with which the function is entered: what was over when the run was claimed has its memo.

        A wait that has run out since then has none yet: something may have come for it in between, and the store knows.
        A run that is larger by what came than it may be has failed, and is not entered.
        """
        if self._state.open:
            moment = Moment(self.claimed.at, self._worker.ids.random())
            changes, overflow = woken(self._state, self._worker.policy, moment)
            if changes.memos:
                self._state.apply(changes)
                self._held = changes
                self._memos.extend(changes.memos)
            if overflow is not None:
                return Failed(overflow, retriable=False)
        return self._call()

    def _call(self) -> Call:
        run = self.claimed.run
        return Call(
            run.id,
            run.function_id,
            self._state.attempt,
            run.retries + 1,
            self.claimed.events,
            self._memos,
            tuple(self._state.open.values()),
            {hashed: defer.starts for hashed, defer in self._state.defers.items()},
            run.follows,
            run.code.holds,
            self.probes,
            run.code.patches,
            run.code.threaded,
            inputs={} if run.origin is None else run.origin.inputs,
        )

    def enter(self, call: Call) -> Coroutine[None, None, Outcome]:
        """The invocation of its code: how that ended."""
        return self._worker.invoker.invoke(call, self)

    def yield_run(self) -> None:
        """Its invocation is to let it go soon."""
        self._worker.invoker.yield_run(self.run_id)

    def _notice(self, hashes: Sequence[str]) -> None:
        """Tell its invocation that these steps may go on."""
        self._worker.invoker.arrived(self.run_id, hashes)

    @property
    def quarantined(self) -> bool:
        """Whether it may kill its workers: several died on it since it recorded a step."""
        return self._takeovers >= self._worker.policy.alone_after

    @property
    def is_lost(self) -> bool:
        """Whether nothing of it can be recorded any more."""
        return self._lost

    @property
    def waiting(self) -> bool:
        """Whether something from outside may come for it."""
        return self._state.waiting or self.claimed.unread

    def arrived(self, arrival: Arrival) -> None:
        """Something that one of its steps waits for has come."""
        if self.claimed.unread:
            self._early.append(arrival)
        if arrival.hash in self._state.open and arrival.hash not in self._state.arrived:
            self._state.arrived[arrival.hash] = arrival
            self._notice([arrival.hash])

    def retry(self, hashes: Sequence[str]) -> None:
        """The next attempts of these steps are due."""
        known = [one for one in hashes if one in self._state.open]
        for hashed in known:
            self._state.open[hashed] = self._state.open[hashed]._replace(due_at=self._worker.clock.now())
        self._notice(known)

    def lose(self, *, cancelled: bool = False) -> None:
        """The run is not this worker's any more, or is over: nothing of it can be recorded."""
        self.was_cancelled = self.was_cancelled or cancelled
        if not self._lost:
            self._lost = True
            self._take_down()

    def _take_down(self) -> None:
        self._worker.invoker.cancel(self.run_id)

    def lost_cause(self) -> Failed | None:
        """The end of a run on which too many workers died, without a step recorded in between.

        One that is on hold does not end: it is tried alone, and later each time.
        """
        takeovers = self._takeovers
        if takeovers < self._worker.policy.max_takeovers or self.probes:
            return None
        message = (
            f"{takeovers} workers died while they ran this, without a step recorded in between: "
            "look for what kills the process (memory, os._exit, a crash in native code)"
        )
        return Failed(ErrorInfo("WorkerLostError", message, code=ErrorCode.WORKER_LOST.value), retriable=False)

    @property
    def refusal(self) -> StoreError | None:
        """Why the store has refused the last commit; None if it has not."""
        error = self._last.exception() if self._last is not None and self._last.done() else None
        return error if isinstance(error, StoreError) else None

    def record(self, ops: Sequence[Op]) -> asyncio.Future[Recorded] | Recorded:
        """Decide and commit; a result that concerns nobody else at once, if that is possible."""
        if self._turns.taken:
            return self._turns.later(self.record, ops)
        worker, state = self._worker, self._state
        now = worker.clock.now()
        memo = lone_result(state, ops, worker.policy, now) if self._records_alone() else None
        if memo is None:
            return self._commit(self._advance(ops, None, Moment(now, worker.ids.random())), now)
        state.add(memo)
        if not worker.store.record_here(self.owner, memo):
            return self._commit(Changes.of_result(memo), now)
        return (
            Recorded(self._advice(), (memo,))
            if worker.observer is None
            else self._recorded_here(Changes.of_result(memo))
        )

    def _recorded_here(self, changes: Changes) -> Recorded:
        """A lone result is committed, and only those who watch are told of it."""
        if self._worker.observer is not None:
            self._worker.observer.committed(self.claimed.run, changes)
        return Recorded(self._advice(), changes.entries)

    async def hold_back(self) -> bool:
        """Wait until all that is being recorded is committed, and hold back what comes, until `go_on`.

        Returns:
            Whether it can be recorded. If not, nothing is held back.
        """
        await self._turns.take()
        try:
            if self._last is not None and not self._last.done():
                await asyncio.wait([self._last])
            if self._held is not None and not self._lost:
                await self._commit(Changes(self._state.attempt), self._worker.clock.now())
        except BaseException:
            self._turns.give()
            raise
        if self._lost or self.refusal is not None:
            self._turns.give()
            return False
        return True

    def go_on(self) -> None:
        """Record what was held back, in its order."""
        self._turns.give()

    def record_within(self, op: Op, write: Write) -> asyncio.Future[Recorded | Unrecorded]:
        """Record the result of a step in a transaction of the user's, while all else is held back."""
        return begun(self._record_within(op, write))

    async def _record_within(self, op: Op, write: Write) -> Recorded | Unrecorded:
        moment = self._moment()
        memo = lone_result(self._state, [op], self._worker.policy, moment.now)
        if memo is None:  # it is more than the run may have
            await write(None)
            return await self._commit(self._advance([op], None, moment), moment.now)
        changes = Changes.of_result(memo)
        begins_anew = self._begins_anew(changes)
        written = await write(RecordWithin(self.owner, memo, changes.attempt if begins_anew else None))
        if isinstance(written, Exception):
            return Unrecorded(written)
        if written is Wrote.AGAIN:
            return Unrecorded()
        if written is not Wrote.COMMITTED:
            found = await self._look_up(memo)
            if not isinstance(found, Memo):
                return found
            changes = Changes.of_result(found)
        self._state.apply(changes)
        if begins_anew:
            self._count_anew(changes)
        return self._recorded_here(changes)

    async def _look_up(self, memo: Memo) -> Memo | Recorded | Unrecorded:
        """The stored memo of a step, when a transaction is over that would have recorded it."""
        # A commit without anything: it finds out who has the run, and waits for whoever writes about it.
        recorded = await self._commit(Changes(self._state.attempt), self._worker.clock.now())
        if recorded.advice is Advice.STOP:
            return recorded
        view = await self._worker.store.run(self.run_id)
        memos = () if view is None else view.memos
        return next((one for one in memos if one.step.hash == memo.step.hash), Unrecorded())

    def _records_alone(self) -> bool:
        """Whether nothing is written with the result of a step, and nobody goes on with it but the invocation."""
        return (
            self._held is None
            and not self._state.waiting
            and self._takeovers == 0
            and self._stored_attempt == 0
            and not self._lost
        )

    def committed(self, commit: Commit, receipt: Receipt) -> Recorded:
        """A commit is answered: take over in memory what it has written.

        Returns:
            The answer for the invocation; STOP if the run is not its any more, or has ended.
        """
        changes = commit.changes if receipt.again is None else receipt.again
        if receipt.written is Written.LOST:
            self._lost = True
            if receipt.again is not None and self._worker.observer is not None:
                self._worker.observer.committed(self.claimed.run, changes)
            return STOP
        if commit.waiting:
            self._tell_gateway(changes)
        if commit.begins_anew:
            self._count_anew(changes)
        if self._worker.observer is not None:
            run = self.claimed.run
            ended = run._replace(ended_at=commit.now) if isinstance(changes.transition, Ended) else run
            self._worker.observer.committed(ended, _as_written(changes, receipt))
        if commit.concludes:
            return _CONCLUDED
        if changes.transition is not None:
            self._lost = True
            self._tell_end(changes)
            return STOP
        entries = self._entries(changes, receipt) if receipt.again is None else changes.entries
        return Recorded(self._advice(), entries)

    def _tell_gateway(self, changes: Changes) -> None:
        """Tell who makes requests which ones there are from now on, and which are wanted no more."""
        asked = {wait.step.step.hash: wait.target.secrets for wait in changes.waits if wait.step.kind in REQUESTS}
        closed = [memo.step.hash for memo in changes.memos if memo.kind in REQUESTS]
        if asked or closed:
            self._executor.gateway.asked(self.run_id, asked)
            self._executor.gateway.over(self.run_id, closed)

    def _count_anew(self, changes: Changes) -> None:
        """A step is recorded: attempts of the body, and workers that died, are counted from 0 again."""
        self._stored_attempt = changes.attempt
        quarantined, self._takeovers = self.quarantined, 0
        if quarantined:
            self._executor.left_quarantine()

    def _tell_end(self, changes: Changes) -> None:
        if isinstance(changes.transition, Ended):
            run_log.ended(*self.named, changes.transition.status, self.claimed.events)
            self._executor.on_end(self.run_id, changes.transition)

    def _entries(self, changes: Changes, receipt: Receipt) -> Sequence[Entry]:
        """The entries that the reported steps became. Some memos may have become others than was asked for."""
        entries, settled, done = changes.entries, receipt.settled, self._state.done
        if settled:
            done.update(settled)
            self._state.size += _size([settled.get(one.step.hash, one) for one in entries]) - _size(entries)
        if settled or len(entries) != len(changes.memos):  # some are not of this report: they may be settled, too
            entries = [done[one.step.hash] if isinstance(one, Memo) else one for one in entries]
        return entries

    def when_answered(self, done: Callable[[Owner], object]) -> None:
        """Call back when its commits are answered: at once, if the last one is."""
        if self._last is None or self._last.done():
            done(self.owner)
        else:
            self._last.add_done_callback(lambda _: done(self.owner))

    async def conclude(self, outcome: Outcome) -> Ended | Released | None:
        """Write how the invocation ended; None if the run was lost."""
        if self.slots is not None:
            self.slots.close()
        if self._lost:
            return None
        moment = self._moment()
        changes = self._concluding(outcome, moment)
        busy = 0 if self.slots is None else self.slots.busy
        recorded = await self._commit(changes, moment.now, concludes=True, busy=busy)
        if recorded.advice is Advice.STOP:
            return None
        self._kept = busy
        self._tell_held(changes)
        return changes.transition

    def _concluding(self, outcome: Outcome, moment: Moment) -> Changes:
        return self._advance((), outcome, moment)

    def over(self) -> None:
        """Nothing of it is written any more: slots are kept for code that has not returned."""
        if self.slots is not None:
            self.slots.close()
            self.slots.kept(self._kept)

    def _tell_held(self, changes: Changes) -> None:
        """Log that the run is on hold, once: until it goes on, or something else shows that its code has changed."""
        hold = changes.transition.hold if isinstance(changes.transition, Released) else None
        before = self.claimed.run.code.hold
        if hold is None or (before is not None and holding.what_changed(before) == holding.what_changed(hold)):
            return
        run_log.held(self.run_id, self.function_id, hold, self.facts)

    @property
    def named(self) -> tuple[str, str]:
        """The run and its function, as log records name them."""
        return self.run_id, self.function_id

    @property
    def facts(self) -> dict[str, object]:
        """The fields that log records about it carry."""
        return about_run(*self.named, trace_id=run_log.trace_of(self.run_id, self.claimed.events))

    def _advice(self) -> Advice:
        if self._executor.draining or self._worker.policy.always_replays:
            return Advice.YIELD
        if not self._executor.at_capacity(self.function_id):
            return Advice.GO_ON
        return Advice.YIELD if self._worker.clock.monotonic() - self._began_at > BUDGET else Advice.GO_ON

    def _advance(self, ops: Sequence[Op], outcome: Outcome | None, moment: Moment) -> Changes:
        changes = advance(self._state, ops, outcome, self._worker.policy, moment)
        self._state.apply(changes)
        return changes

    def _moment(self) -> Moment:
        return Moment(self._worker.clock.now(), self._worker.ids.random())

    def _commit(
        self, changes: Changes, now: int, *, concludes: bool = False, busy: int = 0, told: Told | None = None
    ) -> asyncio.Future[Recorded]:
        run, state = self.claimed.run, self._state
        effects = effects_of(run, self.claimed.events, changes, now, self._worker.ids.ulid, self.trace)
        if self._held is not None:
            changes = self._held.followed_by(changes)
            self._held = None
        begins_anew = self._begins_anew(changes)
        commit = Commit(
            self.owner,
            self.function_id,
            changes,
            now,
            effects,
            begins_anew,
            alone=self.quarantined and not begins_anew,
            lane=run.lane,
            concludes=concludes,
            busy=busy,
            told=told,
        )
        if state.waiting:
            commit = commit._replace(
                waiting=True,
                subscriptions=subscriptions.of_waits(self.run_id, changes.waits, self.claimed.events),
                requests=subscriptions.requests_of(self.run_id, changes.waits, state.retries, self._trace_of(changes)),
            )
        if run.parent_id is not None and run.parent_hash is not None:
            commit = commit._replace(parent=(run.parent_id, run.parent_hash))
        self._last = self._worker.store.commit(commit)
        return self._last

    def _trace_of(self, changes: Changes) -> str:
        """The trace that requests of steps are a part of."""
        events = self.claimed.events
        return self.trace or (traces.carried(self.run_id, events[0].extra) if changes.waits and events else "")

    def _begins_anew(self, changes: Changes) -> bool:
        """Whether attempts of the body, and takeovers, are stored from before."""
        replayed = self.probes and changes.transition is not None  # its end was reached: it kills no worker
        return bool(changes.memos or replayed) and (self._stored_attempt != changes.attempt or self._takeovers > 0)


def _as_written(changes: Changes, receipt: Receipt) -> Changes:
    return changes._replace(memos=[receipt.settled.get(memo.step.hash, memo) for memo in changes.memos])


def _size(entries: Sequence[Entry]) -> int:
    return sum(entry.size for entry in entries if isinstance(entry, Memo))
