"""What follows for a run of an app beside its answers: checkpoints, waits that are over, calls that come back."""

from __future__ import annotations

from typing import Any

from inngest.engine.domain.advance import reports
from inngest.engine.domain.model import Asking, Discovery, Ended, Policy, RunStatus
from inngest.engine.domain.remote import DISCOVERY
from inngest.protocol.opcodes import Arrival, Op, Opcode, OpenStep
from inngest.protocol.wire.operations import COMPLETE
from tests.unit.answers import (
    LEFT,
    MOMENT,
    NOW,
    POLICY,
    A,
    B,
    calls,
    done,
    planned,
    ran,
    report,
    reported,
    sleeping,
    state,
    waiting,
)
from tests.unit.names import named


def test_a_checkpoint_records_and_owes_nothing_for_the_code_goes_on() -> None:
    run = state(attempt=2)
    run.apply(reports.checkpoint(run, [ran(A), ran(B)], LEFT, POLICY, MOMENT))
    assert (list(run.done), run.attempt, run.asking.again) == ([A.hash, B.hash], 0, False)
    assert reports.checkpoint(run, [ran(A)], LEFT, POLICY, MOMENT).memos == []  # its answer was lost
    changes = report(run, reported(ran(A), ran(B), Op(Opcode.RUN_COMPLETE, COMPLETE, data="3")))
    assert (list(changes.memos), changes.transition) == ([], Ended(RunStatus.COMPLETED, "3", None))


def test_a_checkpoint_of_a_step_that_was_open_owes_as_its_answer_does() -> None:
    run = state(planned(A))
    run.apply(reports.checkpoint(run, [ran(A)], LEFT, POLICY, MOMENT))
    assert run.asking.again


def test_what_falls_due_owes_a_discovery_once_its_group_is_over() -> None:
    run = state(sleeping(A), waiting(B), owed=False, asking=Asking())
    changes = reports.woken(run, POLICY, MOMENT).changes
    assert ([memo.step for memo in changes.memos], changes.discovery) == ([A], None)
    run.apply(changes)
    run.arrived = {B.hash: Arrival("run", B.hash, "{}", None, NOW)}
    changes = reports.woken(run, POLICY, MOMENT).changes
    assert [memo.step for memo in changes.memos] == [B]
    assert changes.discovery == Discovery(3, 2, owed=True)


def test_steps_that_fall_due_at_once_are_looked_through_once() -> None:
    class Counted(dict[str, OpenStep]):
        passes = 0

        def items(self) -> Any:
            self.passes += 1
            return super().items()

    def passes(count: int, mode: str = "wait") -> int:
        steps = [sleeping(named(f"s{number}"), mode) for number in range(count)]
        run = state(owed=False, asking=Asking())
        found = run.open = Counted({step.step.hash: step for step in (*steps, waiting(B))})
        changes = reports.woken(run, Policy(1_000, None), MOMENT).changes
        assert (len(changes.memos), changes.discovery is None) == (count, mode == "wait")
        return found.passes

    assert passes(100) == passes(2)
    assert passes(100, "race") == passes(2, "race")


def test_a_discovery_that_was_not_delivered_is_owed_as_before() -> None:
    run = state(done(A), asking=Asking())
    run.apply(reports.left(run))
    assert calls(run) == []
    run.apply(reports.came_back(run))
    assert calls(run) == [(DISCOVERY, 0, False)]
