"""`advance`: what follows from what an invocation reports, for each opcode and each way to end."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inngest.engine.domain.advance import Moment, advance, woken
from inngest.engine.domain.advance import steps as steps_of_handlers
from inngest.engine.domain.advance.draft import LATER, Draft, Overflow
from inngest.engine.domain.model import Changes, Ended, Policy, Released, RunState, RunStatus
from inngest.protocol import limits
from inngest.protocol.calls import Completed, Failed, Outcome, Yielded
from inngest.protocol.errors import ErrorInfo
from inngest.protocol.opcodes import Memo, Op, Opcode, OpenStep, SentEvent
from inngest.protocol.steps import StepName
from tests.unit.names import named

NOW = 1_000_000
POLICY = Policy(max_steps=10, retry_interval=None)
MOMENT = Moment(NOW, 0.5)
OOPS = ErrorInfo("Oops", "it broke")


A, B, C = named("a"), named("b"), named("c")


def state(**values: Any) -> RunState:
    return RunState("run", "app-fn", **{"retries": 4, **values})


def sleeping(step: StepName, due_at: int, created_at: int = NOW - 100) -> OpenStep:
    return OpenStep(step, Opcode.SLEEP, 0, due_at, created_at)


# -- steps that run


def test_a_result_is_a_memo_and_the_bodys_attempts_begin_anew() -> None:
    event = SentEvent("x", "{}", "", 0, "id")
    op = Op(Opcode.STEP_RUN, A, attempt=2, started_at=5, data='"é"', events=(event,))
    changes = advance(state(attempt=3, seq=7), [op], None, POLICY, MOMENT)
    memo = Memo(A, Opcode.STEP_RUN, 7, '"é"', None, NOW, 2, 5)
    assert (changes.memos, changes.entries, changes.sent) == ([memo], [memo], [event])
    assert (changes.attempt, changes.size, changes.transition) == (0, 4, None)  # four bytes, three characters
    assert (list(changes.open), list(changes.failed)) == ([], [])


@given(
    data=st.none() | st.text(alphabet="aé😀", max_size=20).map(lambda text: f'"{text}"'),
    steps=st.integers(POLICY.max_steps - 2, POLICY.max_steps),
    left=st.integers(-1, 30),
    waits=st.booleans(),
)
def test_a_lone_result_is_decided_as_one_among_others(data: str | None, steps: int, left: int, waits: bool) -> None:
    run = state(
        attempt=2,
        seq=steps,
        steps=steps,
        size=limits.MAX_STATE - left,
        open={A.hash: sleeping(A, NOW)} if waits else {},
    )
    op = Op(Opcode.STEP_RUN, B, attempt=1, started_at=5, data=data)
    draft = Draft(run, POLICY, MOMENT)
    alone = steps_of_handlers.succeeded_alone(run, op, POLICY, MOMENT.now)
    try:
        steps_of_handlers.succeeded(draft, op)
    except Overflow:
        assert alone is None  # the long way says what is too much
    else:
        assert alone is not None
        changes = Changes.of_result(alone)
        assert [list(one) if isinstance(one, tuple | list) else one for one in changes] == [
            list(one) if isinstance(one, tuple | list) else one for one in draft.changes()
        ]


def test_a_failed_attempt_leaves_the_step_open_for_the_next() -> None:
    op = Op(Opcode.STEP_ERROR, A, attempt=1, started_at=NOW - 50, error=OOPS)
    changes = advance(state(attempt=3), [op], None, POLICY, MOMENT)
    opened = OpenStep(A, Opcode.STEP_RUN, 2, NOW + 30_000 + 15_000, NOW - 50)
    assert (list(changes.open), changes.entries, changes.memos) == ([opened], [opened], [])
    (failed,) = changes.failed
    assert (failed.step, failed.attempt, failed.started_at, failed.ended_at) == (A.hash, 1, NOW - 50, NOW)
    assert failed.error == OOPS
    assert changes.attempt == 3  # the body's own count goes on: nothing was recorded for good


def test_the_last_attempt_that_fails_is_the_steps_failure() -> None:
    for retries, attempt in ((4, 4), (0, 0), (4, 9)):
        op = Op(Opcode.STEP_ERROR, A, attempt=attempt, started_at=5, error=OOPS)
        changes = advance(state(retries=retries), [op], None, POLICY, MOMENT)
        assert changes.memos == [Memo(A, Opcode.STEP_RUN, 0, None, OOPS, NOW, attempt, 5)]
        assert list(changes.open) == []


def test_a_step_may_have_a_number_of_attempts_of_its_own() -> None:
    def memoised(attempt: int, max_attempts: int) -> bool:
        op = Op(Opcode.STEP_ERROR, A, attempt=attempt, error=OOPS, max_attempts=max_attempts)
        return bool(advance(state(retries=4), [op], None, POLICY, MOMENT).memos)

    assert [memoised(attempt, 2) for attempt in range(3)] == [False, True, True]
    assert [memoised(attempt, 7) for attempt in (4, 5, 6)] == [False, False, True]
    assert memoised(0, 1)


def test_a_failure_for_good_is_a_memo_whatever_attempts_are_left() -> None:
    op = Op(Opcode.STEP_FAILED, A, attempt=0, started_at=5, error=OOPS)
    changes = advance(state(), [op], None, POLICY, MOMENT)
    assert changes.memos == [Memo(A, Opcode.STEP_RUN, 0, None, OOPS, NOW, 0, 5)]


def test_an_error_may_set_the_delay_and_an_engine_too() -> None:
    def due(policy: Policy, retry_after: int | None) -> int:
        op = Op(Opcode.STEP_ERROR, A, error=OOPS, retry_after=retry_after)
        return advance(state(), [op], None, policy, MOMENT).open[0].due_at - NOW

    assert due(POLICY, None) == 15_000 + 15_000
    assert due(Policy(10, retry_interval=7), None) == 7
    assert due(Policy(10, retry_interval=7), 99) == 99


def test_a_step_that_fails_again_keeps_when_it_began() -> None:
    known = OpenStep(A, Opcode.STEP_RUN, 1, NOW, 123)
    op = Op(Opcode.STEP_ERROR, A, attempt=1, started_at=NOW, error=OOPS)
    changes = advance(state(open={A.hash: known}), [op], None, POLICY, MOMENT)
    assert changes.open[0].created_at == 123


def test_a_step_that_was_given_up_is_a_memo_that_says_so() -> None:
    op = Op(Opcode.STEP_CANCELLED, A, Opcode.SLEEP, started_at=5)
    changes = advance(state(), [op], None, POLICY, MOMENT)
    assert changes.memos == [Memo(A, Opcode.SLEEP, 0, None, None, NOW, 0, 5, cancelled=True)]


# -- sleeps


def test_a_sleep_is_open_until_its_deadline_which_is_set_once() -> None:
    op = Op(Opcode.SLEEP, A, Opcode.SLEEP, duration=500)
    first = advance(state(), [op], None, POLICY, MOMENT)
    assert list(first.open) == [OpenStep(A, Opcode.SLEEP, 0, NOW + 500, NOW)]
    run = state()
    run.apply(first)
    again = advance(run, [op], None, POLICY, Moment(NOW + 100, 0))
    assert (list(again.open), list(again.entries)) == ([], list(first.open))


def test_a_sleep_until_keeps_its_time() -> None:
    op = Op(Opcode.SLEEP, A, Opcode.SLEEP, until=NOW + 77)
    assert advance(state(), [op], None, POLICY, MOMENT).open[0].due_at == NOW + 77


@pytest.mark.parametrize(
    "op",
    [
        Op(Opcode.SLEEP, A, Opcode.SLEEP, duration=0),
        Op(Opcode.SLEEP, A, Opcode.SLEEP, duration=-5),
        Op(Opcode.SLEEP, A, Opcode.SLEEP, until=NOW),
        Op(Opcode.SLEEP, A, Opcode.SLEEP, until=5),
    ],
)
def test_a_sleep_that_is_over_is_a_memo_at_once(op: Op) -> None:
    changes = advance(state(), [op], None, POLICY, MOMENT)
    assert changes.memos == [Memo(A, Opcode.SLEEP, 0, None, None, NOW, 0, NOW)]


def test_a_sleep_that_fell_due_while_its_invocation_was_going_is_a_memo() -> None:
    run = state(open={A.hash: sleeping(A, NOW)})
    changes = advance(run, [Op(Opcode.WAKE, A, Opcode.SLEEP)], None, POLICY, MOMENT)
    assert changes.memos == [Memo(A, Opcode.SLEEP, 0, None, None, NOW, 0, NOW - 100)]
    run.apply(changes)
    assert run.open == {}


def test_sleeps_that_fell_due_while_nobody_owned_the_run_end_in_the_order_of_their_deadlines() -> None:
    retrying = OpenStep(named("r"), Opcode.STEP_RUN, 1, NOW - 50, 0)
    steps = [sleeping(A, NOW - 1), sleeping(B, NOW - 9), sleeping(C, NOW + 1), retrying]
    changes, _ = woken(state(seq=3, open={step.step.hash: step for step in steps}), POLICY, MOMENT)
    assert [(memo.step, memo.seq) for memo in changes.memos] == [(B, 3), (A, 4)]


# -- ends


def test_a_function_that_returned_has_completed() -> None:
    assert advance(state(), [], Completed("5"), POLICY, MOMENT).transition == Ended(RunStatus.COMPLETED, "5", None)


def test_a_body_that_raised_is_entered_again_after_a_while() -> None:
    changes = advance(state(attempt=1), [], Failed(OOPS, True), POLICY, MOMENT)
    assert (changes.transition, changes.attempt) == (Released(NOW + 30_000 + 15_000), 2)
    assert [(one.step, one.attempt, one.error) for one in changes.failed] == [("", 1, OOPS)]


@pytest.mark.parametrize(("attempt", "retriable"), [(4, True), (0, False)])
def test_a_body_that_raised_for_the_last_time_or_for_good_fails_the_run(attempt: int, retriable: bool) -> None:
    changes = advance(state(attempt=attempt), [], Failed(OOPS, retriable), POLICY, MOMENT)
    assert changes.transition == Ended(RunStatus.FAILED, None, OOPS)


NAP = Op(Opcode.SLEEP, A, Opcode.SLEEP, duration=100)


def test_what_waited_beside_a_body_that_raised_is_recorded_and_keeps_its_deadline() -> None:
    run = state()
    changes = advance(run, [], Failed(OOPS, True, ops=(NAP,)), POLICY, MOMENT)
    assert [(step.step, step.due_at) for step in changes.open] == [(A, NOW + 100)]
    run.apply(changes)
    later = MOMENT._replace(now=NOW + 50)
    changes = advance(run, [], Failed(OOPS, True, ops=(NAP,)), POLICY, later)
    assert [step.due_at for step in (*run.open.values(), *changes.open)][-1] == NOW + 100


@pytest.mark.parametrize(("attempt", "retriable"), [(4, True), (0, False)])
def test_a_run_that_fails_opens_no_step(attempt: int, retriable: bool) -> None:
    changes = advance(state(attempt=attempt), [], Failed(OOPS, retriable, ops=(NAP,)), POLICY, MOMENT)
    assert changes.open == ()


def test_a_step_that_is_recorded_with_the_failure_of_the_body_gives_it_a_new_counter() -> None:
    op = Op(Opcode.STEP_RUN, A, data="1")
    changes = advance(state(attempt=4), [op], Failed(OOPS, True), POLICY, MOMENT)
    assert isinstance(changes.transition, Released)
    assert changes.attempt == 1


def test_a_function_that_waits_goes_on_when_the_first_of_its_steps_falls_due() -> None:
    run = state(open={A.hash: sleeping(A, NOW + 900), B.hash: sleeping(B, NOW + 300)})
    nap = Op(Opcode.SLEEP, C, Opcode.SLEEP, duration=500)
    assert advance(run, [], Yielded((nap,)), POLICY, MOMENT).transition == Released(NOW + 300)
    woke = Op(Opcode.WAKE, B, Opcode.SLEEP)
    assert advance(run, [woke], Yielded((nap,)), POLICY, MOMENT).transition == Released(NOW + 500)
    assert advance(run, [], Yielded((), at_once=True), POLICY, MOMENT).transition == Released(NOW)


@pytest.mark.parametrize("waits", [False, True], ids=["alone", "beside another"])
def test_a_function_that_waits_goes_on_at_once_if_a_sleep_is_over_by_the_time_it_is_recorded(waits: bool) -> None:
    run = state(open={A.hash: sleeping(A, NOW + 900)} if waits else {})
    changes = advance(run, [], Yielded((Op(Opcode.SLEEP, C, Opcode.SLEEP, until=NOW),)), POLICY, MOMENT)
    assert [memo.step for memo in changes.memos] == [C]
    assert changes.transition == Released(NOW)


def test_an_attempt_that_is_due_and_that_the_code_did_not_come_to_is_no_cause_to_enter_it() -> None:
    due, later = (OpenStep(step, Opcode.STEP_RUN, 1, at, 0) for step, at in ((A, NOW - 5), (B, NOW + 5)))
    slept, nap = sleeping(C, NOW - 1), sleeping(named("d"), NOW + 900)

    def released(*steps: OpenStep, unreached: Sequence[OpenStep]) -> object:
        run = state(open={step.step.hash: step for step in steps})
        return advance(run, [], Yielded((), False, [one.step.hash for one in unreached]), POLICY, MOMENT).transition

    assert released(due, nap, unreached=[due]) == Released(NOW + 900)
    assert released(due, nap, unreached=[]) == Released(NOW - 5)  # it fell due just now
    assert released(due, later, nap, unreached=[due, later]) == Released(NOW + 5)
    assert released(due, slept, nap, unreached=[due, slept]) == Released(NOW - 1)  # it gets its memo
    assert released(due, unreached=[due]) == Released(NOW + LATER)


# -- what is too much


def test_a_run_with_more_steps_than_allowed_fails_and_keeps_those_that_fit() -> None:
    ops = [Op(Opcode.STEP_RUN, step, data="1") for step in (A, B, C)]
    changes = advance(state(steps=8), ops, None, POLICY, MOMENT)
    assert [memo.step for memo in changes.memos] == [A, B]
    assert isinstance(changes.transition, Ended)
    assert changes.transition.error is not None
    assert (changes.transition.status, changes.transition.error.code) == ("FAILED", "function_overflowed")
    assert 'at step "c"' in changes.transition.error.message


def test_a_run_whose_results_take_over_32_megabytes_fails() -> None:
    mb = 1024 * 1024
    fits = Op(Opcode.STEP_RUN, A, data='"' + "x" * (mb - 2) + '"')
    assert advance(state(size=31 * mb), [fits], None, POLICY, MOMENT).transition is None
    changes = advance(state(size=31 * mb + 1), [fits], None, POLICY, MOMENT)
    assert isinstance(changes.transition, Ended)
    assert changes.transition.error is not None
    assert changes.transition.error.code == "state_overflowed"
    assert changes.memos == []


def test_sleeps_that_fell_due_beyond_the_limit_are_an_overflow_and_those_that_fit_are_kept() -> None:
    run = state(steps=9, open={A.hash: sleeping(A, NOW), B.hash: sleeping(B, NOW - 1)})
    changes, overflow = woken(run, POLICY, MOMENT)
    assert [memo.step for memo in changes.memos] == [B]
    assert overflow is not None
    assert (overflow.code, 'at step "a"' in overflow.message) == ("function_overflowed", True)


def test_a_run_that_is_too_large_by_what_came_gets_no_step_more() -> None:
    nap = Op(Opcode.SLEEP, A, Opcode.SLEEP, duration=0)
    changes = advance(state(size=32 * 1024 * 1024 + 1), [nap], None, POLICY, MOMENT)
    assert isinstance(changes.transition, Ended)
    assert changes.transition.error is not None
    assert changes.transition.error.code == "state_overflowed"


# -- always

step_names = st.sampled_from([A, B, C, named("d"), named("e")])
kinds = st.sampled_from([Opcode.STEP_RUN, Opcode.STEP_ERROR, Opcode.STEP_FAILED, Opcode.STEP_CANCELLED, Opcode.SLEEP])


def report(opcode: Opcode, step: StepName, number: int) -> Op:
    if opcode is Opcode.SLEEP:
        return Op(opcode, step, Opcode.SLEEP, duration=number - 2)
    data = '"é"' * (number % 2) or "1"
    failed = opcode in (Opcode.STEP_ERROR, Opcode.STEP_FAILED)
    return Op(opcode, step, attempt=number, data=None if failed else data, error=OOPS if failed else None)


reports = st.builds(report, kinds, step_names, st.integers(0, 6))
endings = st.sampled_from([None, Completed("1"), Failed(OOPS, True), Failed(OOPS, False), Yielded(), Yielded((), True)])


@given(st.lists(reports, max_size=5, unique_by=lambda op: op.step), endings, st.integers(0, 10), st.integers(0, 5))
def test_what_is_decided_is_consistent(ops: list[Op], ending: Outcome | None, steps: int, attempt: int) -> None:
    run = state(seq=steps, steps=steps, attempt=attempt, open={C.hash: sleeping(C, NOW + 5)})
    before = copy.deepcopy(run)
    changes = advance(run, ops, ending, POLICY, MOMENT)
    assert run == before  # nothing is changed by deciding
    assert [memo.seq for memo in changes.memos] == list(range(steps, steps + len(changes.memos)))
    assert steps + len(changes.memos) <= POLICY.max_steps
    overflowed = isinstance(changes.transition, Ended) and changes.transition.error not in (None, OOPS)
    if not overflowed:
        assert [entry.step for entry in changes.entries] == [op.step for op in ops]
    assert not {memo.step for memo in changes.memos} & {step.step for step in changes.open}
    assert all(step.due_at >= NOW for step in changes.open)
    run.apply(changes)
    assert (run.steps, run.seq) == (steps + len(changes.memos), steps + len(changes.memos))
    assert run.size == changes.size
    assert not set(run.open) & {memo.step.hash for memo in changes.memos}
    if isinstance(changes.transition, Released) and ending != Failed(OOPS, True) and run.open:
        assert changes.transition.due_at is not None
        assert changes.transition.due_at <= min(step.due_at for step in run.open.values())


# -- reports that come again


def _reported(run: RunState, op: Op) -> object:
    """What a report is answered with, once it is taken over."""
    changes = advance(run, [op], None, POLICY, MOMENT)
    run.apply(changes)
    (entry,) = changes.entries
    return entry


@pytest.mark.parametrize(
    "again",
    [
        Op(Opcode.STEP_RUN, A, data='"second"', events=(SentEvent("x", "{}", "", 0, "id"),)),
        Op(Opcode.STEP_ERROR, A, error=OOPS),
        Op(Opcode.STEP_FAILED, A, error=OOPS),
        Op(Opcode.STEP_CANCELLED, A),
        Op(Opcode.WAKE, A, Opcode.SLEEP),
    ],
)
def test_what_is_done_is_answered_with_its_memo(again: Op) -> None:
    run = state()
    first = _reported(run, Op(Opcode.STEP_RUN, A, data='"first"'))
    before = copy.deepcopy(run)
    changes = advance(run, [again, again], None, POLICY, MOMENT)
    assert list(changes.entries) == [first, first]
    assert not any((changes.memos, changes.open, changes.failed, changes.sent, changes.size))
    run.apply(changes)
    assert run == before


def test_what_is_done_in_the_same_report_is_answered_so_too() -> None:
    ops = [Op(Opcode.STEP_RUN, A, data='"first"'), Op(Opcode.STEP_RUN, A, data='"second"')]
    changes = advance(state(), ops, None, POLICY, MOMENT)
    assert [entry.data for entry in changes.entries if isinstance(entry, Memo)] == ['"first"'] * 2
    assert len(changes.memos) == 1


def test_a_failed_attempt_that_is_reported_again_keeps_the_time_of_the_next() -> None:
    run = state()
    first = _reported(run, Op(Opcode.STEP_ERROR, A, attempt=0, error=OOPS))
    changes = advance(run, [Op(Opcode.STEP_ERROR, A, attempt=0, error=OOPS)], None, POLICY, Moment(NOW + 5, 0.9))
    assert (list(changes.entries), list(changes.failed), list(changes.open)) == ([first], [], [])
    assert _reported(run, Op(Opcode.STEP_ERROR, A, attempt=1, error=OOPS)) != first
