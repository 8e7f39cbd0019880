"""Planted bugs about steps: memos, attempts, and the order in which code goes on (P2, P5, P9)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from sqlalchemy import select
from sqlalchemy.sql import ClauseElement

from inngest.engine import owned_run
from inngest.engine.domain import advance
from inngest.engine.domain.advance.draft import Draft
from inngest.engine.domain.advance.steps import attempt_failed
from inngest.engine.store import committing, entering, tables
from inngest.engine.store.records import NEW_OPEN_COLUMNS, NEW_STEP_COLUMNS, entry_of
from inngest.engine.store.statement import MultiRowStatement, Rows, SqlDialect, Transaction, insert_new
from inngest.protocol.opcodes import Memo, Op, Opcode, OpenStep
from inngest.protocol.steps import StepName
from inngest.runtime import idle
from inngest.sdk.invocation import replay, scheduler
from inngest.sdk.invocation.branches import LosingBranches
from inngest.sdk.invocation.invocation import Invocation
from inngest.sdk.invocation.open_calls import StepCall
from inngest.sdk.invocation.recording import Recording
from inngest.sdk.steps.current import CurrentStep

from .planting import plant

_runs, _steps, _waits, _requests = tables.runs, tables.steps, tables.waits, tables.requests


@plant("P2", "sequential", "branches", "finally")
def _memos_are_not_looked_up() -> Iterator[AbstractContextManager[object]]:
    reach = replay.History.reach

    def only_open(history: replay.History, step: StepName) -> object:
        found = reach(history, step)
        return found if isinstance(found, OpenStep) else None

    yield mock.patch.object(replay.History, "reach", only_open)


@plant("once", "careful", "careful-2", "carefully", finders=["once"])
def _a_begin_is_not_committed() -> Iterator[AbstractContextManager[object]]:
    async def begun(_: Invocation, call: StepCall, number: int) -> bool:
        return True

    yield mock.patch.object(Invocation, "_begun", begun)


@plant("once", "careful", "careful-2", "carefully", finders=["once"])
def _the_begin_of_a_later_attempt_is_not_written() -> Iterator[AbstractContextManager[object]]:
    def first_only(words: SqlDialect, rows: Rows) -> ClauseElement:
        insertion = words.insert(_steps).values(rows.values)
        return committing._over_open(insertion, ("attempt", "due_at"), _steps.c.attempt < insertion.excluded.attempt)

    yield mock.patch.object(
        committing, "WRITE_OPEN", MultiRowStatement("A planted bug.", _steps, NEW_OPEN_COLUMNS, first_only)
    )


@plant("once", "careful", "careful-2", "carefully", finders=["once"])
def _a_step_that_has_begun_is_taken_for_one_to_be_tried() -> Iterator[AbstractContextManager[object]]:
    def forgetful(row: tuple[Any, ...]) -> object:
        found = entry_of(row)
        return found._replace(begun=False) if isinstance(found, OpenStep) else found

    yield mock.patch.object(entering, "entry_of", forgetful)


@plant("P5", "siblings", "retries")
def _steps_share_their_retries() -> Iterator[AbstractContextManager[object]]:
    def shared(draft: Draft, op: Op) -> None:
        attempt_failed(draft, op._replace(attempt=sum(step.attempt for step in draft.run.open.values())))

    yield mock.patch.dict(advance._OPCODES, {Opcode.STEP_ERROR: shared})


@plant("P5", "body")
def _a_step_does_not_reset_the_body() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(
        committing, "BEGIN_ANEW", MultiRowStatement("A planted bug.", _runs, ("id", "attempt"), _nothing)
    )


@plant("P9", "changed-kind", "changed-back", finders=("P9", "ends"))
def _kinds_are_not_compared() -> Iterator[AbstractContextManager[object]]:
    decide = replay.History.decide

    def trusting(
        history: replay.History, entry: Memo | OpenStep | None, step: StepName, kind: Opcode, now: int
    ) -> replay.Decision:
        return decide(history, entry._replace(kind=kind) if entry is not None else None, step, kind, now)

    yield mock.patch.object(replay.History, "decide", trusting)


@plant("P9", "nested", "deep", "completed", "payers", finders=("P9", "ends"))
def _rest_is_not_waited_for() -> Iterator[AbstractContextManager[object]]:
    for module in (scheduler, idle):
        yield mock.patch.object(module, "IDLE_TURNS", 1)


def _nothing(_: SqlDialect, rows: Rows) -> ClauseElement:
    given = rows.as_table()
    return select(given.c.id, given.c.attempt)


@plant("P5", "choosy")
def _steps_have_no_retries_of_their_own() -> Iterator[AbstractContextManager[object]]:
    def as_the_function(draft: Draft, op: Op) -> None:
        attempt_failed(draft, op._replace(max_attempts=None))

    yield mock.patch.dict(advance._OPCODES, {Opcode.STEP_ERROR: as_the_function})


@plant("P5", "timely", finders=("ends",))
def _time_that_is_over_interrupts_nothing() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(CurrentStep, "_interrupt")


@plant("P5", "timely-plainly", finders=("ends",))
def _plain_handlers_are_not_told_that_time_is_over() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(CurrentStep, "_is_overdue", return_value=False)


@plant("P9", "head-to-head", finders=("ends", "P9"))
def _who_has_lost_a_race_goes_on_with_the_next_step() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(LosingBranches, "kept_result")


@plant("P9", "races-plainly", finders=("ends",))
def _plain_losers_are_not_asked_to_stop() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(CurrentStep, "ask_to_stop")


@plant("deferred", "defers", "defers-plainly")
def _only_what_was_deferred_with_the_end_starts() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(Draft, "deferred", lambda draft: [one for one in draft.defers.values() if not one.aborted])


@plant("deferred", "defers", "defers-plainly")
def _an_abort_is_not_kept() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(committing, "WRITE_DEFERS", insert_new("A planted bug.", tables.steps, NEW_STEP_COLUMNS))


@plant("P6", "torn", "undoing", "translating", finders=("ends", "P9"))
def _the_end_of_a_loop_is_taken_for_a_decision() -> Iterator[AbstractContextManager[object]]:
    decided = property(lambda invocation: invocation.scheduler.ending is not None)
    yield mock.patch.object(Recording, "over", decided)


@plant("P6", "latecomer", finders=("caused", "P6"))
def _what_the_code_does_not_come_to_is_a_cause_to_enter_it() -> Iterator[AbstractContextManager[object]]:
    next_due = Draft.next_due
    yield mock.patch.object(Draft, "next_due", lambda draft, _: next_due(draft))
    yield mock.patch.object(scheduler.StepScheduler, "_hope", return_value=None)


@plant("P6", "outgrown", finders=("caused", "P6"))
def _a_run_is_entered_that_is_larger_than_it_may_be() -> Iterator[AbstractContextManager[object]]:
    whole = advance.woken
    yield mock.patch.object(owned_run, "woken", lambda *given: whole(*given)._replace(overflow=None))


@plant("P3", "storm", "outside", finders=("P3",))
def _a_record_that_comes_again_is_decided_again() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(advance, "_came_before", return_value=False)
    yield mock.patch.object(advance.steps, "succeeded_alone", return_value=None)


@plant("P2", "sequential", "branches", "payers")
def _the_first_page_is_taken_for_the_whole_run() -> Iterator[AbstractContextManager[object]]:
    page = entering.Reading.page

    def only(reading: entering.Reading, tx: Transaction) -> bool:
        found = page(reading, tx)
        reading.is_over = True
        return found

    yield mock.patch.object(entering.Reading, "page", only)
