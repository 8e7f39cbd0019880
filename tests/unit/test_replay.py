"""What a step call does, and whose turn it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest.errors import DeterminismError
from inngest.protocol.opcodes import Memo, Opcode, OpenStep
from inngest.protocol.steps import StepName
from inngest.sdk.replay import Answer, Execute, History, Park, decide
from tests.unit.names import named

NOW = 1_000


A = named("a")
RUN, SLEEP = Opcode.STEP_RUN, Opcode.SLEEP


def memo(step: StepName, seq: int = 0, kind: Opcode = RUN) -> Memo:
    return Memo(step, kind, seq, "1", None, NOW)


def test_a_finished_step_is_answered() -> None:
    for kind in (RUN, SLEEP):
        assert decide(memo(A, kind=kind), A, kind, NOW) == Answer(memo(A, kind=kind))


def test_a_new_step_runs_or_waits() -> None:
    assert decide(None, A, RUN, NOW) == Execute(0)
    assert decide(None, A, SLEEP, NOW) == Park(None)


@pytest.mark.parametrize(("due_at", "decision"), [(NOW - 1, "execute"), (NOW, "execute"), (NOW + 1, "park")])
def test_a_step_between_attempts_waits_until_the_next_is_due(due_at: int, decision: str) -> None:
    entry = OpenStep(A, RUN, 3, due_at, 0)
    assert decide(entry, A, RUN, NOW) == (Execute(3) if decision == "execute" else Park(entry))


@pytest.mark.parametrize("due_at", [NOW - 1, NOW + 1])
def test_a_sleep_ends_with_its_memo_and_not_before(due_at: int) -> None:
    entry = OpenStep(A, SLEEP, 0, due_at, 0)
    assert decide(entry, A, SLEEP, NOW) == Park(entry)


@pytest.mark.parametrize("entry", [memo(A), OpenStep(A, RUN, 1, NOW, 0)])
def test_a_record_of_another_kind_is_changed_code(entry: Memo | OpenStep) -> None:
    with pytest.raises(DeterminismError, match='step "a" was recorded as StepRun and is now Sleep'):
        decide(entry, A, SLEEP, NOW)


def test_the_history_knows_what_is_recorded() -> None:
    open_step = OpenStep(named("b"), SLEEP, 0, NOW, 0)
    history = History([memo(A)], [open_step])
    assert (history.entry(A), history.entry(named("b")), history.entry(named("c"))) == (memo(A), open_step, None)
    done = memo(named("b"), 1, SLEEP)
    history.add(done)
    assert history.entry(named("b")) == done


@given(st.permutations(range(8)), st.integers(0, 8))
def test_memos_are_delivered_in_the_order_of_their_commits(order: list[int], known: int) -> None:
    memos = [memo(named(str(seq)), seq) for seq in order]
    history = History(memos[:known], [])
    for late in memos[known:]:
        history.add(late)
    delivered: list[int] = []
    while history.replaying:
        upcoming = history.next
        assert upcoming is not None
        history.deliver(upcoming)
        delivered.append(upcoming.seq)
    assert delivered == list(range(8))
    assert history.next is None


def test_a_memo_cannot_be_delivered_before_its_turn() -> None:
    first, second = memo(A, 0), memo(named("b"), 1)
    history = History([first, second], [])
    with pytest.raises(AssertionError, match="memo 1 given before memo 0"):
        history.deliver(second)


def test_an_open_step_is_replayed_until_the_code_has_come_to_it() -> None:
    open_step = OpenStep(named("b"), SLEEP, 0, NOW, 0)
    history = History([], [open_step])
    assert (history.replaying, history.next) == (True, None)
    assert history.reach(A) is None
    assert history.replaying
    assert history.reach(named("b")) == open_step
    assert not history.replaying
