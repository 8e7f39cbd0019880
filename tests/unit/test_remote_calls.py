"""`due`: which calls a run behind HTTP needs, and when."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection, Sequence

import pytest

from inngest.engine.domain.model import Code, Discovery, Hold, RunState
from inngest.engine.domain.remote import DISCOVERY, RemoteStep, due
from inngest.protocol.calls import Sign
from inngest.protocol.opcodes import Opcode, OpenStep
from inngest.protocol.steps import StepName
from tests.unit.names import named

NOW = 1_000_000
A, B, C = named("a"), named("b"), named("c")
NONE_OWED = Discovery(owed=False)


def planned(step: StepName, due_at: int = NOW, attempt: int = 0) -> OpenStep:
    return OpenStep(step, Opcode.STEP_RUN, attempt, due_at, NOW - 100, mode="wait")


def sleeping(step: StepName, due_at: int) -> OpenStep:
    return OpenStep(step, Opcode.SLEEP, 0, due_at, NOW - 100, mode="wait")


def state(*open_steps: OpenStep, discovery: Discovery = NONE_OWED, attempt: int = 0) -> RunState:
    open_by_hash = {one.step.hash: one for one in open_steps}
    return RunState("run", "app-fn", 4, attempt, open=open_by_hash, discovery=discovery)


OWED = Discovery(owed=True)
FOR_A = RemoteStep(A.hash, 0)
ON_HOLD = dataclasses.replace(state(discovery=OWED), code=Code(Hold(Sign.CALLED, "a", "b", "", 1, 0, 0), 1))


@pytest.mark.parametrize(
    ("run", "flying", "calls", "wake_at"),
    [
        pytest.param(state(discovery=OWED), (), [RemoteStep(DISCOVERY, 0)], None, id="a run begins"),
        pytest.param(state(discovery=OWED, attempt=2), (), [RemoteStep(DISCOVERY, 2)], None, id="the body's attempt"),
        pytest.param(state(discovery=OWED), [DISCOVERY], [], None, id="one discovery at a time"),
        pytest.param(ON_HOLD, (), [RemoteStep(DISCOVERY, 0, plan=True)], None, id="on hold nothing new runs"),
        pytest.param(state(discovery=Discovery(owed=True, at=NOW + 5)), (), [], NOW + 5, id="its time has not come"),
        pytest.param(state(), (), [RemoteStep(DISCOVERY, 0)], None, id="nothing is open: who else would go on"),
        pytest.param(state(), [A.hash], [], None, id="a call is under way, whose step is over"),
        pytest.param(state(planned(A), planned(B)), (), [FOR_A, RemoteStep(B.hash, 0)], None, id="plan"),
        pytest.param(state(planned(A), planned(B)), [A.hash], [RemoteStep(B.hash, 0)], None, id="each but once"),
        pytest.param(state(planned(A, NOW + 7, 3)), (), [], NOW + 7, id="the next attempt has its time"),
        pytest.param(state(planned(A, NOW, 3)), (), [RemoteStep(A.hash, 3)], None, id="the step's attempt"),
        pytest.param(state(planned(A, NOW + 7)), [A.hash], [], None, id="what flies falls not due"),
        pytest.param(
            state(planned(A, NOW + 7), discovery=OWED),
            (),
            [RemoteStep(DISCOVERY, 0, plan=True)],
            NOW + 7,
            id="beside open steps a discovery plans",
        ),
        pytest.param(
            state(sleeping(C, NOW + 3), planned(A), discovery=Discovery(owed=True, at=NOW + 2)),
            (),
            [RemoteStep(A.hash, 0)],
            NOW + 2,
            id="the first that falls due",
        ),
        pytest.param(state(sleeping(C, NOW - 3)), (), [], NOW - 3, id="a sleep that is over is not a call"),
    ],
)
def test_calls_that_are_due(run: RunState, flying: Collection[str], calls: Sequence[RemoteStep], wake_at: int) -> None:
    found = due(run, flying, NOW)
    assert (list(found.calls), found.wake_at) == (calls, wake_at)
