"""What a step call does, and whose turn it is."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest.protocol.opcodes import Memo, Opcode, OpenStep
from inngest.protocol.steps import StepName
from inngest.sdk.invocation.replay import Answer, Behind, Changed, Decision, Execute, History, Park
from tests.unit.names import named

NOW = 1_000


A = named("a")
RUN, SLEEP = Opcode.STEP_RUN, Opcode.SLEEP


def memo(step: StepName, seq: int = 0, kind: Opcode = RUN) -> Memo:
    return Memo(step, kind, seq, "1", None, NOW)


def decide(entry: Memo | OpenStep | None, step: StepName, kind: Opcode, now: int) -> Decision:
    """What a call does of which this is recorded, and nothing else."""
    return History([], []).decide(entry, step, kind, now)


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
    assert decide(entry, A, SLEEP, NOW) == Changed(RUN)


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


def test_new_code_waits_until_the_code_has_asked_for_all_that_was_recorded() -> None:
    history = History([memo(A)], [OpenStep(named("b"), SLEEP, 0, NOW, 0)])
    for asked in (A, named("b")):
        assert history.decide(None, named("c"), RUN, NOW) == Behind()
        assert history.decide(None, named("c"), SLEEP, NOW) == Behind()
        history.reach(asked)
    assert history.decide(None, named("c"), RUN, NOW) == Execute(0)


def test_what_is_recorded_meanwhile_is_not_waited_for() -> None:
    history = History([memo(A)], [])
    history.reach(A)
    history.add(memo(named("b"), 1))
    assert history.decide(None, named("c"), RUN, NOW) == Execute(0)
    assert (history.missing, history.through) == (None, True)


def test_the_first_missing_one_is_named_memos_before_open_steps() -> None:
    history = History([memo(A, 1), memo(named("b"), 0)], [OpenStep(named("o"), SLEEP, 0, NOW, 0)])
    order = []
    while (missing := history.missing) is not None:
        order.append(missing.step.text)
        history.reach(missing.step)
    assert order == ["b", "a", "o"]


def ran(step: StepName, seq: int, started_at: int, ended_at: int) -> Memo:
    return Memo(step, RUN, seq, "1", None, ended_at, 0, started_at)


def test_patience_grows_with_the_recorded_time_before_a_step_and_with_each_hold() -> None:
    late = ran(named("b"), 1, 5_000, 9_000)
    history = History([ran(A, 0, 1_000, 2_500), late], [])
    assert [history.patience(late, holds) for holds in range(3)] == [6_000, 12_000, 24_000]
    assert history.patience(late, 500) == 600_000
    assert History([late], []).patience(late, 0) == 1_000
    far = ran(named("b"), 1, 9_000_000, 9_000_000)
    assert History([ran(A, 0, 1_000, 2_500), far], []).patience(far, 0) == 61_000


def test_patience_for_a_call_that_was_given_up_is_as_long_as_that_took() -> None:
    given_up = Memo(A, RUN, 0, None, None, 3_601_000, 0, 1_000, cancelled=True)
    history = History([given_up], [])
    history.reach(A)
    assert history.patience(given_up, 0) == 1_000 + 2 * 3_600_000
    assert history.patience(given_up, 9) == 1_000 + 2 * 3_600_000


def test_what_began_before_a_branch_was_given_up_is_passed_over() -> None:
    given, before, after = ran(A, 0, 1_000, 2_000), ran(named("b"), 1, 1_999, 2_100), ran(named("c"), 2, 2_000, 2_300)
    history = History([given, before, after], [])
    history.reach(A)
    history.deliver(given)
    assert history.pass_over(given.ended_at) == [before]
    assert (history.missing, history.next, history.left) == (after, after, [before, after])
    history.reach(before.step)
    assert history.may_come(before)
    history.deliver(before)
    assert (history.next, history.left) == (after, [after])
    assert not history.strayed


def test_who_follows_is_given_what_is_asked_for_and_is_known_to_have_strayed() -> None:
    first, second = memo(A, 0), memo(named("b"), 1)
    history = History([first, second], [], follows=True)
    history.reach(A)
    history.deliver(first)
    before = history.strayed
    assert history.decide(None, named("c"), RUN, NOW) == Execute(0)
    assert (before, history.strayed) == (False, True)
    history = History([first, second], [], follows=True)
    history.deliver(second)
    assert (history.strayed, history.next) == (True, first)
    assert history.decide(first, A, SLEEP, NOW) == Answer(first)
