"""Planted bugs about runs of apps: what follows from answers and checkpoints, who is told, and who is fenced."""

from __future__ import annotations

import asyncio
import dataclasses
from collections.abc import Collection, Iterator, Sequence
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from sqlalchemy import exists, select
from sqlalchemy.sql import ClauseElement

from inngest.engine import executor
from inngest.engine.domain import remote
from inngest.engine.domain.advance import Moment, Woken, reports
from inngest.engine.domain.advance.draft import Draft
from inngest.engine.domain.model import Changes, Policy, RunState
from inngest.engine.domain.remote import DISCOVERY, Due
from inngest.engine.invokers.ports import Carried, Doubtful, RemoteCall
from inngest.engine.invokers.remote import RemoteInvoker
from inngest.engine.remote_run import RemoteRun
from inngest.engine.slots import RunSlots
from inngest.engine.store import checkpoints as stored
from inngest.engine.store import committing, overtaken, tables
from inngest.engine.store.records import run_of
from inngest.engine.store.statement import MultiRowStatement, Rows, SqlDialect
from inngest.protocol.calls import Advice, Recorded
from inngest.protocol.opcodes import Op
from inngest.protocol.wire import checkpoints
from inngest.protocol.wire.checkpoints import Answered, Verdict

from .planting import plant

Bug = Iterator[AbstractContextManager[object]]

_runs = tables.runs


@plant("P3", "checkpointed", "served")
def _a_hash_that_is_done_is_recorded_again() -> Bug:
    yield mock.patch.object(Draft, "done", return_value=None)


@plant("outdated", "checkpointed", first=210)
def _a_call_that_is_given_up_may_still_record() -> Bug:
    set_ = reports._Answer._set

    def keeps(answer: Any, **changed: Any) -> None:
        changed.pop("generation", None)
        set_(answer, **changed)

    yield mock.patch.object(reports._Answer, "_set", keeps)


@plant("outdated", "checkpointed", "served")
def _no_generation_is_asked_for() -> Bug:
    checkpoint = stored.checkpoint

    def any_of(context: Any, asked: Any) -> bool:
        row = context.execute(overtaken.CALLED, {"run": asked.run_id}).fetchone()
        if row is None:
            return False
        return checkpoint(context, asked._replace(generation=run_of(row[:-2]).discovery.generation))

    here = RemoteRun.checkpoint
    yield mock.patch.object(stored, "checkpoint", any_of)
    yield mock.patch.object(RemoteRun, "checkpoint", lambda run, _, ops: here(run, run.generation, ops))


@plant("P2", "two-servers", "checkpointed", finders=("P2", "P3"))
def _nobody_asks_whether_others_have_written() -> Bug:
    def lost(_: SqlDialect, rows: Rows) -> ClauseElement:
        given = rows.as_table()
        owned = exists().where(
            _runs.c.id == given.c.id, _runs.c.token == given.c.token, _runs.c.session_id == given.c.session_id
        )
        return select(given.c.id, given.c.token).where(~owned)

    asking = MultiRowStatement("A planted bug.", _runs, committing.LOST.columns, lost)
    yield mock.patch.object(committing, "LOST", asking)


@plant("spared", "in-turn")
def _what_is_told_of_a_run_that_others_have_written_of_is_dropped() -> Bug:
    yield mock.patch.object(overtaken, "decided_again", return_value=None)


@plant("P2", "two-servers", "checkpointed", finders=("P2",))
def _an_answer_that_brings_nothing_is_believed_unasked() -> Bug:
    write = RemoteRun._write
    yield mock.patch.object(RemoteRun, "_write", lambda run, changes, now, **_: write(run, changes, now))


@plant("P10", "kept")
def _a_repeated_checkpoint_is_answered_before_the_commit_of_the_first() -> Bug:
    yield mock.patch.object(RemoteRun, "_repeated", lambda run, changes: Recorded(Advice.GO_ON, changes.entries))


@plant("stuck", "served", "wired", finders=("stuck", "P6"), first=20)
def _what_is_owed_is_forgotten() -> Bug:
    yield mock.patch.object(reports._Answer, "finished", return_value=None)


@plant("ends", "checkpointed", "served")
def _the_answer_of_a_call_that_was_refused_counts() -> Bug:
    """Who has lost the run refuses the checkpoints of the call that goes on with it."""

    def refuse(
        of: executor.RunExecutor, run_id: str, generation: int, ops: Sequence[Op]
    ) -> asyncio.Future[Recorded] | Recorded | None:
        owned_run = of.owned.get(run_id)
        return owned_run.checkpoint(generation, ops) if isinstance(owned_run, RemoteRun) else None

    yield mock.patch.object(executor.RunExecutor, "checkpoint", refuse)


@plant("outdated", "checkpointed")
def _an_app_goes_on_after_it_was_told_to_stop() -> Bug:
    answered = checkpoints.answered

    def deaf(*args: Any) -> Answered:
        said = answered(*args)
        return said._replace(verdict=Verdict.SAVED) if said.verdict is Verdict.STALE else said

    yield mock.patch.object(checkpoints, "answered", deaf)


@plant("P10", "wired", "served")
def _a_call_tells_of_what_is_not_committed() -> Bug:
    yield mock.patch.object(RemoteRun, "settled", _settled_at_once)


@plant("P10", "kept")
def _a_call_that_leaves_at_once_tells_of_what_is_not_committed() -> Bug:
    yield mock.patch.object(RemoteRun, "settled", _settled_at_once)


async def _settled_at_once(run: RemoteRun) -> Advice:
    return Advice.STOP if run.is_over else Advice.GO_ON


@plant("discovered", "wired", "served")
def _several_discoveries_leave_at_a_time() -> Bug:
    due = remote.due

    def forgetful(state: RunState, flying: Collection[str], now: int) -> Due:
        found = due(state, [one for one in flying if one != DISCOVERY], now)
        again = [one._replace(target=DISCOVERY) for one in found.calls if one.target == DISCOVERY]
        return found if not again else found._replace(calls=[*found.calls, *again])

    yield mock.patch.object(remote, "due", forgetful)


@plant("discovered", "wired", "served")
def _a_step_that_is_done_is_called_for() -> Bug:
    apply = RunState.apply

    def keeps(state: RunState, changes: Changes) -> None:
        before = dict(state.open)
        apply(state, changes)
        state.open.update({key: step for key, step in before.items() if step.mode == "race"})

    yield mock.patch.object(RunState, "apply", keeps)


@plant("stuck", "wired", "served", finders=("stuck", "P6", "P8"))
def _steps_that_wait_are_not_woken() -> Bug:
    woken = reports.woken

    def deaf(state: RunState, policy: Policy, moment: Moment) -> Woken:
        return woken(dataclasses.replace(state, open={}), policy, moment)

    yield mock.patch.object(reports, "woken", deaf)


@plant("P7", "limited@1", "served", finders=("P7", "P6", "stuck"))
def _a_call_keeps_its_slot() -> Bug:
    yield mock.patch.object(RunSlots, "give", return_value=None)


@plant("P7", "renamed-in-line@2", finders=("P7", "P6"))
def _an_app_that_came_to_its_place_is_still_on_hold() -> Bug:
    """The run is neither let go nor entered otherwise: it has no slot, and its calls do nothing new."""
    goes_on = reports._Answer._goes_on

    def stays(answer: Any, ops: Sequence[Op]) -> None:
        goes_on(answer, ops)
        answer.draft.transition = None

    yield mock.patch.object(reports._Answer, "_goes_on", stays)


class _Resending:
    """Sends a call again, as it was, if nobody knows whether it came."""

    def __init__(self, carrier: Any) -> None:
        self._carrier = carrier

    async def carry(self, call: RemoteCall) -> Carried:
        while isinstance(carried := await self._carrier.carry(call), Doubtful):
            pass
        return carried  # type: ignore[no-any-return]

    async def close(self) -> None:
        await self._carrier.close()


@plant("P2", "checkpointed", "served", finders=("P2", "P3"))
def _a_doubtful_call_is_sent_again_unchanged() -> Bug:
    begin = RemoteInvoker.__init__

    def begins(invoker: RemoteInvoker, carrier: Any, *args: Any) -> None:
        begin(invoker, _Resending(carrier), *args)

    yield mock.patch.object(RemoteInvoker, "__init__", begins)


@plant("P2", "checkpointed", "served", finders=("P2", "P3", "outdated"))
def _a_doubtful_call_may_still_record() -> Bug:
    doubted = reports.doubted

    def keeps(state: RunState, target: str) -> Changes:
        return doubted(state, target)._replace(discovery=state.discovery)

    yield mock.patch.object(reports, "doubted", keeps)
