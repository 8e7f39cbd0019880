"""Planted bugs about changed code: a clause of the rule each (docs/explanation/changed-code.md)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager
from typing import Any
from unittest import mock

from inngest.engine.domain import advance
from inngest.engine.domain import holding as domain_holding
from inngest.engine.domain.advance import code, outcomes
from inngest.engine.domain.advance.draft import Draft
from inngest.engine.store import claiming, holding
from inngest.protocol.calls import Failed, Held
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Memo, Opcode, OpenStep
from inngest.protocol.steps import StepName
from inngest.sdk.invocation import replay
from inngest.sdk.invocation.defers import Patches
from inngest.sdk.invocation.open_calls import Callers
from inngest.sdk.invocation.scheduler import StepScheduler

from .planting import plant


@plant("P9", "renamed", "inserted", "removed", finders=("ends", "P6"))
def _new_code_does_not_wait_for_the_history() -> Iterator[AbstractContextManager[object]]:
    decide = replay.History.decide

    def at_once(
        history: replay.History, entry: Memo | OpenStep | None, step: StepName, kind: Opcode, now: int
    ) -> replay.Decision:
        if entry is None:
            return replay.Execute(0) if kind is Opcode.STEP_RUN else replay.Park(None)
        return decide(history, entry, step, kind, now)

    yield mock.patch.object(replay.History, "decide", at_once)


@plant("P9", "cut", "plainly-changed", finders=("ends",))
def _a_function_may_return_whatever_is_left() -> Iterator[AbstractContextManager[object]]:
    async def at_once(_: StepScheduler) -> None:
        return None

    yield mock.patch.object(StepScheduler, "may_return", at_once)


@plant("P9", "renamed", "swapped", finders=("ends",))
def _changed_code_fails_its_run() -> Iterator[AbstractContextManager[object]]:
    def fails(draft: Draft, held: Held) -> None:
        outcomes.failed(draft, Failed(ErrorInfo("DeterminismError", held.step), retriable=False))

    yield mock.patch.object(code, "held", fails)


@plant("P9", "away", finders=("ends",))
def _there_is_no_patience() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(replay.History, "patience", return_value=0)


@plant("P9", "threaded", finders=("ends",))
def _threads_of_a_function_are_not_expected_in_its_replay() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(StepScheduler, "expect_threads")


@plant("P6", "threaded", finders=("P6", "ends"))
def _the_body_does_not_count_as_waiting_for_its_threads() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(StepScheduler, "_at_work", property(lambda scheduler: scheduler._busy > 0))


@plant("P9", "patched", finders=("ends", "P6"))
def _a_yes_is_not_recorded() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.dict(advance._OPCODES, {Opcode.PATCHED: lambda *_: None})


@plant("P9", "patched", finders=("ends", "P6"))
def _every_run_takes_the_new_way() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(Patches, "says", return_value=True)


@plant("P7", "renamed-in-line", finders=("P7",))
def _a_run_on_hold_has_a_slot_while_it_replays() -> Iterator[AbstractContextManager[object]]:
    take = claiming._take

    def with_slots(*given: Any, alone: bool = False, slot: int = 1) -> Any:
        return take(*given, alone=alone, slot=1)

    yield mock.patch.object(claiming, "_take", with_slots)


@plant("P6", "renamed", "changed-kind", finders=("P6",))
def _nobody_looks_at_runs_on_hold() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(holding, "due", return_value=([], None))


@plant("P6", "renamed-beside", finders=("caused",))
def _a_run_on_hold_is_let_go_for_an_attempt_that_is_due() -> Iterator[AbstractContextManager[object]]:
    decide = replay.History.decide

    def whatever_is_left(
        history: replay.History, entry: Memo | OpenStep | None, step: StepName, kind: Opcode, now: int
    ) -> replay.Decision:
        decision = decide(history, entry, step, kind, now)
        if isinstance(decision, replay.Park) and decision.open is not None and decision.open.due_at == replay.NOT_YET:
            return replay.Execute(decision.open.attempt)
        return decision

    yield mock.patch.object(replay.History, "decide", whatever_is_left)


@plant("P9", "slept", "changed-kind", finders=("ends", "P6"))
def _new_waits_do_not_wait_for_the_history() -> Iterator[AbstractContextManager[object]]:
    decide = replay.History.decide

    def at_once(
        history: replay.History, entry: Memo | OpenStep | None, step: StepName, kind: Opcode, now: int
    ) -> replay.Decision:
        return replay.Park(None) if entry is None and kind is Opcode.SLEEP else decide(history, entry, step, kind, now)

    yield mock.patch.object(replay.History, "decide", at_once)


@plant("P9", "away-for-good", finders=("P6",))
def _patience_does_not_grow_with_the_holds() -> Iterator[AbstractContextManager[object]]:
    patience = replay.History.patience
    yield mock.patch.object(replay.History, "patience", lambda history, missing, _: patience(history, missing, 0))


@plant("P9", "aside", finders=("P6",))
def _a_task_that_goes_on_explains_nothing() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(Callers, "are_left", return_value=False)


@plant("P9", "lost", finders=("P6",))
def _a_branch_that_was_given_up_explains_nothing() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(Callers, "gave_up", return_value=False)


@plant("P6", "plainly-changed", finders=("held",))
def _a_new_worker_waits_until_a_run_on_hold_is_due() -> Iterator[AbstractContextManager[object]]:
    due = holding.due

    def not_at_once(tx: Any, functions: Any, session: str, _: int, count: int, now: int) -> Any:
        return due(tx, functions, session, 0, count, now)

    yield mock.patch.object(holding, "due", not_at_once)


@plant("P6", "renamed-2", "swapped-2", finders=("held",))
def _who_put_a_run_on_hold_does_not_let_others_go_first() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(holding, "OTHERS_FIRST", 0)


@plant("P6", "renamed-2", "swapped-2", finders=("held",))
def _a_run_on_hold_is_entered_every_second() -> Iterator[AbstractContextManager[object]]:
    yield mock.patch.object(domain_holding, "LONGEST", 1_000)
