"""Each table that has a row for every kind of wait has one, so that none is taken for another."""

from __future__ import annotations

import pytest

from inngest.engine.domain import subscriptions
from inngest.engine.domain.advance import Moment, advance
from inngest.engine.domain.model import Policy, RunState, SubscriptionKind, Wait
from inngest.protocol.calls import EventData
from inngest.protocol.opcodes import REQUESTS, WAITS, Op, Opcode, OpenStep, OpTarget
from inngest.protocol.steps import StepName, hash_step_id

STEP = StepName("wait", 0, hash_step_id("wait"))
EVENT = EventData("01", "go", "{}", 1)
KINDS = {
    Opcode.WAIT_FOR_EVENT: SubscriptionKind.STEP,
    Opcode.WAIT_FOR_SIGNAL: SubscriptionKind.SIGNAL,
    Opcode.INVOKE: SubscriptionKind.INVOKE,
    **dict.fromkeys(REQUESTS, SubscriptionKind.REQUEST),
}


@pytest.mark.parametrize("kind", sorted(WAITS))
def test_each_wait_has_a_subscription_of_its_own_kind(kind: Opcode) -> None:
    wait = Wait(OpenStep(STEP, kind, 0, 60_000, 1), OpTarget("paid"))
    found = subscriptions.of_step("run", wait, [EVENT])
    assert found is not None
    assert found.kind == KINDS[kind]


@pytest.mark.parametrize("kind", sorted(WAITS))
def test_a_report_of_each_wait_opens_it(kind: Opcode) -> None:
    changes = advance(
        RunState("run", "app-fn", 4),
        [Op(kind, STEP, kind=kind, duration=5, target=OpTarget("paid"))],
        None,
        Policy(10, None),
        Moment(1_000, 0.5),
    )
    assert [(one.kind, one.step) for one in changes.open] == [(kind, STEP)]
    assert [one.step.kind for one in changes.waits] == [kind]
