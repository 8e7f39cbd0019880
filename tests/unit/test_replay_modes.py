"""What a step call does in a function that is served: to plan, or for one target."""

from __future__ import annotations

import pytest

from inngest.protocol.calls import Mode
from inngest.protocol.errors import ErrorCode, ErrorInfo
from inngest.protocol.opcodes import Entry, Memo, Opcode, OpenStep
from inngest.protocol.steps import StepName
from inngest.sdk.errors import StepError, StepInterruptedError, StepNonRetriableError, StepRetryAfterError
from inngest.sdk.invocation.replay import (
    Answer,
    Behind,
    Changed,
    Decision,
    Execute,
    History,
    Ignore,
    Park,
    Propose,
    ServedHistory,
)
from tests.unit.names import named

NOW = 1_000
A, B = named("a"), named("b")
RUN, SLEEP, SIGNAL, EVENT = Opcode.STEP_RUN, Opcode.SLEEP, Opcode.SEND_SIGNAL, Opcode.WAIT_FOR_EVENT


def memo(step: StepName, kind: Opcode = RUN) -> Memo:
    return Memo(step, kind, 0, "1", None, NOW)


DONE, SLEPT = memo(A), memo(A, SLEEP)
DUE, LATER, ASLEEP = OpenStep(A, RUN, 3, NOW, 0), OpenStep(A, RUN, 3, NOW + 1, 0), OpenStep(A, SLEEP, 0, NOW - 1, 0)


def does(history: History, entry: Entry | None, kind: Opcode = RUN) -> tuple[type, Decision]:
    """What a call of A does, with its class: decisions are tuples, and those of two classes may be equal."""
    decision = history.decide(entry, A, kind, NOW)
    return type(decision), decision


# What is recorded of the step, its kind now, and what it does when the function is entered to run, to report or plan,
# for this step, and for another one.
TABLE: list[tuple[Entry | None, Opcode, Decision, Decision, Decision, Decision]] = [
    (DONE, RUN, Answer(DONE), Answer(DONE), Answer(DONE), Answer(DONE)),
    (SLEPT, SLEEP, Answer(SLEPT), Answer(SLEPT), Answer(SLEPT), Answer(SLEPT)),
    (DUE, RUN, Execute(3), Propose(3), Execute(3), Ignore()),
    (LATER, RUN, Park(LATER), Park(LATER), Execute(3), Ignore()),
    (ASLEEP, SLEEP, Park(ASLEEP), Park(ASLEEP), Park(ASLEEP), Ignore()),
    (None, RUN, Execute(0), Propose(0), Execute(0), Ignore()),
    (None, SIGNAL, Execute(0), Propose(0), Execute(0), Ignore()),
    (None, SLEEP, Park(None), Park(None), Park(None), Ignore()),
    (None, EVENT, Park(None), Park(None), Park(None), Ignore()),
    (DONE, SLEEP, Changed(RUN), Changed(RUN), Changed(RUN), Changed(RUN)),
    (DUE, SLEEP, Changed(RUN), Changed(RUN), Changed(RUN), Ignore()),
    (ASLEEP, RUN, Changed(SLEEP), Changed(SLEEP), Changed(SLEEP), Ignore()),
]


@pytest.mark.parametrize(("entry", "kind", "run", "plan", "target", "other"), TABLE)
def test_what_a_call_does_in_each_mode(
    entry: Entry | None, kind: Opcode, run: Decision, plan: Decision, target: Decision, other: Decision
) -> None:
    for mode, hashed, decision in (
        (Mode.RUN, "", run),
        (Mode.REPORT, "", plan),
        (Mode.CHECKPOINT, "", plan),
        (Mode.PLAN, "", plan),
        (Mode.TARGET, A.hash, target),
        (Mode.TARGET, B.hash, other),
    ):
        history = History([], []) if mode is Mode.RUN else ServedHistory([], [], mode=mode, target=hashed)
        assert does(history, entry, kind) == (type(decision), decision), (mode, hashed)


@pytest.mark.parametrize(
    ("mode", "hashed", "decision"),
    [
        (Mode.RUN, "", Behind()),
        (Mode.PLAN, "", Behind()),
        (Mode.TARGET, A.hash, Execute(0)),  # it was planned when the code had asked for all that was recorded
        (Mode.TARGET, B.hash, Ignore()),
    ],
)
def test_new_code_waits_for_the_history_unless_it_is_the_target(mode: Mode, hashed: str, decision: Decision) -> None:
    history = History([memo(B)], []) if mode is Mode.RUN else ServedHistory([memo(B)], mode=mode, target=hashed)
    assert does(history, None) == (type(decision), decision)
    history.reach(B)
    assert does(history, None)[0] is not Behind


def test_a_function_that_follows_its_history_plans_at_once() -> None:
    history = ServedHistory([memo(B)], mode=Mode.PLAN, follows=True)
    assert does(history, None) == (Propose, Propose(0))
    assert history.strayed


@pytest.mark.parametrize("kind", [RUN, SLEEP, EVENT])
def test_a_memo_of_the_wire_fits_a_call_of_any_kind(kind: Opcode) -> None:
    told = DONE._replace(kind=None)
    assert does(History([told], []), told, kind) == (Answer, Answer(told))


@pytest.mark.parametrize(
    ("name", "code", "kind"),
    [
        ("NonRetriableError", None, StepNonRetriableError),  # servers keep the name of an error, and drop its code
        ("RetryAfterError", None, StepRetryAfterError),
        ("StepInterruptedError", None, StepInterruptedError),
        ("ValueError", None, StepError),
        ("MyError", ErrorCode.NON_RETRIABLE.value, StepNonRetriableError),
        ("NonRetriableError", ErrorCode.UNKNOWN.value, StepError),  # a class of the user's that has this name
    ],
)
def test_an_error_without_its_code_is_known_by_its_name(name: str, code: str | None, kind: type[StepError]) -> None:
    error = StepError.of_handler(ErrorInfo(name, "no", code=code))
    assert (type(error), error.name) == (kind, name)


@pytest.mark.parametrize("mode", [Mode.REPORT, Mode.CHECKPOINT])
def test_a_step_that_is_allowed_runs_with_the_attempt_of_the_call_and_later_ones_from_0(mode: Mode) -> None:
    history = ServedHistory([], mode=mode, attempt=2)
    assert does(history, None) == (Propose, Propose(2))
    history.allow(B)
    assert does(history, None) == (Propose, Propose(2))
    history.allow(A)
    assert does(history, None) == (Execute, Execute(2))
    history.add(memo(A))
    assert history.decide(None, B, RUN, NOW) == Propose(0)


def test_a_target_has_the_attempt_of_the_call() -> None:
    assert does(ServedHistory([], mode=Mode.TARGET, target=A.hash, attempt=4), None) == (Execute, Execute(4))


def test_the_way_to_a_target_is_replayed() -> None:
    before = memo(B)
    history = ServedHistory([before], mode=Mode.TARGET, target=A.hash)
    history.reach(B)
    history.deliver(before)
    assert history.replaying
    history.reach(A)
    assert not history.replaying


@pytest.mark.parametrize(
    ("mode", "given"), [(Mode.REPORT, True), (Mode.CHECKPOINT, True), (Mode.PLAN, False), (Mode.TARGET, False)]
)
def test_nobody_knows_that_all_was_given_while_others_may_be_open(mode: Mode, given: bool) -> None:
    before = memo(B)
    history = ServedHistory([before], mode=mode, target=A.hash)
    assert not history.given
    history.reach(B)
    history.deliver(before)
    assert history.given is given
