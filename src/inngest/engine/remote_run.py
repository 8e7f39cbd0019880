"""One run of an app while a worker owns it: the calls that it needs, and what follows from their answers."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Coroutine, Sequence

from inngest.protocol.calls import Advice, Call, Failed, Outcome, Recorded, Yielded
from inngest.protocol.opcodes import REQUESTS, Memo, Op, Opcode
from inngest.protocol.wire.endpoints import as_kept
from inngest.protocol.wire.responses import Reply, ReplyKind

from .domain import remote
from .domain.advance import Moment, reports
from .domain.model import Changes, Ended, FunctionSpec, Released, Transport
from .domain.remote import DISCOVERY, Due
from .invokers.remote import RemoteInvoker
from .owned_run import BUDGET, STOP, Executor, OwnedRun
from .records import Claimed, Commit, Receipt, Told

LATER = 30_000
"""Milliseconds until a run is taken up again of which nothing falls due by time."""


class RemoteRun(OwnedRun):
    """One run of an app while this worker owns it. All that it decides is committed before the next call leaves.

    Args:
        executor: who runs it.
        claimed: the run.
        function: its function, as its app registered it.
        invoker: makes its calls.
    """

    def __init__(self, executor: Executor, claimed: Claimed, function: FunctionSpec, invoker: RemoteInvoker) -> None:
        super().__init__(executor, claimed)
        self._invoker = invoker
        self.function = function
        self.not_before = 0  # unix ms: its app is not called earlier
        self._asked_attempt = claimed.run.attempt  # of the body, as the last commit has it
        self._left_at = 0  # unix ms, when the discovery left that is under way
        self._over: Ended | Released | None = None  # as an answer has decided it
        self._over_busy = 0  # slots that this keeps

    def enter(self, call: Call) -> Coroutine[None, None, Outcome]:
        """See `OwnedRun.enter`."""
        return self._invoker.invoke(call, self)

    def yield_run(self) -> None:
        """See `OwnedRun.yield_run`."""
        self._invoker.yield_run(self.run_id)

    def _notice(self, hashes: Sequence[str]) -> None:
        self._invoker.wake(self.run_id)

    def _take_down(self) -> None:
        self._invoker.wake(self.run_id)

    @property
    def quarantined(self) -> bool:
        """Never: code of an app kills no worker."""
        return False

    def lost_cause(self) -> None:
        """Never: as for `quarantined`."""

    def call(self) -> Call:
        """The facts of the run that its calls tell. Steps that were over when it was claimed get their memos later."""
        return self._call()

    # -- calls

    @property
    def memos(self) -> Collection[Memo]:
        """The finished steps, in the order of their places."""
        return self._state.done.values()

    @property
    def generation(self) -> int:
        """Calls of another one may record nothing."""
        return self._state.discovery.generation

    @property
    def version(self) -> int:
        """The version of requests that the app chose; -1 if it has not."""
        return self._state.discovery.version

    @property
    def defers(self) -> dict[str, bool]:
        """The functions that are deferred, by hash: whether each may be aborted."""
        return {hashed: defer.starts for hashed, defer in self._state.defers.items()}

    @property
    def is_idle(self) -> bool:
        """Whether its app has answered lately without anything new: only this owner knows how often."""
        return bool(self._state.asking.idle or self._state.asking.strays)

    @property
    def is_over(self) -> bool:
        """Whether no call of it can change anything any more."""
        return self._lost or self._over is not None

    def _try_now(self) -> None:
        """Somebody has the run tried now, before its time: it was claimed, and nothing of it is due but that."""
        now, discovery = self._worker.clock.now(), self._state.discovery
        if not discovery.owed or discovery.at <= now or remote.due(self._state, (), now).calls:
            return
        if not any(step.due_at <= now or step.step.hash in self._state.arrived for step in self._state.open.values()):
            self._state.apply(Changes(self._state.attempt, discovery=discovery._replace(at=0)))

    def is_wanted(self, target: str) -> bool:
        """Whether a call that is due is so still: for a step as long as that is open."""
        return target == DISCOVERY or target in self._state.open

    def step_of(self, target: str) -> str:
        """The name of an open step, for people; "" of a discovery."""
        step = self._state.open.get(target)
        return "" if step is None else step.step.text

    def take_up(self) -> None:
        """It is claimed: a request whose credentials nobody may hold is asked for again, with them (decision 0030)."""
        if any(step.begun for step in self._state.open.values()):
            moment = self._moment()
            self._write(reports.interrupted(self._state, self._worker.policy, moment), moment.now)
        self._try_now()
        knows = self._executor.gateway.knows
        open_steps = self._state.open.items()
        if any(step.kind in REQUESTS and not knows(self.run_id, hashed) for hashed, step in open_steps):
            self._state.apply(Changes(self._state.attempt, discovery=self._state.discovery._replace(owed=True, at=0)))

    def due(self, flying: Collection[str]) -> Due:
        """The calls that are to leave now, beside those that are under way."""
        return remote.due(self._state, flying, self._worker.clock.now())

    def begins(self, target: str) -> None:
        """A call is to leave: `settled` waits until it is recorded that a step has begun that must not begin again."""
        step = self._state.open.get(target)
        if step is not None and step.once and not self.is_over:
            now = self._worker.clock.now()
            self._write(Changes(self._state.attempt, open=(step._replace(begun=True),)), now)

    def leaves(self, target: str) -> None:
        """A call leaves: what happens from now on owes another discovery."""
        if target == DISCOVERY:
            self._left_at = self._worker.clock.now()
            self._state.apply(reports.left(self._state))

    def came_back(self, target: str) -> None:
        """A call was not delivered: what it was for is due as before, unless the run is over."""
        if self.is_over:
            return
        if target == DISCOVERY:
            self._state.apply(reports.came_back(self._state))
        elif (step := self._state.open.get(target)) is not None and step.begun:
            now = self._worker.clock.now()
            self._write(Changes(self._state.attempt, open=(step._replace(begun=False),)), now)

    def doubted(self, target: str) -> bool:
        """Nobody knows whether a call was delivered: it is due again as another one, and the first may record nothing.

        False if its step must not begin again: the call has to count as broken.
        """
        step = self._state.open.get(target)
        if step is not None and step.begun:
            return False
        if not self.is_over:
            self._write(reports.doubted(self._state, target), self._worker.clock.now())
        return True

    def wake(self) -> Failed | None:
        """Steps whose waiting is over have their memos from now on; why the run fails by that, if it does."""
        now = self._worker.clock.now()
        waiting = [step for step in self._state.open.values() if step.kind is not Opcode.STEP_RUN]
        if self.is_over or not any(step.due_at <= now or step.step.hash in self._state.arrived for step in waiting):
            return None
        changes, overflow = reports.woken(self._state, self._worker.policy, Moment(now, self._worker.ids.random()))
        if changes.memos:
            self._state.apply(changes)
            self._commit(changes, now)
        return None if overflow is None else Failed(overflow, retriable=False)

    # -- what comes back

    def report(self, target: str, left_at: int, reply: Reply) -> None:
        """An app has answered a call; `settled` waits until what follows is committed.

        Args:
            target: hash of the step that the call was for; DISCOVERY.
            left_at: unix ms, when it left.
            reply: the answer.
        """
        if self.is_over:
            return
        if self.function.transport is Transport.API:
            reply = reply._replace(ops=[as_kept(op) for op in reply.ops])
        moment = self._moment()
        told = reports.Report(target, left_at, reply)
        changes = reports.report(self._state, told, self._worker.policy, moment)
        self._write(changes, moment.now, asks=target == DISCOVERY, told=Told(told, moment.jitter))

    def checkpoint(self, generation: int, ops: Sequence[Op]) -> asyncio.Future[Recorded] | Recorded:
        """The code reports what it did while its call is under way.

        Args:
            generation: that the call was given; another one writes nothing.
            ops: what happened to steps.

        Returns:
            What was recorded, or its future; STOP if the call is not the run's newest any more, or the run is over.
        """
        if self.is_over or generation != self.generation:
            return STOP
        moment = self._moment()
        changes = reports.checkpoint(self._state, ops, self._left_at, self._worker.policy, moment)
        report = reports.Report(DISCOVERY, self._left_at, Reply(ReplyKind.REPORTED, ops=ops))
        recorded = self._write(changes, moment.now, told=Told(report, moment.jitter, going_on=True))
        if changes.transition is not None:
            self._notice(())
        return recorded

    async def settled(self) -> Advice:
        """Wait until all that was decided is committed; how to go on."""
        while self._last is not None and not self._last.done():
            await self._last
        if self._last is not None and self._last.result().advice is Advice.STOP:
            return Advice.STOP
        return Advice.STOP if self.is_over else self._advice()

    def _write(
        self, changes: Changes, now: int, *, asks: bool = False, told: Told | None = None
    ) -> asyncio.Future[Recorded] | Recorded:
        """Commit what was decided.

        Args:
            changes: the decision.
            now: unix ms.
            asks: commit it also if it is nothing, since a checkpoint of this call may have come to another worker: the
                next call would not tell the app of it.
            told: the report from which it follows.
        """
        stored = self._asked_attempt
        self._state.apply(changes)
        if changes.transition is not None:
            assert isinstance(changes.transition, Ended | Released)
            self._over = changes.transition
            self._over_busy = 0 if self.slots is None else self.slots.busy
            return self._commit(changes, now, concludes=True, busy=self._over_busy, told=told)
        if changes.is_result and changes.attempt == stored and self._records_alone():
            if self._worker.store.record_here(self.owner, changes.memos[0], lone=self._invoker.has_one_run):
                return self._recorded_here(changes)
        elif changes.is_nothing and changes.attempt == stored and not asks:
            return self._repeated(changes)
        return self._commit(changes, now, told=told)

    def _repeated(self, changes: Changes) -> asyncio.Future[Recorded] | Recorded:
        """The answer where nothing is new: what it repeats may be under way, and is not recorded before its commit."""
        last = self._last
        if last is not None and (not last.done() or last.exception() or last.result().advice is Advice.STOP):
            return last
        return Recorded(self._advice(), changes.entries)

    def _advice(self) -> Advice:
        if self._executor.draining:
            return Advice.YIELD
        overdue = self._worker.clock.monotonic() - self._began_at > BUDGET
        return Advice.YIELD if overdue and self._executor.apps_wait else Advice.GO_ON

    def _begins_anew(self, changes: Changes) -> bool:
        changed = self._asked_attempt != changes.attempt
        self._asked_attempt = changes.attempt
        return changed and changes.transition is None

    def committed(self, commit: Commit, receipt: Receipt) -> Recorded:
        """See `OwnedRun.committed`."""
        recorded = super().committed(commit, receipt)
        if recorded.advice is Advice.STOP:
            self._notice(())
        return recorded

    # -- the end

    async def conclude(self, outcome: Outcome) -> Ended | Released | None:
        """Write how the calls ended; None if the run was lost."""
        if self._over is None:
            return await super().conclude(outcome)
        if self.slots is not None:
            self.slots.close()
        assert self._last is not None
        if (await self._last).advice is Advice.STOP:
            return None
        self._kept = self._over_busy
        return self._over

    def _concluding(self, outcome: Outcome, moment: Moment) -> Changes:
        if not isinstance(outcome, Yielded):
            return super()._concluding(outcome, moment)
        found = remote.due(self._state, (), moment.now)
        due_at = max(moment.now, self.not_before) if found.calls else found.wake_at
        if due_at is not None and found.wake_at is not None:
            due_at = min(due_at, found.wake_at)
        return Changes(self._state.attempt, transition=Released(due_at or moment.now + LATER))
